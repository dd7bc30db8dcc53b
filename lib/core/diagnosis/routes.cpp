#include "core/diagnosis/rules.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace solicitd::rules {
namespace {

constexpr std::uint32_t kMainTable = 254;
constexpr std::uint32_t kRoutesMetric = 1024;  // of a route that is added without one

const OnLinkRoute* find_best(const Interface& link, const OnLinkRoute& like) {
    const OnLinkRoute* best = nullptr;
    for (const OnLinkRoute& route : link.routes) {
        if (route.prefix == like.prefix && route.table == like.table &&
            (best == nullptr || route.metric < best->metric)) {
            best = &route;
        }
    }
    return best;
}

std::string give_better_route(const std::string& downstream, const OnLinkRoute& theirs) {
    const std::string route = theirs.prefix.to_string();
    const std::string table =
        theirs.table == kMainTable ? "" : " table " + std::to_string(theirs.table);
    if (theirs.metric <= 1) {
        return "give the route " + route + " of the upstream a metric above 1";
    }
    return "ip -6 route add " + route + " dev " + downstream + " metric " +
           std::to_string(std::min(theirs.metric, kRoutesMetric) / 2) + table +
           " (and where the network is configured, to keep it)";
}

}  // namespace

void look_at_prefix(const Upstream& upstream, Findings& findings) {
    if (!upstream.has_prefix) {
        findings.push_back({FindingId::no_prefix, upstream.link.name,
                            "has no on-link prefix, so no host can be served",
                            "wait for a Router Advertisement (accept_ra?), give it an address of "
                            "the prefix, or name the prefix with --prefix"});
    }
}

/// Of routes to the same prefix the lowest metric wins, and of equals nobody knows which. Where
/// several downstreams share the prefix, the best of them must win.
void look_at_routes(const SystemFacts& facts, const Upstream& upstream, Findings& findings) {
    for (const OnLinkRoute& route : upstream.link.routes) {
        if (&route != find_best(upstream.link, route)) {
            continue;
        }
        const Interface* nearest = nullptr;
        const OnLinkRoute* best = nullptr;
        for (const Interface& downstream : facts.downstreams) {
            const bool ours = std::find(upstream.downstreams.begin(), upstream.downstreams.end(),
                                        downstream.name) != upstream.downstreams.end();
            const OnLinkRoute* other = ours ? find_best(downstream, route) : nullptr;
            if (other != nullptr && (best == nullptr || other->metric < best->metric)) {
                nearest = &downstream;
                best = other;
            }
        }
        if (best != nullptr && best->metric >= route.metric) {
            findings.push_back({FindingId::wrong_route, nearest->name,
                                "packets for its hosts " +
                                    std::string(best->metric == route.metric ? "may go" : "go") +
                                    " out of " + upstream.link.name + ": " +
                                    route.prefix.to_string() + " has metric " +
                                    std::to_string(best->metric) + " here and " +
                                    std::to_string(route.metric) + " there",
                                give_better_route(nearest->name, route)});
        }
    }
}

/// No route, or a rule or route of another kind: said once, of the first, unless the metrics or a
/// downstream that does not work tell why.
void look_at_misrouted(const SystemFacts& facts, const Upstream& upstream, Findings& findings) {
    for (const SystemFacts::MisroutedHost& host : upstream.misrouted) {
        const bool works = std::any_of(
            facts.downstreams.begin(), facts.downstreams.end(),
            [&](const Interface& link) { return link.name == host.downstream && link.usable(); });
        if (!works || has_found(findings, FindingId::wrong_route, host.downstream)) {
            continue;
        }
        const Ipv6Address address = Ipv6Address::parse(host.address).value_or(Ipv6Address{});
        const auto& routes = upstream.link.routes;
        const auto route = std::find_if(routes.begin(), routes.end(), [&](const auto& each) {
            return each.prefix.contains(address);
        });
        findings.push_back(
            {FindingId::wrong_route, host.downstream,
             "packets for its host " + host.address + " go out of " + upstream.link.name,
             (route != routes.end() ? give_better_route(host.downstream, *route) + "; " : "") +
                 "see ip -6 route get " + host.address + ", ip -6 rule"});
    }
}

}  // namespace solicitd::rules
