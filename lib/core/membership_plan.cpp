#include "core/membership_plan.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace solicitd {

std::string_view to_string(MembershipPlan::State state) {
    switch (state) {
        case MembershipPlan::State::waiting: return "waiting";
        case MembershipPlan::State::joining: return "joining";
        case MembershipPlan::State::held: return "held";
        case MembershipPlan::State::failed: return "failed";
    }
    return "unknown";
}

/// Makes a change to whom the group is wanted for.
template <typename Change>
void MembershipPlan::recount(Membership& membership, Change change) {
    only_reported_ -= membership.only_reported() ? 1 : 0;
    change();
    only_reported_ += membership.only_reported() ? 1 : 0;
}

bool MembershipPlan::add_host(const Cause& cause, Actions& actions) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(cause.host);
    auto it = groups_.find(group.low24);
    const bool is_new = it == groups_.end();
    if (is_new) {
        if (replanning_ ? kept_ >= limit_ : !has_room()) {
            return false;
        }
        it = groups_.try_emplace(group.low24).first;
        ++tally(State::waiting);
    }
    Membership& membership = it->second;
    if (replanning_ && !keep(membership)) {
        membership.refused = true;
        return false;
    }
    recount(membership, [&] { ++membership.hosts; });
    if (membership.hosts == 1) {
        membership.cause = cause;
    }
    // A replan joins at its end, when it is known how many there are.
    if (is_new && attached() && !replanning_) {
        join(group, membership, actions);
    }
    return true;
}

void MembershipPlan::remove_host(const Ipv6Address& host, bool evicted, TimePoint now,
                                 Actions& actions) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(host);
    const auto it = groups_.find(group.low24);
    if (it == groups_.end()) {
        return;
    }
    recount(it->second, [&] { --it->second.hosts; });
    if (Cause& cause = it->second.cause; cause.host == host) {  // what comes is not for its sake
        cause.host = Ipv6Address{};
        cause.evidence = it->second.leased() ? it->second.leased_by : cause.evidence;
    }
    if (it->second.hosts > 0 || it->second.leased()) {
        return;
    }
    const bool was_held = it->second.state == State::held;
    leave(it, now, actions);
    if (was_held && !evicted) {
        Notice left = notice(NoticeKind::left);
        left.group = group;
        left.host = host;
        changes_.tell(std::move(left), now, actions);
    }
}

bool MembershipPlan::lease(SolicitedNodeGroup group, TimePoint until, Evidence evidence,
                           Actions& actions) {
    const bool no_room = !has_room() || only_reported_ >= kMostReported;
    if (evidence == Evidence::mld_report && no_room && !wants(group)) {
        return false;
    }
    const auto [it, is_new] = groups_.try_emplace(group.low24);
    Membership& membership = it->second;
    if (until > membership.leased_until) {
        recount(membership, [&] {
            membership.leased_until = until;
            membership.leased_by = evidence;
        });
        first_lease_end_ = std::min(first_lease_end_.value_or(until), until);
    }
    if (is_new) {
        membership.cause = {Ipv6Address{}, evidence};
        ++tally(State::waiting);
        if (attached() && !replanning_) {
            join(group, membership, actions);
        }
    }
    return true;
}

void MembershipPlan::postpone_leases(Duration slept) {
    if (!first_lease_end_) {
        return;
    }
    *first_lease_end_ += slept;
    for (auto& [low24, membership] : groups_) {
        if (membership.leased()) {
            membership.leased_until += slept;
        }
    }
}

void MembershipPlan::attach(Ifindex index, Actions& actions) {
    index_ = index;
    join_waiting(actions);
}

void MembershipPlan::detach(Actions& actions) {
    if (!attached()) {
        return;
    }
    actions.emplace_back(ForgetMemberships{index_});
    index_ = 0;
    for (auto& [low24, membership] : groups_) {
        enter(membership, State::waiting);
        membership.in_burst = false;
    }
    retry_at_.reset();
    retry_after_ = kFirstRetry;
    burst_joined_ = burst_open_ = 0;
}

void MembershipPlan::begin_replan() {
    replanning_ = true;
    kept_ = 0;
    for (auto& [low24, membership] : groups_) {
        recount(membership, [&group = membership] { group.hosts = 0; });
        membership.kept = membership.refused = false;
    }
}

/// Gives the group a place, if it has none and there is one.
bool MembershipPlan::keep(Membership& membership) {
    if (!membership.kept && kept_ < limit_) {
        membership.kept = true;
        ++kept_;
    }
    return membership.kept;
}

bool MembershipPlan::keep_leases(Evidence evidence) {
    std::vector<Membership*> leases;
    for (auto& [low24, membership] : groups_) {
        if (membership.leased() && membership.leased_by == evidence) {
            leases.push_back(&membership);
        }
    }
    std::sort(leases.begin(), leases.end(), [](const Membership* a, const Membership* b) {
        return a->leased_until > b->leased_until;
    });
    std::size_t kept = 0;
    for (Membership* lease : leases) {
        kept += keep(*lease) ? 1 : 0;
    }
    return kept > 0;
}

std::size_t MembershipPlan::end_replan(TimePoint now, Actions& actions) {
    replanning_ = false;
    std::size_t evicted = 0;
    for (auto it = groups_.begin(); it != groups_.end();) {
        if (!it->second.kept && (it->second.refused || it->second.leased())) {
            ++evicted;
            it = leave(it, now, actions);
        } else {
            ++it;
        }
    }
    sweep(now, actions);
    if (attached()) {
        join_waiting(actions);
    }
    return evicted;
}

/// Leaves what nobody wants, and tells of it: one by one, or in one line when it is much.
void MembershipPlan::sweep(TimePoint now, Actions& actions) {
    std::vector<Notice> left;
    for (auto it = groups_.begin(); it != groups_.end();) {
        if (it->second.hosts > 0 || it->second.leased()) {
            ++it;
            continue;
        }
        if (it->second.state == State::held) {
            left.push_back(notice(NoticeKind::left, it->second, SolicitedNodeGroup{it->first}));
        }
        it = leave(it, now, actions);
    }
    if (left.size() > kToldSingly) {
        left = {notice(NoticeKind::left_many, left.size())};
    }
    for (Notice& each : left) {
        changes_.tell(std::move(each), now, actions);
    }
}

void MembershipPlan::result(SolicitedNodeGroup group, int error, TimePoint now, Actions& actions) {
    const auto it = groups_.find(group.low24);
    if (it == groups_.end() || it->second.state != State::joining) {
        return;
    }
    Membership& membership = it->second;
    membership.error = error;
    enter(membership, error == 0 ? State::held : State::failed);
    if (error != 0) {
        close_burst_entry(membership, false, now, actions);
        // The interface may be on its way out, of which an event is about to tell; what is so at
        // the next try still is a failure.
        const bool first_try = retry_at_ || retry_after_ == kFirstRetry;
        const bool vanishing = error == ENODEV && first_try;
        if (!vanishing && !std::exchange(failure_told_, true)) {
            Notice refused = notice(NoticeKind::join_failed, membership, group);
            refused.error = error;
            actions.emplace_back(std::move(refused));
        }
        if (!retry_at_) {
            retry_at_ = now + retry_after_;
            retry_after_ = std::min(retry_after_ * 2, kLastRetry);
        }
        return;
    }
    membership.held_since = now;
    if (membership.in_burst) {
        close_burst_entry(membership, true, now, actions);
    } else {
        changes_.tell(notice(NoticeKind::joined, membership, group), now, actions);
    }
    settle_failure(actions);
}

void MembershipPlan::audit(const std::vector<SolicitedNodeGroup>& in_kernel, Actions& actions) {
    std::size_t lost = 0;
    for (auto& [low24, membership] : groups_) {
        const SolicitedNodeGroup group{low24};
        if (membership.state == State::held &&
            !std::binary_search(in_kernel.begin(), in_kernel.end(), group)) {
            ++lost;
            actions.emplace_back(LeaveGroup{index_, group});
            enter(membership, State::waiting);
        }
    }
    if (lost > 0) {
        actions.emplace_back(notice(NoticeKind::groups_lost, lost));
        join_waiting(actions);
    }
}

bool MembershipPlan::holds(SolicitedNodeGroup group) const {
    const auto it = groups_.find(group.low24);
    return it != groups_.end() && it->second.state == State::held;
}

void MembershipPlan::asked(SolicitedNodeGroup group, TimePoint now) {
    const auto it = groups_.find(group.low24);
    if (it != groups_.end()) {
        ++it->second.asked;
        it->second.last_asked = now;
    }
}

std::optional<TimePoint> MembershipPlan::next_deadline() const {
    std::optional<TimePoint> first = retry_at_;
    for (const auto when : {first_lease_end_, changes_.next_deadline()}) {
        if (when && (!first || *when < *first)) {
            first = when;
        }
    }
    return first;
}

void MembershipPlan::tick(TimePoint now, Actions& actions) {
    if (retry_at_ && *retry_at_ <= now) {
        retry(actions);
    }
    if (first_lease_end_ && *first_lease_end_ <= now) {
        end_leases(now, actions);
    }
    changes_.tick(now, actions);
}

void MembershipPlan::end_lease(Membership& membership) {
    recount(membership, [&] { membership.leased_until = TimePoint::min(); });
}

void MembershipPlan::end_leases(TimePoint now, Actions& actions) {
    first_lease_end_.reset();
    for (auto& [low24, membership] : groups_) {
        if (!membership.leased()) {
            continue;
        }
        if (membership.leased_until <= now) {
            end_lease(membership);
        } else {
            first_lease_end_ = std::min(first_lease_end_.value_or(membership.leased_until),
                                        membership.leased_until);
        }
    }
    sweep(now, actions);
}

void MembershipPlan::retry(Actions& actions) {
    retry_at_.reset();
    for (auto& [low24, membership] : groups_) {
        if (membership.state == State::failed) {
            enter(membership, State::waiting);
        }
    }
    join_waiting(actions);
}

void MembershipPlan::enter(Membership& membership, State state) {
    --tally(membership.state);
    ++tally(state);
    membership.state = state;
}

std::size_t& MembershipPlan::tally(State state) {
    return tallies_[static_cast<std::size_t>(state)];
}

void MembershipPlan::join(SolicitedNodeGroup group, Membership& membership, Actions& actions) {
    enter(membership, State::joining);
    actions.emplace_back(JoinGroup{index_, group});
}

void MembershipPlan::join_waiting(Actions& actions) {
    const bool burst = tally(State::waiting) > kToldSingly;
    for (auto& [low24, membership] : groups_) {
        if (membership.state == State::waiting) {
            membership.in_burst = burst;
            burst_open_ += burst ? 1 : 0;
            join(SolicitedNodeGroup{low24}, membership, actions);
        }
    }
}

MembershipPlan::Groups::iterator MembershipPlan::leave(Groups::iterator it, TimePoint now,
                                                       Actions& actions) {
    Membership& membership = it->second;
    if (membership.state == State::held || membership.state == State::joining) {
        actions.emplace_back(LeaveGroup{index_, SolicitedNodeGroup{it->first}});
    }
    close_burst_entry(membership, false, now, actions);
    only_reported_ -= membership.only_reported() ? 1 : 0;
    --tally(membership.state);
    const auto next = groups_.erase(it);
    settle_failure(actions);
    return next;
}

void MembershipPlan::close_burst_entry(Membership& membership, bool joined, TimePoint now,
                                       Actions& actions) {
    if (!std::exchange(membership.in_burst, false)) {
        return;
    }
    burst_joined_ += joined ? 1 : 0;
    if (--burst_open_ == 0 && burst_joined_ > 0) {
        changes_.tell(notice(NoticeKind::joined_many, std::exchange(burst_joined_, 0)), now,
                      actions);
    }
}

void MembershipPlan::settle_failure(Actions& actions) {
    if (held() < wanted()) {
        return;
    }
    retry_at_.reset();
    retry_after_ = kFirstRetry;
    if (std::exchange(failure_told_, false) && held() > 0) {
        actions.emplace_back(notice(NoticeKind::join_recovered));
    }
}

Notice MembershipPlan::notice(NoticeKind kind) const {
    return {kind, interface_};
}

/// Which group, and what it was wanted for.
Notice MembershipPlan::notice(NoticeKind kind, const Membership& membership,
                              SolicitedNodeGroup group) const {
    Notice told = notice(kind);
    told.group = group;
    told.evidence = membership.cause.evidence;
    if (!membership.cause.host.is_unspecified()) {
        told.host = membership.cause.host;
    }
    return told;
}

Notice MembershipPlan::notice(NoticeKind kind, std::size_t count) const {
    Notice told = notice(kind);
    told.count = count;
    return told;
}

}  // namespace solicitd
