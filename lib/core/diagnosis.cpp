#include "core/diagnosis.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace solicitd {
namespace {

using Findings = std::vector<Finding>;
using Interface = SystemFacts::Interface;

/// Bytes of option memory that a membership takes of its socket (kernel: sizeof
/// ipv6_mc_socklist), and how many the pool puts on one.
constexpr std::size_t kMembershipBytes = 56;
constexpr std::size_t kMembershipsASocket = 256;
/// A Linux bridge's mcast_hash_max, unless set: the only snooper whose limit is known.
constexpr std::size_t kSnooperGroups = 4096;
constexpr std::uint32_t kMainTable = 254;
constexpr std::uint32_t kRoutesMetric = 1024;  // of a route that is added without one

constexpr std::string_view kAllowReports =
    "allow outgoing ICMPv6 types 131, 132 and 143 to ff02::/16 (nft list ruleset, ip6tables -S)";
constexpr std::string_view kOurJournal = "its journal says why: journalctl -u solicitd";

std::string count_of(std::size_t count, const std::string& noun, const std::string& plural) {
    return std::to_string(count) + ' ' + (count == 1 ? noun : plural);
}

/// As sysctl(8) wants it: a dot in the name would separate.
std::string conf(std::string interface, const std::string& key) {
    std::replace(interface.begin(), interface.end(), '.', '/');
    return "net.ipv6.conf." + interface + '.' + key;
}

// --- An interface by itself -------------------------------------------------------------------

/// False: it cannot work, one finding says why, and what follows from that is not looked for.
bool can_work(const Interface& link, Findings& findings) {
    if (!link.exists) {
        findings.push_back({"absent", link.name, "there is no such interface",
                            "make it, or mend the configuration; ip -br link shows what there is"});
    } else if (!link.running) {
        findings.push_back({"down", link.name, "is down or has no carrier",
                            "ip link set " + link.name +
                                " up; look at the cable; a bridge needs a port that is up"});
    } else if (!link.has_ipv6) {
        findings.push_back({"no-ipv6", link.name,
                            "has no IPv6: it is switched off, or the MTU is below 1280",
                            "sysctl -w " + conf(link.name, "disable_ipv6") + "=0; ip link set " +
                                link.name + " mtu 1500"});
    }
    return link.usable();
}

void look_at_bridge_port(const Interface& link, Findings& findings) {
    if (!link.bridge.empty()) {
        findings.push_back({"bridge-port", link.name,
                            "is a port of " + link.bridge + ", which takes its packets first",
                            "name " + link.bridge + " in its place"});
    }
}

// --- Forwarding, and who answers the gateway --------------------------------------------------

bool is_forwarding(const SystemFacts& facts, const Interface& incoming) {
    return facts.forwarding.value_or(true) || incoming.force_forwarding;
}

/// kernel: ip6_forward asks nothing but conf.all, and the incoming interface's force_forwarding.
void look_at_forwarding(const SystemFacts& facts, const std::vector<const Interface*>& links,
                        Findings& findings) {
    if (facts.forwarding.value_or(true)) {
        return;
    }
    const std::string seen = '(' + conf("all", "forwarding") + " = 0)";
    const std::string remedy = "sysctl -w " + conf("all", "forwarding") +
                               "=1, and in /etc/sysctl.d to keep it (an upstream that needs Router "
                               "Advertisements then needs accept_ra=2)";
    if (std::none_of(links.begin(), links.end(),
                     [](const Interface* link) { return link->force_forwarding; })) {
        findings.push_back({"forwarding-off", "", "no IPv6 forwarding " + seen, remedy});
        return;
    }
    for (const Interface* link : links) {
        if (!link->force_forwarding) {
            findings.push_back({"forwarding-off", link->name,
                                "what comes in here is not forwarded " + seen, remedy});
        }
    }
}

/// The router flag of our Neighbor Advertisements (kernel: ndisc_recv_ns); without it hosts drop
/// the default route (RFC 4861 7.2.5).
void look_at_router_flag(const SystemFacts& facts, const Interface& downstream,
                         Findings& findings) {
    if (is_forwarding(facts, downstream) && !downstream.forwarding.value_or(true)) {
        const std::string key = conf(downstream.name, "forwarding");
        findings.push_back({"forwarding-off", downstream.name,
                            "no IPv6 forwarding (" + key +
                                " = 0): we do not say that we are a router, so its hosts drop us",
                            "sysctl -w " + key + "=1"});
    }
}

/// kernel: ndisc_recv_ns answers for a proxy entry if proxy_ndp and the interface's forwarding
/// are on.
void look_at_proxy(const SystemFacts& facts, const SystemFacts::Upstream& upstream,
                   Findings& findings) {
    if (facts.proxy_process.value_or(true) || !upstream.proxy_ndp || !upstream.proxy_entries) {
        return;
    }
    const std::string& name = upstream.link.name;
    const std::string proxy = conf(name, "proxy_ndp");
    const std::string add_entries = "ip -6 neigh add proxy HOST dev " + name + " for each host";
    const std::string entries = count_of(*upstream.proxy_entries, "proxy entry", "proxy entries");
    if (*upstream.proxy_entries == 0) {
        findings.push_back({"no-nd-proxy", name,
                            "nobody answers for the hosts: no ndppd runs here, and the kernel has "
                            "no proxy entry",
                            "start ndppd with a rule for the prefix (systemctl start ndppd), or: " +
                                (*upstream.proxy_ndp ? "" : "sysctl -w " + proxy + "=1; ") +
                                add_entries});
    } else if (!*upstream.proxy_ndp) {
        findings.push_back({"no-nd-proxy", name,
                            "nobody answers for the hosts: " + proxy + " = 0, despite " + entries +
                                ", and no ndppd runs here",
                            "sysctl -w " + proxy + "=1"});
    } else if (is_forwarding(facts, upstream.link) && !upstream.link.forwarding.value_or(true)) {
        const std::string key = conf(name, "forwarding");
        findings.push_back({"forwarding-off", name,
                            "no IPv6 forwarding (" + key +
                                " = 0): the kernel answers for nobody, despite " + entries,
                            "sysctl -w " + key + "=1"});
    }
}

// --- Prefixes and routes ----------------------------------------------------------------------

void look_at_prefix(const SystemFacts::Upstream& upstream, Findings& findings) {
    if (!upstream.has_prefix) {
        findings.push_back({"no-prefix", upstream.link.name,
                            "has no on-link prefix, so no host can be served",
                            "wait for a Router Advertisement (accept_ra?), give it an address of "
                            "the prefix, or name the prefix with --prefix"});
    }
}

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

/// Of routes to the same prefix the lowest metric wins, and of equals nobody knows which. Where
/// several downstreams share the prefix, the best of them must win.
void look_at_routes(const SystemFacts& facts, const SystemFacts::Upstream& upstream,
                    Findings& findings) {
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
            findings.push_back({"wrong-route", nearest->name,
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
void look_at_misrouted(const SystemFacts& facts, const SystemFacts::Upstream& upstream,
                       Findings& findings) {
    for (const SystemFacts::MisroutedHost& host : upstream.misrouted) {
        const bool said = std::any_of(findings.begin(), findings.end(), [&](const auto& finding) {
            return finding.id == "wrong-route" && finding.interface == host.downstream;
        });
        const bool works = std::any_of(
            facts.downstreams.begin(), facts.downstreams.end(),
            [&](const Interface& link) { return link.name == host.downstream && link.usable(); });
        if (said || !works) {
            continue;
        }
        const Ipv6Address address = Ipv6Address::parse(host.address).value_or(Ipv6Address{});
        const auto& routes = upstream.link.routes;
        const auto route = std::find_if(routes.begin(), routes.end(), [&](const auto& each) {
            return each.prefix.contains(address);
        });
        findings.push_back(
            {"wrong-route", host.downstream,
             "packets for its host " + host.address + " go out of " + upstream.link.name,
             (route != routes.end() ? give_better_route(host.downstream, *route) + "; " : "") +
                 "see ip -6 route get " + host.address + ", ip -6 rule"});
    }
}

// --- What is heard and told -------------------------------------------------------------------

void look_at_capture(const SystemFacts& facts, const Interface& downstream, Findings& findings) {
    if (facts.capture == CaptureMode::allmulti && downstream.snooping_bridge && facts.kernel &&
        *facts.kernel < kBridgeHonorsAllmulti) {
        findings.push_back(
            {"deaf-capture", downstream.name,
             "new hosts are not heard: the bridge snoops, and before Linux 6.16 it hides their "
             "Neighbor Discovery from capture = \"allmulti\" (this is Linux " +
                 std::to_string(facts.kernel->major) + '.' + std::to_string(facts.kernel->minor) +
                 ')',
             "capture = \"auto\""});
    }
}

void look_at_reports(const SystemFacts::Upstream& upstream, Findings& findings) {
    if (!upstream.reports_leave.value_or(true)) {
        findings.push_back({"reports-discarded", upstream.link.name,
                            "MLD reports do not leave this machine: Ip6OutDiscards in "
                            "/proc/net/dev_snmp6/" +
                                upstream.link.name + " grows in their place; a firewall eats them",
                            std::string(kAllowReports)});
    }
}

// --- The daemon -------------------------------------------------------------------------------

void look_at_daemon(const SystemFacts::Daemon& daemon, Findings& findings) {
    const std::string named = "solicitd (pid " + std::to_string(daemon.pid) + ')';
    if (!daemon.state) {
        findings.push_back({"no-answer", "", named + " runs, but does not answer",
                            "systemctl restart solicitd; its journal may say why: journalctl "
                            "_PID=" +
                                std::to_string(daemon.pid)});
    }
    if (!daemon.capabilities) {
        return;
    }
    constexpr std::pair<unsigned, std::string_view> kNeeded[] = {{13, "CAP_NET_RAW"},
                                                                 {12, "CAP_NET_ADMIN"}};
    std::string missing;
    for (const auto& [bit, name] : kNeeded) {
        if ((*daemon.capabilities >> bit & 1U) == 0) {
            missing.append(missing.empty() ? "" : " and ").append(name);
        }
    }
    if (!missing.empty()) {
        findings.push_back({"no-capability", "", named + " runs without " + missing,
                            "start it as the service does (AmbientCapabilities=CAP_NET_RAW "
                            "CAP_NET_ADMIN), or as root"});
    }
}

const StateSnapshot::Upstream* find_upstream(const SystemFacts& facts, const std::string& name) {
    if (!facts.daemon || !facts.daemon->state) {
        return nullptr;
    }
    const auto& all = facts.daemon->state->upstreams;
    const auto it = std::find_if(all.begin(), all.end(),
                                 [&](const auto& each) { return each.interface.name == name; });
    return it == all.end() ? nullptr : &*it;
}

void look_at_service(const SystemFacts& facts, Findings& findings) {
    if (!facts.daemon || !facts.daemon->state) {
        return;
    }
    const std::string remedy =
        "systemctl reload solicitd (or was another --runtime-dir or configuration meant?)";
    for (const SystemFacts::Upstream& upstream : facts.upstreams) {
        const StateSnapshot::Upstream* const served = find_upstream(facts, upstream.link.name);
        if (served == nullptr) {
            findings.push_back({"not-served", upstream.link.name,
                                "the solicitd that runs does not serve it", remedy});
            continue;
        }
        for (const std::string& downstream : upstream.downstreams) {
            if (std::find(served->downstreams.begin(), served->downstreams.end(), downstream) ==
                served->downstreams.end()) {
                findings.push_back(
                    {"not-served", downstream,
                     "the solicitd that runs does not serve it for " + upstream.link.name, remedy});
            }
        }
    }
}

std::size_t count_groups(const StateSnapshot::Upstream& state, std::string_view in_state) {
    return static_cast<std::size_t>(
        std::count_if(state.groups.begin(), state.groups.end(),
                      [&](const auto& group) { return group.state == in_state; }));
}

void look_at_querier(const SystemFacts& facts, const StateSnapshot::Upstream& state,
                     Findings& findings) {
    if (state.querier.state != "absent") {
        return;
    }
    const std::string meanwhile = facts.announce == AnnounceMode::never
                                      ? "; announce = \"auto\" bridges the gap"
                                      : "; until then solicitd itself repeats its reports every " +
                                            std::to_string(facts.announce_interval.count()) + " s";
    findings.push_back({"no-querier", state.interface.name,
                        "no MLD querier is heard, so what snoops upstream forgets, or never prunes",
                        "switch one on in the gateway or the switch (Linux bridge: ip link set "
                        "BRIDGE type bridge mcast_querier 1)" +
                            meanwhile});
}

bool contains(const std::vector<SolicitedNodeGroup>& sorted, const std::string& text) {
    const Ipv6Address address = Ipv6Address::parse(text).value_or(Ipv6Address{});
    const auto group = SolicitedNodeGroup::from_address(address);
    return group && std::binary_search(sorted.begin(), sorted.end(), *group);
}

void look_at_lost_groups(const SystemFacts::Upstream& upstream,
                         const StateSnapshot::Upstream& state, Findings& findings) {
    if (!upstream.kernel_groups) {
        return;
    }
    const auto& kernel = *upstream.kernel_groups;
    std::size_t lost = 0;
    std::string first;
    for (const StateSnapshot::Group& group : state.groups) {
        if (group.state == "held" && !contains(kernel, group.group)) {
            first = ++lost == 1 ? group.group : first;
        }
    }
    if (lost > 0) {
        findings.push_back({"groups-lost", upstream.link.name,
                            "the kernel does not hold " + count_of(lost, "group", "groups") +
                                " that solicitd believes to hold, such as " + first,
                            "systemctl restart solicitd joins them again; an audit-interval above "
                            "0 finds such by itself"});
    }
}

void look_at_failed_joins(const SystemFacts& facts, const StateSnapshot::Upstream& state,
                          Findings& findings) {
    const auto failed =
        std::count_if(state.groups.begin(), state.groups.end(), [](const auto& group) {
            return group.state == "failed" && (group.error == ENOMEM || group.error == ENOBUFS);
        });
    if (failed > 0) {
        findings.push_back({"optmem-low", state.interface.name,
                            count_of(static_cast<std::size_t>(failed), "group", "groups") +
                                " cannot be joined for want of memory" +
                                (facts.optmem_max ? " (net.core.optmem_max = " +
                                                        std::to_string(*facts.optmem_max) + ')'
                                                  : ""),
                            "sysctl -w net.core.optmem_max=131072"});
    }
}

void look_at_group_limit(const StateSnapshot::Upstream& state, Findings& findings) {
    const std::size_t held = count_groups(state, "held");
    if (held > kSnooperGroups * 9 / 10) {
        findings.push_back(
            {"many-groups", state.interface.name,
             std::to_string(held) + " groups are held: a Linux bridge upstream refuses more than " +
                 std::to_string(kSnooperGroups) + ", other switches fewer",
             "raise the switch's limit (Linux bridge: ip link set BRIDGE type bridge "
             "mcast_hash_max 16384), or lower max-hosts; --dump-state shows who has so many "
             "addresses"});
    }
}

/// Only hosts that are there count: nobody needs to ask for our own addresses, or for the absent.
void look_at_questions(const StateSnapshot& state, const StateSnapshot::Upstream& upstream,
                       Findings& findings) {
    const auto has_host = [&](const std::string& group) {
        return std::any_of(state.hosts.begin(), state.hosts.end(), [&](const auto& host) {
            return host.group == group && (host.state == "confirmed" || host.state == "probing");
        });
    };
    std::size_t waiting = 0;
    for (const StateSnapshot::Group& group : upstream.groups) {
        if (group.asked > 0) {
            return;
        }
        waiting +=
            group.state == "held" && group.held_for > state.host_timeout && has_host(group.group)
                ? 1
                : 0;
    }
    if (waiting > 0) {
        findings.push_back(
            {"never-asked", upstream.interface.name,
             "nobody ever asked for " +
                 (waiting == 1 ? "the group that was"
                               : "any of the " + std::to_string(waiting) + " groups that were") +
                 " held for longer than " + std::to_string(state.host_timeout.count()) +
                 " s: the snooper upstream has not learned our reports, or nothing there talks to "
                 "these hosts",
             "ping a host from beyond the gateway; if tcpdump -ni " + upstream.interface.name +
                 " 'icmp6 and ip6[40] == 135' shows no question for it, look at the switch's "
                 "snooping"});
    }
}

/// Little, but enough until now.
void look_at_optmem(const SystemFacts& facts, Findings& findings) {
    const bool said = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.id == "optmem-low";
    });
    if (!said && facts.optmem_max && *facts.optmem_max < kMembershipBytes * kMembershipsASocket) {
        findings.push_back({"optmem-low", "",
                            "net.core.optmem_max = " + std::to_string(*facts.optmem_max) +
                                " gives a socket room for " +
                                std::to_string(*facts.optmem_max / kMembershipBytes) +
                                " groups, where solicitd counts on " +
                                std::to_string(kMembershipsASocket),
                            "sysctl -w net.core.optmem_max=131072"});
    }
}

/// What the daemon complains of, where nothing above said it better.
void look_at_problems(const SystemFacts::Upstream& upstream, const StateSnapshot::Upstream& state,
                      Findings& findings) {
    const auto found = [&](std::string_view id) {
        return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
            return finding.id == id && finding.interface == upstream.link.name;
        });
    };
    const auto is_said_better = [&](const std::string& problem) {
        return found(problem) || (problem == "joins-failing" && found("optmem-low")) ||
               (problem == "reports-refused" && found("reports-discarded")) ||
               // The daemon looks now and then, we have tried it just now.
               (problem == "reports-discarded" && upstream.reports_leave);
    };
    constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
        {"joins-failing", "the kernel refuses to join groups"},
        {"reports-refused", "the kernel refuses solicitd's own MLD reports"},
        {"reports-discarded", "the kernel discards MLD reports: a firewall eats them"},
        {"cannot-watch",
         "solicitd cannot watch it, or one of its downstreams: what is said there is not heard"},
    };
    for (const std::string& problem : state.problems) {
        if (is_said_better(problem)) {
            continue;
        }
        const auto* const known =
            std::find_if(std::begin(kTexts), std::end(kTexts),
                         [&](const auto& each) { return each.first == problem; });
        const bool by_firewall = problem == "reports-refused" || problem == "reports-discarded";
        findings.push_back({problem, upstream.link.name,
                            known != std::end(kTexts)
                                ? std::string(known->second)
                                : "solicitd says that it is degraded: " + problem,
                            std::string(by_firewall ? kAllowReports : kOurJournal)});
    }
}

void look_at_upstream(const SystemFacts& facts, const SystemFacts::Upstream& upstream,
                      Findings& findings) {
    if (!can_work(upstream.link, findings)) {
        return;
    }
    look_at_bridge_port(upstream.link, findings);
    look_at_proxy(facts, upstream, findings);
    look_at_prefix(upstream, findings);
    look_at_routes(facts, upstream, findings);
    look_at_misrouted(facts, upstream, findings);
    look_at_reports(upstream, findings);
    if (const StateSnapshot::Upstream* const state = find_upstream(facts, upstream.link.name)) {
        look_at_querier(facts, *state, findings);
        look_at_lost_groups(upstream, *state, findings);
        look_at_failed_joins(facts, *state, findings);
        look_at_group_limit(*state, findings);
        look_at_questions(*facts.daemon->state, *state, findings);
        look_at_problems(upstream, *state, findings);
    }
}

void look_at_downstream(const SystemFacts& facts, const Interface& downstream, Findings& findings) {
    if (!can_work(downstream, findings)) {
        return;
    }
    look_at_bridge_port(downstream, findings);
    look_at_router_flag(facts, downstream, findings);
    look_at_capture(facts, downstream, findings);
}

std::vector<const Interface*> usable_links(const SystemFacts& facts) {
    std::vector<const Interface*> links;
    const auto add = [&](const Interface& link) {
        if (link.usable()) {
            links.push_back(&link);
        }
    };
    for (const SystemFacts::Upstream& upstream : facts.upstreams) {
        add(upstream.link);
    }
    std::for_each(facts.downstreams.begin(), facts.downstreams.end(), add);
    return links;
}

}  // namespace

std::vector<Finding> diagnose(const SystemFacts& facts) {
    Findings findings;
    look_at_forwarding(facts, usable_links(facts), findings);
    if (facts.daemon) {
        look_at_daemon(*facts.daemon, findings);
        look_at_service(facts, findings);
    }
    for (const SystemFacts::Upstream& upstream : facts.upstreams) {
        look_at_upstream(facts, upstream, findings);
    }
    for (const Interface& downstream : facts.downstreams) {
        look_at_downstream(facts, downstream, findings);
    }
    look_at_optmem(facts, findings);
    return findings;
}

std::vector<std::string> unseen(const SystemFacts& facts) {
    std::vector<std::string> remarks;
    const auto remark = [&](bool seen, const std::string& what) {
        if (!seen) {
            remarks.push_back(what + " could not be looked at");
        }
    };
    remark(facts.forwarding.has_value(), conf("all", "forwarding"));
    remark(facts.proxy_process.has_value(),
           "whether ndppd runs here (as root it can, in ndppd's "
           "PID namespace)");
    remark(facts.optmem_max.has_value(), "net.core.optmem_max");
    if (facts.daemon) {
        remark(facts.daemon->capabilities.has_value(), "the daemon's capabilities");
    }
    for (const SystemFacts::Upstream& upstream : facts.upstreams) {
        if (upstream.link.usable()) {
            const std::string on = " on " + upstream.link.name;
            remark(upstream.proxy_ndp && upstream.proxy_entries, "the kernel's ND proxy" + on);
            remark(upstream.kernel_groups.has_value(), "the kernel's groups" + on);
            remark(upstream.reports_leave.has_value(), "whether MLD reports leave" + on);
        }
    }
    return remarks;
}

}  // namespace solicitd
