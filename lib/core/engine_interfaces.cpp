#include "core/engine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

/// The part of the engine that follows interfaces, their addresses and prefixes.
namespace solicitd {

void Engine::on(const LinkSeen& event, Turn turn) {
    for (Upstream& upstream : upstreams_) {
        link_seen(upstream, event, turn);
    }
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        if (downstreams_[id].upstreams != 0) {
            link_seen(static_cast<DownstreamId>(id), event, turn);
        }
    }
}

void Engine::on(const LinkGone& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.index)) {
        lose(*upstream, turn);
    } else if (const auto downstream = find_downstream(event.index)) {
        lose(*downstream, turn);
    }
}

void Engine::on(const AddressSeen& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.index)) {
        upstream->own_addresses.add(event.address, event.prefix_length, event.tentative);
        upstream->prefixes.add_address(event.address, event.prefix_length);
        follow_prefixes(*upstream, turn);
    } else if (const auto downstream = find_downstream(event.index)) {
        downstreams_[*downstream].own_addresses.add(event.address, event.prefix_length,
                                                    event.tentative);
        add_own_address(*downstream, event.address, turn);
    }
}

void Engine::on(const AddressGone& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.index)) {
        upstream->own_addresses.remove(event.address);
        audit_soon(turn.now);  // IPv6 may have been switched off: no link event tells that
        upstream->prefixes.remove_address(event.address, upstream->link.carries_ipv6());
        follow_prefixes(*upstream, turn);
    } else if (const auto downstream = find_downstream(event.index)) {
        downstreams_[*downstream].own_addresses.remove(event.address);
        release_own_address(*downstream, event.address, turn);
    }
}

void Engine::on(const RouteSeen& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.route.index)) {
        if (!upstream->prefixes.add_route(event.route)) {
            refusals_.add(&Refusals::prefixes,
                          {upstream->link.name, std::nullopt, std::nullopt, event.route.prefix},
                          turn.now);
        }
        follow_prefixes(*upstream, turn);
    }
}

void Engine::on(const RouteGone& event, Turn turn) {
    if (Upstream* upstream = find_upstream(event.route.index)) {
        upstream->prefixes.remove_route(event.route, upstream->link.carries_ipv6());
        follow_prefixes(*upstream, turn);
    }
}

void Engine::end_dump_of_links(Turn turn) {
    const bool first = !std::exchange(links_known_, true);
    const auto tell_absence = [&](const Interface& link) {
        if (first && !link.exists()) {
            tell_state(link, turn);
        }
    };
    for (Upstream& upstream : upstreams_) {
        if (upstream.link.exists() && !upstream.link.seen) {
            lose(upstream, turn);
        }
        tell_absence(upstream.link);
    }
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        Downstream& downstream = downstreams_[id];
        if (downstream.link.exists() && !downstream.link.seen) {
            lose(static_cast<DownstreamId>(id), turn);
        }
        if (downstream.upstreams != 0) {
            tell_absence(downstream.link);
        }
    }
}

void Engine::sweep_own_addresses(Turn turn) {
    for (Upstream& upstream : upstreams_) {
        upstream.own_addresses.end_dump();
    }
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        for (const OwnAddresses::Entry& entry : downstreams_[id].own_addresses.end_dump()) {
            release_own_address(static_cast<DownstreamId>(id), entry.address, turn);
        }
    }
}

void Engine::end_first_round(Turn turn) {
    for (Upstream& upstream : upstreams_) {
        follow_prefixes(upstream, turn);
        lease_inherited(upstream, turn);
        if (upstream.link.has_ipv6()) {
            attach(upstream, turn);
        }
    }
    inherited_ = {};
}

/// The audit before it tells how the interface's counters stood when nothing had been reported.
void Engine::attach(Upstream& upstream, Turn turn) {
    turn.actions.emplace_back(AuditGroups{upstream.link.index, upstream.link.name});
    upstream.plan.attach(upstream.link.index, turn.actions);
}

/// Groups that an earlier process held: among hosts of which as much is known, theirs come first.
/// Those whose hosts nobody remembers (it died between two writes) are kept for the linger, in
/// which the hosts have time to be seen.
void Engine::lease_inherited(Upstream& upstream, Turn turn) {
    std::vector<SolicitedNodeGroup> held;
    for (const GroupsInherited& inherited : inherited_) {
        if (upstream.link.exists() && inherited.upstream == upstream.link.index) {
            held.insert(held.end(), inherited.groups.begin(), inherited.groups.end());
        }
    }
    std::sort(held.begin(), held.end());
    held.erase(std::unique(held.begin(), held.end()), held.end());
    if (held.empty()) {
        return;
    }
    std::vector<bool> explained(held.size());
    /// Whether it was held; if so, somebody is known now for whom.
    const auto explain = [&](SolicitedNodeGroup group) {
        const auto it = std::lower_bound(held.begin(), held.end(), group);
        if (it == held.end() || *it != group) {
            return false;
        }
        explained[static_cast<std::size_t>(it - held.begin())] = true;
        return true;
    };
    for (const OwnAddresses::Entry& entry : upstream.own_addresses.entries()) {
        // A router has the subnet-router anycast address too (RFC 4291 2.6.1).
        explain(SolicitedNodeGroup::of(entry.address));
        explain(SolicitedNodeGroup::of(Ipv6Prefix(entry.address, entry.prefix_length).address()));
    }
    const std::size_t index = index_of(upstream);
    const std::uint32_t bit = 1U << index;
    hosts_.for_each([&](Host& host) {
        if (((host.upstreams | host.waiting) & bit) != 0) {
            const bool was_served = explain(SolicitedNodeGroup::of(host.key.address));
            host.upstreams = was_served ? host.upstreams | bit : host.upstreams & ~bit;
        }
    });
    // Some were wanted for reports alone, which come again within a listener interval.
    const Duration longest = std::max<Duration>(config_.linger, kListenerInterval);
    std::size_t leased = 0;
    for (std::size_t i = 0; i < held.size(); ++i) {
        if (!explained[i]) {
            leased +=
                upstream.plan.lease(held[i], turn.now + longest, Evidence::saved, turn.actions);
        }
    }
    replan(index, turn);
    if (leased > 0) {
        Notice notice(NoticeKind::groups_inherited, upstream.link.name);
        notice.count = leased;
        turn.actions.emplace_back(std::move(notice));
    }
}

Upstream* Engine::find_upstream(Ifindex index) {
    const auto it = std::find_if(upstreams_.begin(), upstreams_.end(),
                                 [&](const Upstream& each) { return each.link.index == index; });
    return index == 0 || it == upstreams_.end() ? nullptr : &*it;
}

std::optional<DownstreamId> Engine::find_downstream(Ifindex index) const {
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        if (index != 0 && downstreams_[id].link.index == index) {
            return static_cast<DownstreamId>(id);
        }
    }
    return std::nullopt;
}

namespace {

/// Ours is renamed, or another interface has its name.
bool is_replaced(const Interface& link, const LinkSeen& event) {
    return link.exists() && (link.name == event.name) != (link.index == event.index);
}

}  // namespace

/// Takes over what is told of it. How it was before; nullopt: it is another interface.
std::optional<Interface> Engine::adopt(Interface& link, const LinkSeen& event, Turn turn) const {
    if (link.name != event.name) {
        return std::nullopt;
    }
    const Interface before = link;
    link.index = event.index;
    link.mac = event.mac;
    link.mtu = event.mtu;
    link.running = event.running;
    link.snooping_bridge = event.snooping_bridge;
    link.bridge = event.bridge;
    link.seen = true;
    if (link.state() != before.state()) {
        tell_state(link, turn);
    }
    return before;
}

void Engine::link_seen(Upstream& upstream, const LinkSeen& event, Turn turn) {
    Interface& link = upstream.link;
    if (is_replaced(link, event)) {
        lose(upstream, turn);
    }
    const auto adopted = adopt(link, event, turn);
    if (!adopted) {
        return;
    }
    const Interface& before = *adopted;
    if (synced_ &&
        (link.mtu != before.mtu || link.mac != before.mac || link.running != before.running)) {
        audit_soon(turn.now);
    }
    if (!link.has_ipv6()) {
        if (upstream.plan.attached()) {
            turn.actions.emplace_back(Notice(NoticeKind::interface_without_ipv6, link.name));
        }
        upstream.plan.detach(turn.actions);
    } else if (synced_ && !upstream.plan.attached()) {
        attach(upstream, turn);
    }
    follow_link(upstream, before, turn);
    if (!link.carries_ipv6()) {
        upstream.orphans_until.reset();
    } else if (!before.carries_ipv6() && upstream.prefixes.has_orphans()) {
        upstream.orphans_until = turn.now + kOrphanedPrefix;
    }
    if (!before.exists() && dumping_ != DumpKind::links) {
        turn.actions.emplace_back(Resync{});  // its addresses came before its name
    }
}

void Engine::link_seen(DownstreamId id, const LinkSeen& event, Turn turn) {
    Interface& link = downstreams_[id].link;
    if (is_replaced(link, event)) {
        lose(id, turn);
    }
    const auto adopted = adopt(link, event, turn);
    if (!adopted) {
        return;
    }
    const Interface& before = *adopted;
    if (link.bridge != 0 && link.bridge != before.bridge) {
        turn.actions.emplace_back(Notice(NoticeKind::bridge_port, link.name));
    }
    const bool recapture = before.exists() && link.snooping_bridge != before.snooping_bridge;
    if (recapture) {
        turn.actions.emplace_back(StopCapture{link.index});
    }
    if (recapture || !before.exists()) {
        start_capture(downstreams_[id], turn);
    }
    if (link.carries_ipv6() && !before.carries_ipv6()) {
        ask_after_outage(id, turn.now);
    }
    if (!before.exists() && dumping_ != DumpKind::links) {
        turn.actions.emplace_back(Resync{});
    }
}

void Engine::lose(Upstream& upstream, Turn turn) {
    turn.actions.emplace_back(Notice(NoticeKind::interface_lost, upstream.link.name));
    forget_link(upstream, turn);
    upstream.plan.detach(turn.actions);
    upstream.prefixes.orphan_all();
    upstream.orphans_until.reset();
    upstream.link = Interface(upstream.link.name);
}

void Engine::lose(DownstreamId id, Turn turn) {
    Downstream& downstream = downstreams_[id];
    turn.actions.emplace_back(Notice(NoticeKind::interface_lost, downstream.link.name));
    turn.actions.emplace_back(StopCapture{downstream.link.index});
    downstream.link = Interface(downstream.link.name);
    downstream.link_locals = LinkLocalNeighbors(seed_);
    const OwnAddresses lost = std::exchange(downstream.own_addresses, {});
    for (const OwnAddresses::Entry& own : lost.entries()) {
        release_own_address(id, own.address, turn);
    }
    hosts_.for_each([&](Host& host) {
        if (host.key.downstream == id) {
            host.neighbor = NeighborState::none;  // the kernel's entries went with the interface
        }
    });
}

void Engine::start_capture(const Downstream& downstream, Turn turn) const {
    const Interface& link = downstream.link;
    turn.actions.emplace_back(
        StartCapture{link.index, link.name,
                     OnDownstream{config_.capture, link.snooping_bridge, config_.mld_evidence}});
}

void Engine::tell_state(const Interface& link, Turn turn) const {
    turn.actions.emplace_back(Notice(!link.exists()  ? NoticeKind::interface_waiting
                                     : link.usable() ? NoticeKind::interface_usable
                                                     : NoticeKind::interface_down,
                                     link.name));
}

/// If any came or went, says so and serves each host anew: at once, unless that happens too often.
/// During the first round of dumps it is left for its end.
void Engine::follow_prefixes(Upstream& upstream, Turn turn) {
    if (upstream.prefixes.take_room_for_missing()) {
        turn.actions.emplace_back(Resync{});
    }
    if (!synced_ || upstream.prefixes.prefixes() == upstream.planned_prefixes) {
        return;
    }
    const TimePoint when = upstream.prefix_changes.available_at();
    if (when <= turn.now) {
        replan(index_of(upstream), turn);
    } else {
        upstream.share_at = std::min(upstream.share_at.value_or(when), when);
    }
}

/// Takes the prefixes as they are now for those by which hosts are served.
void Engine::plan_prefixes(Upstream& upstream, Turn turn) {
    std::vector<Ipv6Prefix> prefixes = upstream.prefixes.prefixes();
    if (prefixes != upstream.planned_prefixes) {
        upstream.prefix_changes.spend(turn.now);
        upstream.planned_prefixes = std::move(prefixes);
        tell_prefixes(upstream, turn);
    }
}

/// Those that came or went since they were last told, as far as the limit allows; what differs
/// still when it allows more is told then.
void Engine::tell_prefixes(Upstream& upstream, Turn turn) {
    std::vector<Ipv6Prefix>& told = upstream.told_prefixes;
    const std::vector<Ipv6Prefix>& planned = upstream.planned_prefixes;
    std::vector<Ipv6Prefix> changed;
    std::set_symmetric_difference(told.begin(), told.end(), planned.begin(), planned.end(),
                                  std::back_inserter(changed));
    upstream.tell_prefixes_at.reset();
    for (const Ipv6Prefix& prefix : changed) {
        if (const TimePoint when = upstream.prefix_notices.available_at(); when > turn.now) {
            upstream.tell_prefixes_at = when;
            return;
        }
        upstream.prefix_notices.spend(turn.now);
        const auto place = std::lower_bound(told.begin(), told.end(), prefix);
        const bool gone = place != told.end() && *place == prefix;
        gone ? told.erase(place) : told.insert(place, prefix);
        Notice notice(gone ? NoticeKind::prefix_removed : NoticeKind::prefix_added,
                      upstream.link.name);
        notice.prefix = prefix;
        turn.actions.emplace_back(std::move(notice));
    }
}

void Engine::tell_missing_prefix(Upstream& upstream, Turn turn) {
    const bool missing = upstream.link.exists() && upstream.prefixes.empty();
    if (missing && !upstream.no_prefix_told) {
        turn.actions.emplace_back(Notice(NoticeKind::no_prefix, upstream.link.name));
    }
    upstream.no_prefix_told = missing;
}

}  // namespace solicitd
