#include "core/diagnosis/rules.hpp"

#include <algorithm>

#include "core/wording.hpp"

namespace solicitd::rules {

// As sysctl(8) wants it: a dot in the name would separate.
std::string conf(std::string interface, const std::string& key) {
    std::replace(interface.begin(), interface.end(), '.', '/');
    return "net.ipv6.conf." + interface + '.' + key;
}

std::string allow_reports() {
    return std::string(kAllowMld) + " (nft list ruleset, ip6tables -S)";
}

bool has_found(const Findings& findings, FindingId id) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const Finding& finding) { return finding.id == id; });
}

bool has_found(const Findings& findings, FindingId id, const std::string& interface) {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
        return finding.id == id && finding.interface == interface;
    });
}

const UpstreamState* find_state(const SystemFacts& facts, const std::string& upstream) {
    if (!facts.daemon || !facts.daemon->state) {
        return nullptr;
    }
    const auto& all = facts.daemon->state->upstreams;
    const auto it = std::find_if(all.begin(), all.end(),
                                 [&](const auto& each) { return each.interface.name == upstream; });
    return it == all.end() ? nullptr : &*it;
}

}  // namespace solicitd::rules
