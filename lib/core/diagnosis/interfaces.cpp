#include "core/diagnosis/rules.hpp"

#include <string>

#include "core/limits.hpp"

namespace solicitd::rules {

bool can_work(const Interface& link, Findings& findings) {
    if (!link.exists) {
        findings.push_back({FindingId::absent, link.name, "there is no such interface",
                            "make it, or mend the configuration; ip -br link shows what there is"});
    } else if (!link.running) {
        findings.push_back({FindingId::down, link.name, "is down or has no carrier",
                            "ip link set " + link.name +
                                " up; look at the cable; a bridge needs a port that is up"});
    } else if (!link.has_ipv6) {
        findings.push_back(
            {FindingId::no_ipv6, link.name,
             "has no IPv6: it is switched off, or the MTU is below " + std::to_string(kLeastMtu),
             "sysctl -w " + conf(link.name, "disable_ipv6") + "=0; ip link set " + link.name +
                 " mtu 1500"});
    }
    return link.usable();
}

void look_at_bridge_port(const Interface& link, Findings& findings) {
    if (!link.bridge.empty()) {
        findings.push_back({FindingId::bridge_port, link.name,
                            "is a port of " + link.bridge + ", which takes its packets first",
                            "name " + link.bridge + " in its place"});
    }
}

void look_at_capture(const SystemFacts& facts, const Interface& downstream, Findings& findings) {
    if (!downstream.snooping_bridge || downstream.multicast_router != false || !facts.kernel ||
        *facts.kernel >= kBridgeHonorsAllmulti || facts.capture == CaptureMode::promisc) {
        return;
    }
    // Of the other modes the daemon makes it one, if it may; before it runs that is not known.
    if (facts.capture == CaptureMode::allmulti || facts.daemon) {
        findings.push_back({FindingId::deaf_capture, downstream.name,
                            "new hosts' Neighbor Discovery is not heard, only their MLD reports: "
                            "the bridge snoops, and hides it before Linux 6.16 (this is Linux " +
                                std::to_string(facts.kernel->major) + '.' +
                                std::to_string(facts.kernel->minor) + ')',
                            "ip link set " + downstream.name + " type bridge mcast_router 2"});
    }
}

}  // namespace solicitd::rules
