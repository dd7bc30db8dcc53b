#include "core/diagnosis/rules.hpp"

#include <algorithm>
#include <string>

namespace solicitd::rules {
namespace {

/// Without a querier, by the daemon's own settings.
std::string meanwhile(const StateSnapshot& state) {
    if (state.announce.empty()) {
        return "";  // a daemon that does not tell
    }
    return state.announce == to_string(AnnounceMode::never)
               ? "; announce = \"auto\" bridges the gap"
               : "; until then solicitd itself repeats its reports every " +
                     std::to_string(state.announce_interval.count()) + " s";
}

}  // namespace

void look_at_reports(const Upstream& upstream, Findings& findings) {
    if (!upstream.reports_leave.value_or(true)) {
        findings.push_back({FindingId::reports_discarded, upstream.link.name,
                            "MLD reports do not leave this machine: Ip6OutDiscards in "
                            "/proc/net/dev_snmp6/" +
                                upstream.link.name + " grows in their place; a firewall eats them",
                            allow_reports()});
    }
}

void look_at_querier(const StateSnapshot& state, const UpstreamState& upstream,
                     Findings& findings) {
    if (upstream.querier.state == "absent") {
        findings.push_back(
            {FindingId::no_querier, upstream.interface.name,
             "no MLD querier is heard, so what snoops upstream forgets, or never prunes",
             "switch one on in the gateway or the switch (Linux bridge: ip link set BRIDGE type "
             "bridge mcast_querier 1)" +
                 meanwhile(state)});
    }
}

/// Only hosts that are there count: nobody needs to ask for our own addresses, or for the absent.
void look_at_questions(const StateSnapshot& state, const UpstreamState& upstream,
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
            {FindingId::never_asked, upstream.interface.name,
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

}  // namespace solicitd::rules
