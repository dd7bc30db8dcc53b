#include "core/engine.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

/// The part of the engine that follows hosts: evidence, the neighbor table, and their due times.
namespace solicitd {

void Engine::on(const HostSeen& event, Turn turn) {
    const auto downstream = find_downstream(event.index);
    if (!downstream || !event.address.is_global_unicast()) {
        return;
    }
    ++counters_.evidence;
    // What the router itself says on the LAN, on behalf of the upstream's hosts too.
    if (!event.mac.is_none() && event.mac == downstreams_[*downstream].link.mac) {
        ++counters_.own_mac;
        return;
    }
    Host* host = hosts_.find({event.address, *downstream});
    if (host == nullptr) {
        host = admit(*downstream, event.address, event.mac, event.evidence, turn);
        if (host != nullptr && event.evidence != Evidence::dad_solicitation) {
            take(*host, life_.seen(*host, event.evidence, turn.now), turn);
        }
        return;
    }
    host->mac = event.mac;
    const HostState before = host->state;
    const HostLife::Step step = life_.seen(*host, event.evidence, turn.now);
    if (host->state != before) {
        take(*host, step, turn);
    }
}

void Engine::on(const NeighborSeen& event, Turn turn) {
    const auto downstream = find_downstream(event.index);
    if (downstream && event.address.is_link_local()) {
        link_local_seen(*downstream, event, turn);
    }
    if (!downstream || !event.address.is_global_unicast()) {
        return;
    }
    Host* host = hosts_.find({event.address, *downstream});
    if (host == nullptr) {
        if (event.state == NeighborState::none || event.state == NeighborState::incomplete ||
            event.state == NeighborState::failed) {
            return;
        }
        host = admit(*downstream, event.address, event.mac, Evidence::neighbor, turn);
        if (host == nullptr) {
            return;
        }
    }
    host->in_dump = true;
    if (!event.mac.is_none()) {
        host->mac = event.mac;
    }
    const bool cannot_answer = !downstreams_[*downstream].link.carries_ipv6();
    if (event.state == NeighborState::failed && cannot_answer) {
        host->neighbor = event.state;
        return;
    }
    take(*host, life_.neighbor(*host, event.state, !dumping_neighbors_, turn.now), turn);
}

void Engine::on(const NeighborGone& event, Turn turn) {
    if (Host* host = find_host(event.index, event.address)) {
        forget_neighbor(*host, turn.now);
    } else if (const auto downstream = find_downstream(event.index);
               downstream && event.address.is_link_local()) {
        downstreams_[*downstream].link_local_groups.erase(SolicitedNodeGroup::of(event.address));
    }
}

void Engine::on(const ProbeResult& event, Turn turn) {
    if (event.error == 0) {
        return;
    }
    ++counters_.probe_errors;
    if (Host* host = find_host(event.index, event.address)) {
        if (event.error == EEXIST) {  // PERMANENT, and we were not told: never to be asked
            host->neighbor = NeighborState::permanent;
        }
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
            Host* host = admit(downstream, event.address, event.mac, Evidence::saved, turn);
            if (host != nullptr) {
                host->last_seen -= event.silent;
            }
        }
    }
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

/// A new host, tentative, served and queued; nullptr when it cannot be served or the table is full.
Host* Engine::admit(DownstreamId downstream, const Ipv6Address& address, const MacAddress& mac,
                    Evidence evidence, Turn turn) {
    if (!can_be_served(downstream, address)) {
        return nullptr;
    }
    Host* host = evidence == Evidence::own_address ? &hosts_.insert_always({address, downstream})
                                                   : hosts_.insert({address, downstream});
    if (host == nullptr) {
        ++counters_.hosts_refused;
        if (!std::exchange(full_told_, true)) {
            Notice full(NoticeKind::hosts_full, downstreams_[downstream].link.name);
            full.host = address;
            full.count = hosts_.limit();
            turn.actions.emplace_back(std::move(full));
        }
        return nullptr;
    }
    ++counters_.hosts_added;
    host->mac = mac;
    host->evidence = evidence;
    host->first_seen = host->last_seen = host->since = turn.now;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        serve(*host, i, turn);
    }
    requeue(*host, turn.now);
    return host;
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
        case HostLife::Step::silent: tell(NoticeKind::host_silent); break;
        case HostLife::Step::probe:
            probe(downstreams_[host.key.downstream], host.key.address, turn);
            break;
        case HostLife::Step::gone:
            tell(NoticeKind::host_gone);
            remove(host, turn);
            return;
    }
    requeue(host, turn.now);
}

void Engine::probe(const Downstream& downstream, const Ipv6Address& address, Turn turn) {
    probes_.spend(turn.now);
    ++counters_.probes;
    turn.actions.emplace_back(ProbeHost{downstream.link.index, address});
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

/// Counts the host on the upstream, if that is one of its downstream's and has its prefix.
void Engine::serve(Host& host, std::size_t upstream, Turn turn) {
    const std::uint32_t bit = 1U << upstream;
    if ((downstreams_[host.key.downstream].upstreams & bit) != 0 &&
        upstreams_[upstream].prefixes.contains(host.key.address)) {
        host.upstreams |= bit;
        upstreams_[upstream].plan.add_host({host.key.address, host.evidence}, turn.actions);
    }
}

void Engine::remove(Host& host, Turn turn) {
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        if ((host.upstreams & (1U << i)) != 0) {
            upstreams_[i].plan.remove_host(host.key.address, turn.actions);
        }
    }
    ++counters_.hosts_gone;
    hosts_.erase(host);
    // Not at each free place: a table that is about full would tell it again and again.
    full_told_ = full_told_ && hosts_.size() > hosts_.limit() * 9 / 10;
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

/// PERMANENT entries whose removal went unheard, in an overrun.
void Engine::forget_unseen_pins(TimePoint now) {
    hosts_.for_each([&](Host& host) {
        if (host.neighbor == NeighborState::permanent && !host.in_dump) {
            forget_neighbor(host, now);
        }
    });
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
    downstreams_[downstream].own_addresses.add(address, 128, false);
    Host* host = hosts_.find({address, downstream});
    if (host == nullptr) {
        host = admit(downstream, address, downstreams_[downstream].link.mac, Evidence::own_address,
                     turn);
    }
    if (host != nullptr && !host->own) {
        host->own = true;
        life_.seen(*host, Evidence::own_address, turn.now);
        requeue(*host, turn.now);
    }
}

/// An address that was taken away on purpose is gone; one that went down with its interface is
/// a host like another until the interface is back.
void Engine::release_own_address(DownstreamId downstream, const Ipv6Address& address, Turn turn) {
    Host* host = hosts_.find({address, downstream});
    if (host == nullptr || !host->own) {
        return;
    }
    host->own = false;
    host->last_seen = turn.now;
    if (downstreams_[downstream].link.carries_ipv6()) {
        take(*host, HostLife::Step::gone, turn);
    } else {
        requeue(*host, turn.now);
    }
}

}  // namespace solicitd
