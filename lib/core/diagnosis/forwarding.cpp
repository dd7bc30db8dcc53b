#include "core/diagnosis/rules.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/wording.hpp"

namespace solicitd::rules {
namespace {

bool is_forwarding(const SystemFacts& facts, const Interface& incoming) {
    return facts.forwarding.value_or(true) || incoming.force_forwarding;
}

}  // namespace

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
        findings.push_back({FindingId::forwarding_off, "", "no IPv6 forwarding " + seen, remedy});
        return;
    }
    for (const Interface* link : links) {
        if (!link->force_forwarding) {
            findings.push_back({FindingId::forwarding_off, link->name,
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
        findings.push_back({FindingId::forwarding_off, downstream.name,
                            "no IPv6 forwarding (" + key +
                                " = 0): we do not say that we are a router, so its hosts drop us",
                            "sysctl -w " + key + "=1"});
    }
}

/// kernel: ndisc_recv_ns answers for a proxy entry if proxy_ndp and the interface's forwarding
/// are on.
void look_at_proxy(const SystemFacts& facts, const Upstream& upstream, Findings& findings) {
    if (facts.proxy_process.value_or(true) || !upstream.proxy_ndp || !upstream.proxy_entries) {
        return;
    }
    const std::string& name = upstream.link.name;
    const std::string proxy = conf(name, "proxy_ndp");
    const std::string add_entries = "ip -6 neigh add proxy HOST dev " + name + " for each host";
    const std::string entries = plural(*upstream.proxy_entries, "proxy entry", "proxy entries");
    if (*upstream.proxy_entries == 0) {
        findings.push_back({FindingId::no_nd_proxy, name,
                            "nobody answers for the hosts: no ndppd runs here, and the kernel has "
                            "no proxy entry",
                            "start ndppd with a rule for the prefix (systemctl start ndppd), or: " +
                                (*upstream.proxy_ndp ? "" : "sysctl -w " + proxy + "=1; ") +
                                add_entries});
    } else if (!*upstream.proxy_ndp) {
        findings.push_back({FindingId::no_nd_proxy, name,
                            "nobody answers for the hosts: " + proxy + " = 0, despite " + entries +
                                ", and no ndppd runs here",
                            "sysctl -w " + proxy + "=1"});
    } else if (is_forwarding(facts, upstream.link) && !upstream.link.forwarding.value_or(true)) {
        const std::string key = conf(name, "forwarding");
        findings.push_back({FindingId::forwarding_off, name,
                            "no IPv6 forwarding (" + key +
                                " = 0): the kernel answers for nobody, despite " + entries,
                            "sysctl -w " + key + "=1"});
    }
}

}  // namespace solicitd::rules
