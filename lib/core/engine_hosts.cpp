#include "core/engine.hpp"

#include <algorithm>
#include <utility>

/// The part of the engine that follows hosts: evidence, the neighbor table, and their due times.
namespace solicitd {

void Engine::on(const HostSeen& event, Turn turn) {
    const auto downstream = find_downstream(event.index);
    if (!downstream || !event.address.is_global_unicast()) {
        return;
    }
    ++counters_.evidence;
    const MacAddress& own_mac = downstreams_[*downstream].link.mac;
    if (event.mac.is_none() && !own_mac.is_none()) {
        return;  // no host has that; it would escape the cap of hosts of one MAC
    }
    // What the router itself says on the LAN, on behalf of the upstream's hosts too.
    if (!event.mac.is_none() && event.mac == own_mac) {
        ++counters_.own_mac;
        return;
    }
    Host* host = hosts_.find({event.address, *downstream});
    HostRank rank = rank_of(event.evidence);
    if (host == nullptr || host->rank < vouched_for(rank)) {
        rank = with_voucher(rank, *downstream, event.mac);
    }
    if (host == nullptr) {
        host = admit({event.address, *downstream}, event.mac, event.evidence, rank, turn);
        if (host != nullptr && event.evidence != Evidence::dad_solicitation) {
            take(*host, life_.seen(*host, event.evidence, turn.now), turn);
        }
        return;
    }
    if (host->rank < HostRank::heard) {  // or forged frames could move it under somebody's cap
        hosts_.set_mac(*host, event.mac);
    }
    prove(*host, rank, turn);
    const HostState before = host->state;
    const HostLife::Step step = life_.seen(*host, event.evidence, turn.now);
    if (host->state != before) {
        take(*host, step, turn);
    }
}

void Engine::on(const NeighborSeen& event, Turn turn) {
    const auto downstream = find_downstream(event.index);
    if (downstream && event.address.is_link_local()) {
        link_local_seen(*downstream, event);
    }
    if (!downstream || !event.address.is_global_unicast()) {
        return;
    }
    const bool answered =
        event.state == NeighborState::reachable || event.state == NeighborState::permanent;
    const HostRank rank =
        answered ? HostRank::confirmed : with_voucher(HostRank::heard, *downstream, event.mac);
    Host* host = hosts_.find({event.address, *downstream});
    if (host == nullptr) {
        if (event.state == NeighborState::none || event.state == NeighborState::incomplete ||
            event.state == NeighborState::failed) {
            return;
        }
        host = admit({event.address, *downstream}, event.mac, Evidence::neighbor, rank, turn);
        if (host == nullptr) {
            return;
        }
    }
    host->in_dump = true;
    if (!event.mac.is_none() && (answered || host->rank < HostRank::confirmed)) {
        hosts_.set_mac(*host, event.mac);
    }
    const bool cannot_answer = !downstreams_[*downstream].link.carries_ipv6();
    if (event.state == NeighborState::failed && cannot_answer) {
        host->neighbor = event.state;
        return;
    }
    const TimePoint seen_before = host->last_seen;
    const bool live = dumping_ != DumpKind::neighbors;
    const HostLife::Step step = life_.neighbor(*host, event.state, live, turn.now);
    if (answered || host->last_seen != seen_before) {
        prove(*host, rank, turn);
    }
    take(*host, step, turn);
}

void Engine::on(const NeighborGone& event, Turn turn) {
    if (Host* host = find_host(event.index, event.address)) {
        forget_neighbor(*host, turn.now);
    } else if (const auto downstream = find_downstream(event.index);
               downstream && event.address.is_link_local()) {
        downstreams_[*downstream].link_locals.forget(event.address);
    }
}

void Engine::on(const ProbeResult& event, Turn turn) {
    if (event.error == 0) {
        return;
    }
    ++counters_.probe_errors;
    const auto downstream = find_downstream(event.index);
    if (downstream && downstreams_[*downstream].probe_notices.available_at() <= turn.now) {
        downstreams_[*downstream].probe_notices.spend(turn.now);
        Notice notice(NoticeKind::probe_failed, downstreams_[*downstream].link.name);
        notice.host = event.address;
        notice.error = event.error;
        turn.actions.emplace_back(std::move(notice));
    }
    if (Host* host = find_host(event.index, event.address)) {
        life_.probe_refused(*host, turn.now);
        requeue(*host, turn.now);
    }
}

void Engine::on(const SavedHost& event, Turn turn) {
    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        const auto downstream = static_cast<DownstreamId>(id);
        if (downstreams_[id].link.name == event.downstream && downstreams_[id].upstreams != 0 &&
            event.address.is_global_unicast() &&
            hosts_.find({event.address, downstream}) == nullptr) {
            Host* host =
                admit({event.address, downstream}, event.mac, Evidence::saved, event.rank, turn);
            if (host != nullptr) {
                host->last_seen -= event.silent;
            }
        }
    }
}

/// What something of that MAC is worth: more, if the kernel knows the MAC by a link-local address,
/// or by a host that answered it.
HostRank Engine::with_voucher(HostRank rank, DownstreamId downstream, const MacAddress& mac) const {
    const bool known =
        downstreams_[downstream].link_locals.have_mac(mac) || hosts_.has_confirmed(downstream, mac);
    return known ? vouched_for(rank) : rank;
}

Host* Engine::find_host(Ifindex index, const Ipv6Address& address) {
    const auto downstream = find_downstream(index);
    return downstream ? hosts_.find({address, *downstream}) : nullptr;
}

/// Whether it is, or might be once a prefix is learned. Where all prefixes are configured, a host
/// outside them would only take up room.
bool Engine::can_be_served(DownstreamId downstream, const Ipv6Address& address) const {
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        if ((downstreams_[downstream].upstreams & (1U << i)) != 0 &&
            (!upstreams_[i].prefixes.configured() || upstreams_[i].prefixes.contains(address))) {
            return true;
        }
    }
    return false;
}

/// A new host, tentative, served and queued; nullptr when it cannot be served or finds no room.
Host* Engine::admit(const HostKey& key, const MacAddress& mac, Evidence evidence, HostRank rank,
                    Turn turn) {
    if (!can_be_served(key.downstream, key.address)) {
        return nullptr;
    }
    if (rank != HostRank::own) {  // which no stranger can make up
        const HostTable::Room room = hosts_.room_for(key.downstream, mac, rank, turn.now);
        if (room.refused != HostTable::Cap::none) {
            refuse(room.refused == HostTable::Cap::hosts ? &Refusals::hosts_by_max_hosts
                                                         : &Refusals::hosts_by_mac,
                   key.downstream, key.address, mac, turn.now);
            ask_refused(key, mac, rank, turn);
            return nullptr;
        }
        if (room.evict != nullptr) {
            remove(*room.evict, turn, true);
        }
    }
    ++counters_.hosts_added;
    Host& host = hosts_.insert(key, mac, rank);
    host.evidence = evidence;
    host.first_seen = host.last_seen = host.since = turn.now;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        serve(host, i, turn);
    }
    if (host.waiting != 0) {
        refuse(&Refusals::hosts_by_max_groups, key.downstream, key.address, mac, turn.now);
        ask_refused(key, mac, rank, turn);
    }
    requeue(host, turn.now);
    return &host;
}

/// Who finds no room is asked: an answer outranks all that was only heard, which takes no more than
/// a packet each to make up. Mere claims are too cheap for that, unless the kernel knows the MAC:
/// the next address of a known machine may say no more than its DAD. It does not answer meanwhile
/// (RFC 4862 5.4.3); the kernel, which asks after us, asks three times a second apart.
void Engine::ask_refused(const HostKey& key, const MacAddress& mac, HostRank rank, Turn turn) {
    const Downstream& downstream = downstreams_[key.downstream];
    const bool may_answer =
        rank == HostRank::vouched || rank == HostRank::heard || rank == HostRank::heard_vouched;
    if (!may_answer || !downstream.link.carries_ipv6() || probes_.available_at() > turn.now) {
        return;
    }
    const auto would_get_in = [&] {
        return hosts_.room_for(key.downstream, mac, HostRank::confirmed, turn.now).refused ==
               HostTable::Cap::none;
    };
    if ((hosts_.find(key) != nullptr || would_get_in()) &&
        refused_inquiries_.admit(key.address, turn.now)) {
        probe(downstream, key.address, mac, turn);
    }
}

/// There is evidence of the host that is worth so much.
void Engine::prove(Host& host, HostRank rank, Turn turn) {
    const bool better = rank > host.rank;
    hosts_.set_rank(host, std::max(rank, host.rank));
    if (!better || host.waiting == 0) {
        return;
    }
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        if ((host.waiting & (1U << i)) != 0 && rank > upstreams_[i].lowest) {
            share_soon(upstreams_[i], turn.now);
        }
    }
    ask_refused(host.key, host.mac, rank, turn);
}

/// Does what a step of a host's life asks for, and queues the host anew. The host may be gone
/// afterwards.
void Engine::take(Host& host, HostLife::Step step, Turn turn) {
    const auto tell = [&](NoticeKind kind) {
        Notice notice(kind, downstreams_[host.key.downstream].link.name);
        notice.host = host.key.address;
        notice.evidence = host.evidence;
        turn.actions.emplace_back(std::move(notice));
    };
    switch (step) {
        case HostLife::Step::none: break;
        case HostLife::Step::confirmed: tell(NoticeKind::host_confirmed); break;
        case HostLife::Step::silent:
            tell(NoticeKind::host_silent);
            depreciate(host, turn.now);
            break;
        case HostLife::Step::probe:
            probe(downstreams_[host.key.downstream], host.key.address, host.mac, turn);
            break;
        case HostLife::Step::gone:
            tell(NoticeKind::host_gone);
            remove(host, turn);
            return;
    }
    requeue(host, turn.now);
}

void Engine::probe(const Downstream& downstream, const Ipv6Address& address, const MacAddress& mac,
                   Turn turn) {
    probes_.spend(turn.now);
    ++counters_.probes;
    turn.actions.emplace_back(ProbeHost{
        downstream.link.index, address,
        downstream.own_addresses.link_local().value_or(Ipv6Address{}), downstream.link.mac, mac});
}

/// Only an earlier time moves a host in the queue: it is looked at too soon rather than moved by
/// every packet of it.
void Engine::requeue(Host& host, TimePoint now) {
    // Not in the past, which tick() would take for a suspended machine.
    const TimePoint due = std::max(life_.due(host), now);
    if (due == TimePoint::max() || host.place == DueHook::kNowhere || due < host.due) {
        hosts_.schedule(host, due);
    }
}

/// It does not answer any more. One that did may sleep, and keeps its group for as long as it
/// lingers, whoever else is heard.
void Engine::depreciate(Host& host, TimePoint now) {
    hosts_.set_rank(host, unproven(host.rank));
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        Upstream& upstream = upstreams_[i];
        if ((host.upstreams & (1U << i)) != 0) {
            upstream.lowest = std::min(upstream.lowest, host.rank);
            if (upstream.waiting > 0) {
                share_soon(upstream, now);
            }
        }
    }
}

/// `evicted`: another one takes its place.
void Engine::remove(Host& host, Turn turn, bool evicted) {
    if (evicted) {
        refuse(&Refusals::hosts_evicted, host.key.downstream, host.key.address, host.mac, turn.now);
    }
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        Upstream& upstream = upstreams_[i];
        if ((host.waiting & (1U << i)) != 0) {
            --upstream.waiting;
        }
        if ((host.upstreams & (1U << i)) != 0) {
            upstream.plan.remove_host(host.key.address, evicted, turn.now, turn.actions);
            share_if_room(upstream, turn.now);
        }
    }
    ++counters_.hosts_gone;
    hosts_.erase(host);
}

void Engine::look_at_hosts(Turn turn) {
    while (Host* host = hosts_.next()) {
        if (host->due > turn.now || probes_.available_at() > turn.now) {
            return;
        }
        if (!downstreams_[host->key.downstream].link.carries_ipv6()) {
            hosts_.schedule(*host, TimePoint::max());  // ask_after_outage() brings it back
            continue;
        }
        // Taken out first, so that a later time is accepted.
        hosts_.schedule(*host, TimePoint::max());
        take(*host, life_.look(*host, turn.now), turn);
    }
}

/// The kernel has no entry any more. One that was PERMANENT kept the host from being asked.
void Engine::forget_neighbor(Host& host, TimePoint now) {
    if (std::exchange(host.neighbor, NeighborState::none) == NeighborState::permanent) {
        host.last_seen = now;
        requeue(host, now);
    }
}

/// Entries whose removal went unheard, in an overrun.
void Engine::forget_unseen_neighbors(TimePoint now) {
    hosts_.for_each([&](Host& host) {
        if (!host.in_dump) {
            forget_neighbor(host, now);
        }
    });
    for (Downstream& downstream : downstreams_) {
        downstream.link_locals.end_dump();
    }
}

void Engine::ask_after_outage(DownstreamId downstream, TimePoint now) {
    hosts_.for_each([&](Host& host) {
        if (host.key.downstream != downstream) {
            return;
        }
        if (host.state == HostState::probing || host.state == HostState::absent) {
            life_.ask_anew(host, now);
        }
        requeue(host, now);
    });
}

void Engine::add_own_address(DownstreamId downstream, const Ipv6Address& address, Turn turn) {
    if (!address.is_global_unicast()) {
        return;
    }
    Host* host = hosts_.find({address, downstream});
    if (host == nullptr) {
        host = admit({address, downstream}, downstreams_[downstream].link.mac,
                     Evidence::own_address, HostRank::own, turn);
    } else if (host->is_own()) {
        return;
    }
    if (host != nullptr) {
        prove(*host, HostRank::own, turn);
        life_.seen(*host, Evidence::own_address, turn.now);
        requeue(*host, turn.now);
    }
}

/// An address that was taken away on purpose is gone; one that went down with its interface is
/// a host like another until the interface is back.
void Engine::release_own_address(DownstreamId downstream, const Ipv6Address& address, Turn turn) {
    Host* host = hosts_.find({address, downstream});
    if (host == nullptr || !host->is_own()) {
        return;
    }
    host->last_seen = turn.now;
    hosts_.set_rank(*host, HostRank::confirmed);
    if (downstreams_[downstream].link.carries_ipv6()) {
        take(*host, HostLife::Step::gone, turn);
    } else {
        requeue(*host, turn.now);
    }
}

}  // namespace solicitd
