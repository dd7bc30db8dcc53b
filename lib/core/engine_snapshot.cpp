#include <algorithm>

#include "core/engine.hpp"

namespace solicitd {
namespace {

std::string text(const MacAddress& mac) {
    return mac.is_none() ? std::string() : mac.to_string();
}

StateSnapshot::Interface describe(const Interface& link) {
    return {link.name, link.index, std::string(link.state()), text(link.mac)};
}

std::chrono::seconds seconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration);
}

/// "config", "address", "route" or "address, route".
std::string origins(const OnLinkPrefixes& prefixes, const Ipv6Prefix& prefix) {
    if (prefixes.configured()) {
        return "config";
    }
    std::string text;
    for (const auto origin : {OnLinkPrefixes::Origin::address, OnLinkPrefixes::Origin::route}) {
        const auto& sources = prefixes.sources();
        if (std::any_of(sources.begin(), sources.end(), [&](const auto& source) {
                return source.prefix == prefix && source.origin == origin;
            })) {
            text += text.empty() ? "" : ", ";
            text += to_string(origin);
        }
    }
    return text;
}

std::string_view text(QuerierWatch::State state) {
    switch (state) {
        case QuerierWatch::State::unknown: return "unknown";
        case QuerierWatch::State::present: return "present";
        case QuerierWatch::State::absent: return "absent";
    }
    return "unknown";
}

StateSnapshot::Querier describe(const QuerierWatch& watch, TimePoint now) {
    StateSnapshot::Querier described;
    described.state = text(watch.state());
    if (const auto& querier = watch.querier()) {
        described.address = querier->address.to_string();
        described.version = static_cast<int>(querier->version);
        described.robustness = querier->robustness;
        described.interval = querier->interval;
        described.last_heard = seconds(now - querier->last_heard);
    }
    return described;
}

StateSnapshot::Upstream describe(const Upstream& upstream, TimePoint now) {
    StateSnapshot::Upstream described;
    described.interface = describe(upstream.link);
    for (const Ipv6Prefix& prefix : upstream.prefixes.prefixes()) {
        described.prefixes.push_back({prefix.to_string(), origins(upstream.prefixes, prefix)});
    }
    upstream.plan.for_each([&](SolicitedNodeGroup group, const MembershipPlan::Membership& each) {
        StateSnapshot::Group& line = described.groups.emplace_back();
        line.group = group.address().to_string();
        line.state = to_string(each.state);
        line.hosts = each.hosts;
        line.error = each.error;
        line.leased = each.leased();
        line.asked = each.asked;
        if (each.asked > 0) {
            line.last_asked = seconds(now - each.last_asked);
        }
        if (each.state == MembershipPlan::State::held) {
            line.held_for = seconds(now - each.held_since);
        }
    });
    std::sort(described.groups.begin(), described.groups.end(),
              [](const auto& a, const auto& b) { return a.group < b.group; });
    described.querier = describe(upstream.querier, now);
    described.report_version = static_cast<int>(upstream.querier.version(now));
    return described;
}

}  // namespace

StateSnapshot Engine::snapshot(TimePoint now) const {
    StateSnapshot state;
    state.ready = ready();
    state.host_timeout = config_.host_timeout;
    state.linger = config_.linger;
    state.max_hosts = config_.max_hosts;
    state.max_groups = config_.max_groups;
    state.max_hosts_per_mac = config_.max_hosts_per_mac;
    state.announce = to_string(config_.announce);
    state.announce_interval = config_.announce_interval;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        state.upstreams.push_back(describe(upstreams_[i], now));
        for (const Problem problem : problems(upstreams_[i])) {
            state.upstreams.back().problems.emplace_back(to_string(problem));
        }
        state.upstreams.back().downstreams = config_.upstreams[i].downstreams;
    }
    for (const Downstream& downstream : downstreams_) {
        if (downstream.upstreams != 0) {
            state.downstreams.push_back(describe(downstream.link));
        }
    }
    std::vector<const Host*> hosts;
    hosts.reserve(hosts_.size());
    hosts_.for_each([&](const Host& host) { hosts.push_back(&host); });
    std::sort(hosts.begin(), hosts.end(),
              [](const Host* a, const Host* b) { return a->key.address < b->key.address; });
    for (const Host* host : hosts) {
        StateSnapshot::Host described;
        described.address = host->key.address.to_string();
        described.downstream = downstreams_[host->key.downstream].link.name;
        described.mac = text(host->mac);
        described.state = host->is_own() ? "own" : std::string(to_string(host->state));
        described.evidence = to_string(host->evidence);
        described.known = seconds(now - host->first_seen);
        described.silent = seconds(now - host->last_seen);
        described.joined = host->upstreams != 0;
        described.group = SolicitedNodeGroup::of(host->key.address).address().to_string();
        state.hosts.push_back(std::move(described));
    }
    std::uint64_t announced = 0;
    for (const Upstream& upstream : upstreams_) {
        announced += upstream.announcer.packets();
    }
    const Refusals& refused = refusals_.counts();
    state.counters = {
        {"announce.packets", announced},
        {"evidence.sniffed", counters_.evidence},
        {"evidence.own-mac", counters_.own_mac},
        {"groups.audits", counters_.audits},
        {"groups.evicted", refused.groups_evicted},
        {"groups.joins", counters_.joins},
        {"groups.join-failures", counters_.join_failures},
        {"groups.refused.hosts", refused.hosts_by_max_groups},
        {"groups.refused.reports", refused.reports},
        {"hosts.added", counters_.hosts_added},
        {"hosts.gone", counters_.hosts_gone},
        {"hosts.evicted", refused.hosts_evicted},
        {"hosts.refused.max-hosts", refused.hosts_by_max_hosts},
        {"hosts.refused.max-hosts-per-mac", refused.hosts_by_mac},
        {"prefixes.refused", refused.prefixes},
        {"lan.asked", counters_.lan_asked},
        {"lan.reports", counters_.reports_seen},
        {"probes.sent", counters_.probes},
        {"probes.errors", counters_.probe_errors},
        {"upstream.asked", counters_.asked},
        {"upstream.queries", counters_.queries},
    };
    return state;
}

std::vector<SavedHost> Engine::saved_hosts(TimePoint now) const {
    std::vector<SavedHost> saved;
    saved.reserve(hosts_.size());
    hosts_.for_each([&](const Host& host) {
        if (!host.is_own()) {
            saved.push_back({downstreams_[host.key.downstream].link.name, host.key.address,
                             host.mac, seconds(now - host.last_seen), unproven(host.rank)});
        }
    });
    return saved;
}

}  // namespace solicitd
