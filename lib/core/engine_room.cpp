#include <algorithm>

#include "core/engine.hpp"

/// The part of the engine that shares out the groups of an upstream: who is served where there is
/// no room for all.
namespace solicitd {

/// Counts the host on the upstream, if that is one of its downstream's and has its prefix. False:
/// there is no room for its group.
bool Engine::serve(Host& host, std::size_t index, Turn turn) {
    const std::uint32_t bit = 1U << index;
    Upstream& upstream = upstreams_[index];
    if ((downstreams_[host.key.downstream].upstreams & bit) == 0 ||
        !upstream.prefixes.contains(host.key.address)) {
        return true;
    }
    if (upstream.plan.add_host({host.key.address, host.evidence}, turn.actions)) {
        host.upstreams |= bit;
        upstream.lowest = std::min(upstream.lowest, host.rank);
        return true;
    }
    host.waiting |= bit;
    ++upstream.waiting;
    const bool may_follow_another =
        host.rank == upstream.lowest && is_claim(host.rank) && !HostTable::is_spent(host, turn.now);
    if (host.rank > upstream.lowest || may_follow_another) {
        share_soon(upstream, turn.now);
    }
    return false;
}

/// Groups are shared out anew, with the next tick or as soon as that may be again.
void Engine::share_soon(Upstream& upstream, TimePoint now) {
    const TimePoint when = std::max(now, upstream.shared + kShareAgain);
    upstream.share_at = std::min(upstream.share_at.value_or(when), when);
}

/// Somebody waits, and need not.
void Engine::share_if_room(Upstream& upstream, TimePoint now) {
    if (upstream.waiting > 0 && upstream.plan.has_room()) {
        share_soon(upstream, now);
    }
}

/// Which hosts are served on the upstream, decided anew: where room is short, the best known; among
/// equals those that are served already, unless it is a claim that has had its time.
void Engine::replan(std::size_t index, Turn turn) {
    Upstream& upstream = upstreams_[index];
    const std::uint32_t bit = 1U << index;
    plan_prefixes(upstream, turn);
    upstream.share_at.reset();
    upstream.shared = turn.now;
    upstream.waiting = 0;
    upstream.lowest = HostRank::own;
    upstream.plan.begin_replan();
    const auto keep_leases = [&](Evidence evidence) {
        if (upstream.plan.keep_leases(evidence)) {
            upstream.lowest = std::min(upstream.lowest, rank_of(evidence));
        }
    };
    hosts_.for_each([&](Host& host) { host.waiting &= ~bit; });
    const auto share_out = [&](HostRank rank, bool spent, bool served) {
        hosts_.for_each(rank, [&](Host& host) {
            if (HostTable::is_spent(host, turn.now) == spent &&
                ((host.upstreams & bit) != 0) == served && (host.waiting & bit) == 0) {
                host.upstreams &= ~bit;
                if (!serve(host, index, turn) && served) {
                    refuse(&Refusals::hosts_by_max_groups, host.key.downstream, host.key.address,
                           host.mac, turn.now);
                }
            }
        });
    };
    for (std::size_t i = kHostRanks; i-- > static_cast<std::size_t>(HostRank::claimed);) {
        const auto rank = static_cast<HostRank>(i);
        if (rank == HostRank::vouched) {
            keep_leases(Evidence::saved);
        }
        for (const bool spent : {false, true}) {
            share_out(rank, spent, true);
            share_out(rank, spent, false);
        }
    }
    keep_leases(Evidence::mld_report);
    refusals_.count(&Refusals::groups_evicted, upstream.plan.end_replan(turn.now, turn.actions));
    if (synced_) {
        tell_missing_prefix(upstream, turn);
    }
}

void Engine::refuse(std::uint64_t Refusals::*reason, DownstreamId downstream,
                    const std::optional<Ipv6Address>& host, const MacAddress& mac, TimePoint now) {
    refusals_.add(reason,
                  {downstreams_[downstream].link.name, host,
                   mac.is_none() ? std::nullopt : std::optional(mac), std::nullopt},
                  now);
}

}  // namespace solicitd
