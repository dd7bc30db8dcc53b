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

StateSnapshot::Upstream describe(const Upstream& upstream) {
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
        line.claimed = each.claimed();
    });
    std::sort(described.groups.begin(), described.groups.end(),
              [](const auto& a, const auto& b) { return a.group < b.group; });
    return described;
}

}  // namespace

StateSnapshot Engine::snapshot(TimePoint now) const {
    StateSnapshot state;
    state.ready = ready();
    state.host_timeout = config_.host_timeout;
    state.linger = config_.linger;
    state.max_hosts = config_.max_hosts;
    state.announce = to_string(config_.announce);
    state.announce_interval = config_.announce_interval;
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        state.upstreams.push_back(describe(upstreams_[i]));
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
        described.state = host->own ? "own" : std::string(to_string(host->state));
        described.evidence = to_string(host->evidence);
        described.known = seconds(now - host->first_seen);
        described.silent = seconds(now - host->last_seen);
        described.joined = host->upstreams != 0;
        described.group = SolicitedNodeGroup::of(host->key.address).address().to_string();
        state.hosts.push_back(std::move(described));
    }
    state.counters = {
        {"evidence.sniffed", counters_.evidence},
        {"evidence.own-mac", counters_.own_mac},
        {"groups.audits", counters_.audits},
        {"groups.joins", counters_.joins},
        {"groups.join-failures", counters_.join_failures},
        {"hosts.added", counters_.hosts_added},
        {"hosts.gone", counters_.hosts_gone},
        {"hosts.refused", counters_.hosts_refused},
        {"probes.sent", counters_.probes},
        {"probes.errors", counters_.probe_errors},
    };
    return state;
}

std::vector<SavedHost> Engine::saved_hosts(TimePoint now) const {
    std::vector<SavedHost> saved;
    saved.reserve(hosts_.size());
    hosts_.for_each([&](const Host& host) {
        if (!host.own) {
            saved.push_back({downstreams_[host.key.downstream].link.name, host.key.address,
                             host.mac, seconds(now - host.last_seen)});
        }
    });
    return saved;
}

}  // namespace solicitd
