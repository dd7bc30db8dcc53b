#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/engine.hpp"

/// The part of the engine that listens to an upstream and speaks there: the querier, our own
/// announcements, Neighbor Solicitations; and the groups that the LAN reports.
namespace solicitd {
namespace {

/// What brings an announcement often comes as several events.
constexpr Announcer::Window kAfterEvent{{}, std::chrono::seconds(1)};
/// Until a switch forwards again, and the link-local address is past its DAD.
constexpr Announcer::Window kAfterOutage{std::chrono::seconds(1), std::chrono::seconds(4)};

/// What the kernel holds there and would report: for hosts, or for the router itself.
bool is_held(const Upstream& upstream, SolicitedNodeGroup group) {
    const auto& own = upstream.own_addresses.entries();
    return upstream.plan.holds(group) || std::any_of(own.begin(), own.end(), [&](const auto& each) {
               return SolicitedNodeGroup::of(each.address) == group;
           });
}

std::vector<SolicitedNodeGroup> announced_groups(const Upstream& upstream) {
    std::vector<SolicitedNodeGroup> groups;
    groups.reserve(upstream.plan.held() + upstream.own_addresses.entries().size());
    upstream.plan.for_each([&](SolicitedNodeGroup group, const MembershipPlan::Membership& each) {
        if (each.state == MembershipPlan::State::held) {
            groups.push_back(group);
        }
    });
    // The kernel is as silent about those.
    for (const OwnAddresses::Entry& own : upstream.own_addresses.entries()) {
        groups.push_back(SolicitedNodeGroup::of(own.address));
    }
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    return groups;
}

}  // namespace

void Engine::on(const GroupReported& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.index)) {
        report_of_others(*upstream, event, turn.now);
    } else if (const auto downstream = find_downstream(event.index)) {
        report_on_lan(*downstream, event, turn);
    }
}

void Engine::on(const QueryHeard& event, Turn turn) {
    Upstream* upstream = find_upstream(event.index);
    if (upstream == nullptr) {
        return;
    }
    ++counters_.queries;
    const MldQuery& query = event.query;
    if (query.version == MldVersion::v1) {
        upstream->answered_v1 = GroupSet(seed_);
    }
    if (!query.source.is_unspecified()) {
        told_of_querier(*upstream, upstream->querier.heard(query, turn.now), turn);
        return;
    }
    // The kernel answers none from ::, though snoopers without an address ask so.
    constexpr std::string_view kReason = "a query from ::";
    if (query.is_general()) {
        announce(*upstream, kReason, {{}, query.max_response}, turn.now, query.version);
    } else if (const auto group = SolicitedNodeGroup::from_address(query.group);
               group && config_.announce != AnnounceMode::never && is_held(*upstream, *group)) {
        upstream->announcer.ask_for(*group, kReason, turn.now, {{}, query.max_response},
                                    query.version);
    }
}

void Engine::on(const NeighborAsked& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.index)) {
        ++counters_.asked;
        // The others came to our MAC address, which proves nothing about the group.
        if (event.multicast) {
            upstream->plan.asked(SolicitedNodeGroup::of(event.target), turn.now);
        }
        ask_lan(*upstream, event.target, turn);
    }
}

void Engine::on(const ReportSent& event, Turn turn) {
    Upstream* upstream = find_upstream(event.upstream);
    if (upstream == nullptr) {
        return;
    }
    const bool success = event.error == 0;
    if (event.error == EPERM) {  // what never came so far is not among the discards
        upstream->reports.refused_ours();
    }
    if (success && upstream->reports.passed_ours()) {
        turn.actions.emplace_back(Notice(NoticeKind::reports_pass, upstream->link.name));
    }
    if (!upstream->announcer.sent(success, turn.now)) {
        return;
    }
    Notice notice(success ? NoticeKind::report_recovered : NoticeKind::report_failed,
                  upstream->link.name);
    notice.error = event.error;
    turn.actions.emplace_back(std::move(notice));
}

void Engine::tick_upstream(Upstream& upstream, Turn turn) {
    told_of_querier(upstream, upstream.querier.tick(turn.now), turn);
    if (!can_report(upstream)) {
        return;
    }
    const Announcer::Sender sender{upstream.link.index, *upstream.own_addresses.link_local(),
                                   upstream.link.mtu, upstream.querier.version(turn.now)};
    if (upstream.announcer.start_is_due(turn.now)) {
        const Announcer::Started started =
            upstream.announcer.start(announced_groups(upstream), sender, turn.now);
        if (started.groups > 0) {  // what was asked for may have been left meanwhile
            Notice told(NoticeKind::announced, upstream.link.name);
            told.count = started.groups;
            told.reason = started.reason;
            turn.actions.emplace_back(std::move(told));
        }
    }
    upstream.announcer.send(sender, turn.now, turn.actions);
}

void Engine::told_of_querier(Upstream& upstream, QuerierWatch::Change change, Turn turn) {
    using Change = QuerierWatch::Change;
    if (change == Change::none) {
        return;
    }
    repeat_announcements(upstream, turn.now);
    tell_querier(upstream, turn);
    switch (change) {
        case Change::back:
        case Change::another: announce(upstream, "a new querier", kAfterEvent, turn.now); break;
        case Change::version:
            announce(upstream, "the querier changed its version", kAfterEvent, turn.now);
            break;
        case Change::none:
        case Change::found:  // the kernel answers it; there is no former one that forgets
        case Change::lost: break;
    }
}

/// How it stands with the querier, if that is not what was told last and the limit allows it; what
/// differs still when it allows more is told then.
void Engine::tell_querier(Upstream& upstream, Turn turn) const {
    upstream.tell_querier_at.reset();
    const bool missed = upstream.querier.state() == QuerierWatch::State::absent;
    ToldQuerier stands;
    stands.missed = missed;
    if (const auto& querier = upstream.querier.querier(); querier && !missed) {
        stands.address = querier->address;
        stands.version = querier->version;
    }
    if (stands == upstream.told_querier) {
        return;
    }
    if (const TimePoint when = upstream.querier_notices.available_at(); when > turn.now) {
        upstream.tell_querier_at = when;
        return;
    }
    upstream.querier_notices.spend(turn.now);
    Notice notice(missed                         ? NoticeKind::querier_lost
                  : upstream.told_querier.missed ? NoticeKind::querier_back
                                                 : NoticeKind::querier_found,
                  upstream.link.name);
    if (missed) {
        notice.interval = config_.announce == AnnounceMode::never ? std::chrono::seconds(0)
                                                                  : config_.announce_interval;
    } else {
        notice.host = stands.address;
        notice.version = stands.version;
    }
    turn.actions.emplace_back(std::move(notice));
    upstream.told_querier = stands;
}

/// Follows the link: what was just told of it, against how it was before.
void Engine::follow_link(Upstream& upstream, const Interface& before, Turn turn) {
    const Interface& link = upstream.link;
    if (!before.exists()) {
        turn.actions.emplace_back(StartCapture{link.index, link.name, OnUpstream{}});
    }
    if (!link.carries_ipv6()) {
        upstream.querier.pause();
        return;
    }
    upstream.querier.begin(turn.now);
    repeat_announcements(upstream, turn.now);
    if (!synced_) {
        return;
    }
    if (!before.carries_ipv6()) {
        announce(upstream, "the upstream is back", kAfterOutage, turn.now);
    } else if (link.mac != before.mac) {
        announce(upstream, "the MAC address changed", kAfterEvent, turn.now);
    }
}

/// What was known of the interface is of no use for the next one of its name.
void Engine::forget_link(Upstream& upstream, Turn turn) const {
    turn.actions.emplace_back(StopCapture{upstream.link.index});
    upstream.querier = QuerierWatch();
    upstream.tell_querier_at.reset();
    upstream.announcer.cancel();
    upstream.answered_v1 = GroupSet(seed_);
    upstream.inquiries = LanInquiries(seed_);
    upstream.reports = ReportPath();
    upstream.kernel_groups.clear();
    upstream.own_addresses = OwnAddresses();
}

void Engine::repeat_announcements(Upstream& upstream, TimePoint now) {
    if (config_.announce == AnnounceMode::never) {
        upstream.announcer.cancel();
        return;
    }
    const bool unheard = upstream.querier.state() == QuerierWatch::State::absent;
    const bool wanted = config_.announce == AnnounceMode::always ||
                        (config_.announce == AnnounceMode::automatic && unheard);
    upstream.announcer.repeat(
        wanted ? std::optional<Duration>(config_.announce_interval) : std::nullopt,
        unheard ? "no querier is heard" : "announce = \"always\"", now);
}

/// With nothing held there is nothing to remind of: the join that comes next is reported anyway.
void Engine::announce(Upstream& upstream, std::string_view reason, Announcer::Window window,
                      TimePoint now, std::optional<MldVersion> version) const {
    if (config_.announce != AnnounceMode::never && upstream.plan.held() > 0) {
        upstream.announcer.ask(reason, now, window, version);
    }
}

bool Engine::can_report(const Upstream& upstream) {
    return upstream.plan.held() > 0 && upstream.link.carries_ipv6() &&
           upstream.own_addresses.link_local();
}

void Engine::look_when_due(const Upstream& upstream) {
    if (const auto when = upstream.reports.next_look()) {
        audit_at(*when);
    }
}

void Engine::look_at_output(Upstream& upstream, const MldOutput& output, Turn turn) {
    if (!upstream.link.carries_ipv6()) {
        upstream.reports = ReportPath();  // without a carrier all is discarded
        return;
    }
    const ReportPath::Change change = upstream.reports.look(output, turn.now);
    look_when_due(upstream);
    if (change == ReportPath::Change::none) {
        return;
    }
    const bool blocked = change == ReportPath::Change::blocked;
    Notice notice(blocked ? NoticeKind::reports_discarded : NoticeKind::reports_pass,
                  upstream.link.name);
    notice.count = upstream.reports.discarded();
    turn.actions.emplace_back(std::move(notice));
    if (!blocked) {
        announce(upstream, "reports are not dropped any more", kAfterEvent, turn.now);
    }
}

/// A host that says nothing else is still known by the groups that it listens to. A group that was
/// taken before the link-local address behind it was known ends by itself: a false leave costs more
/// than an extra group.
void Engine::report_on_lan(DownstreamId downstream, const GroupReported& event, Turn turn) {
    ++counters_.reports_seen;
    const Downstream& from = downstreams_[downstream];
    if (!event.mac.is_none() && event.mac == from.link.mac) {
        return;
    }
    if (!config_.mld_evidence || from.link_locals.explain(event.group, event.mac)) {
        return;
    }
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        Upstream& upstream = upstreams_[i];
        if ((from.upstreams & (1U << i)) == 0 || upstream.prefixes.empty()) {
            continue;
        }
        if (upstream.plan.lease(event.group, turn.now + kListenerInterval, Evidence::mld_report,
                                turn.actions)) {
            upstream.lowest = HostRank::reported;
        } else {
            refuse(&Refusals::reports, downstream, std::nullopt, event.mac, turn.now);
        }
    }
}

/// In MLDv1 another host's report makes the kernel withhold ours (RFC 2710 4), and the snooper does
/// not learn that we listen, too. Once a query: another solicitd would hear ours and do the same.
void Engine::report_of_others(Upstream& upstream, const GroupReported& event, TimePoint now) const {
    if (config_.announce == AnnounceMode::never || event.version != MldVersion::v1 ||
        upstream.querier.version(now) != MldVersion::v1 || !upstream.plan.holds(event.group) ||
        upstream.answered_v1.contains(event.group)) {
        return;
    }
    upstream.answered_v1.insert(event.group);
    upstream.announcer.ask_for(event.group, "another host's report suppressed ours", now,
                               kAfterEvent);
}

/// Somebody upstream wants to reach an address that we know of nobody: it may be a host that has
/// been silent since before we came.
void Engine::ask_lan(Upstream& upstream, const Ipv6Address& target, Turn turn) {
    const std::uint32_t bit = 1U << index_of(upstream);
    if (!upstream.prefixes.contains(target) || upstream.own_addresses.contains(target)) {
        return;
    }
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        if ((downstreams_[id].upstreams & bit) != 0 &&
            hosts_.find({target, static_cast<DownstreamId>(id)}) != nullptr) {
            return;
        }
    }
    const auto can_ask = [&](const Downstream& downstream) {
        return (downstream.upstreams & bit) != 0 && downstream.link.carries_ipv6();
    };
    if (std::none_of(downstreams_.begin(), downstreams_.end(), can_ask) ||
        probes_.available_at() > turn.now || !upstream.inquiries.admit(target, turn.now)) {
        return;
    }
    ++counters_.lan_asked;
    for (const Downstream& downstream : downstreams_) {
        if (can_ask(downstream)) {
            probe(downstream, target, MacAddress{}, turn);
        }
    }
    Notice told(NoticeKind::lan_asked, upstream.link.name);
    told.host = target;
    turn.actions.emplace_back(std::move(told));
}

/// A link-local address is never served; whoever has it also reports its group. Only REACHABLE and
/// PERMANENT have answered.
void Engine::link_local_seen(DownstreamId downstream, const NeighborSeen& event) {
    LinkLocalNeighbors& known = downstreams_[downstream].link_locals;
    switch (event.state) {
        case NeighborState::none:
        case NeighborState::incomplete: return;
        case NeighborState::failed: known.forget(event.address); return;
        case NeighborState::stale:
        case NeighborState::delay:
        case NeighborState::probe: known.learn(event.address, event.mac, false); return;
        case NeighborState::reachable:
        case NeighborState::permanent: known.learn(event.address, event.mac, true); return;
    }
}

std::vector<Problem> Engine::problems(const Upstream& upstream) {
    std::vector<Problem> found;
    const auto add = [&](Problem problem, bool holds) {
        if (holds) {
            found.push_back(problem);
        }
    };
    const Interface& link = upstream.link;
    if (!link.exists()) {
        return {Problem::absent};
    }
    add(Problem::down, !link.running);
    add(Problem::no_ipv6, !link.has_ipv6());
    add(Problem::no_prefix, upstream.prefixes.empty());
    add(Problem::joins_failing, upstream.plan.failed() > 0);
    add(Problem::no_room, upstream.waiting > 0);
    add(Problem::no_querier, upstream.querier.state() == QuerierWatch::State::absent);
    const bool reporting = upstream.plan.held() > 0 && link.carries_ipv6();
    add(Problem::no_link_local, reporting && !upstream.own_addresses.link_local());
    add(Problem::reports_refused, reporting && upstream.announcer.failing());
    add(Problem::reports_discarded, upstream.reports.blocked());
    return found;
}

}  // namespace solicitd
