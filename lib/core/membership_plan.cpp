#include "core/membership_plan.hpp"

#include <algorithm>
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

void MembershipPlan::add_host(const Cause& cause, Actions& actions) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(cause.host);
    const auto [it, is_new] = groups_.try_emplace(group.low24);
    Membership& membership = it->second;
    if (++membership.hosts == 1) {
        membership.cause = cause;
    }
    if (!is_new) {
        return;
    }
    ++tally(State::waiting);
    // A replan joins at its end, when it is known how many there are.
    if (attached() && !replanning_) {
        join(group, membership, actions);
    }
}

void MembershipPlan::remove_host(const Ipv6Address& host, Actions& actions) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(host);
    const auto it = groups_.find(group.low24);
    if (it == groups_.end() || --it->second.hosts > 0 || it->second.claimed()) {
        return;
    }
    const bool was_held = it->second.state == State::held;
    leave(it, actions);
    if (was_held) {
        actions.emplace_back(left_notice(group, host));
    }
}

void MembershipPlan::claim(SolicitedNodeGroup group, TimePoint until, Actions& actions) {
    const auto [it, is_new] = groups_.try_emplace(group.low24);
    if (!is_new) {
        return;
    }
    it->second.claimed_until = until;
    first_claim_end_ = std::min(first_claim_end_.value_or(until), until);
    ++tally(State::waiting);
    if (attached() && !replanning_) {
        join(group, it->second, actions);
    }
}

void MembershipPlan::postpone_claims(Duration slept) {
    if (!first_claim_end_) {
        return;
    }
    *first_claim_end_ += slept;
    for (auto& [low24, membership] : groups_) {
        if (membership.claimed()) {
            membership.claimed_until += slept;
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
    for (auto& [low24, membership] : groups_) {
        membership.hosts = 0;
    }
}

void MembershipPlan::end_replan(Actions& actions) {
    replanning_ = false;
    sweep(actions);
    if (attached()) {
        join_waiting(actions);
    }
}

/// Leaves what nobody wants, and tells of it: one by one, or in one line when it is much.
void MembershipPlan::sweep(Actions& actions) {
    std::vector<Notice> told;
    for (auto it = groups_.begin(); it != groups_.end();) {
        if (it->second.hosts > 0 || it->second.claimed()) {
            ++it;
            continue;
        }
        if (it->second.state == State::held) {
            told.push_back(left_notice(SolicitedNodeGroup{it->first}, it->second.cause.host));
        }
        it = leave(it, actions);
    }
    if (told.size() > kToldSingly) {
        Notice many = notice(NoticeKind::left_many);
        many.count = told.size();
        told = {std::move(many)};
    }
    std::move(told.begin(), told.end(), std::back_inserter(actions));
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
        close_burst_entry(membership, false, actions);
        if (!std::exchange(failure_told_, true)) {
            Notice refused = notice(NoticeKind::join_failed);
            refused.group = group;
            refused.host = membership.cause.host;
            refused.error = error;
            actions.emplace_back(std::move(refused));
        }
        if (!retry_at_) {
            retry_at_ = now + retry_after_;
            retry_after_ = std::min(retry_after_ * 2, kLastRetry);
        }
        return;
    }
    if (membership.in_burst) {
        close_burst_entry(membership, true, actions);
    } else {
        Notice joined = notice(NoticeKind::joined);
        joined.group = group;
        if (membership.hosts > 0) {
            joined.host = membership.cause.host;
            joined.evidence = membership.cause.evidence;
        }
        actions.emplace_back(std::move(joined));
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
        Notice told = notice(NoticeKind::groups_lost);
        told.count = lost;
        actions.emplace_back(std::move(told));
        join_waiting(actions);
    }
}

bool MembershipPlan::holds(SolicitedNodeGroup group) const {
    const auto it = groups_.find(group.low24);
    return it != groups_.end() && it->second.state == State::held;
}

std::optional<TimePoint> MembershipPlan::next_deadline() const {
    if (retry_at_ && first_claim_end_) {
        return std::min(*retry_at_, *first_claim_end_);
    }
    return retry_at_ ? retry_at_ : first_claim_end_;
}

void MembershipPlan::tick(TimePoint now, Actions& actions) {
    if (retry_at_ && *retry_at_ <= now) {
        retry(actions);
    }
    if (first_claim_end_ && *first_claim_end_ <= now) {
        end_claims(now, actions);
    }
}

void MembershipPlan::end_claims(TimePoint now, Actions& actions) {
    first_claim_end_.reset();
    for (auto& [low24, membership] : groups_) {
        if (!membership.claimed()) {
            continue;
        }
        if (membership.claimed_until <= now) {
            membership.claimed_until = TimePoint::min();
        } else {
            first_claim_end_ = std::min(first_claim_end_.value_or(membership.claimed_until),
                                        membership.claimed_until);
        }
    }
    sweep(actions);
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

MembershipPlan::Groups::iterator MembershipPlan::leave(Groups::iterator it, Actions& actions) {
    Membership& membership = it->second;
    if (membership.state == State::held || membership.state == State::joining) {
        actions.emplace_back(LeaveGroup{index_, SolicitedNodeGroup{it->first}});
    }
    close_burst_entry(membership, false, actions);
    --tally(membership.state);
    const auto next = groups_.erase(it);
    settle_failure(actions);
    return next;
}

void MembershipPlan::close_burst_entry(Membership& membership, bool joined, Actions& actions) {
    if (!std::exchange(membership.in_burst, false)) {
        return;
    }
    burst_joined_ += joined ? 1 : 0;
    if (--burst_open_ == 0 && burst_joined_ > 0) {
        Notice many = notice(NoticeKind::joined_many);
        many.count = std::exchange(burst_joined_, 0);
        actions.emplace_back(std::move(many));
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

Notice MembershipPlan::left_notice(SolicitedNodeGroup group, const Ipv6Address& last) const {
    Notice left = notice(NoticeKind::left);
    left.group = group;
    if (!last.is_unspecified()) {
        left.host = last;
    }
    return left;
}

Notice MembershipPlan::notice(NoticeKind kind) const {
    return {kind, interface_};
}

}  // namespace solicitd
