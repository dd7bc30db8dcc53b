#include "core/diagnosis/rules.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "core/wording.hpp"

namespace solicitd::rules {
namespace {

/// Bytes of option memory that a membership takes of its socket (kernel: sizeof
/// ipv6_mc_socklist).
constexpr std::size_t kMembershipBytes = 56;
/// A Linux bridge's mcast_hash_max, unless set: the only snooper whose limit is known.
constexpr std::size_t kSnooperGroups = 4096;

std::size_t count_groups(const UpstreamState& state, std::string_view in_state) {
    return static_cast<std::size_t>(
        std::count_if(state.groups.begin(), state.groups.end(),
                      [&](const auto& group) { return group.state == in_state; }));
}

bool contains(const std::vector<SolicitedNodeGroup>& sorted, const std::string& text) {
    const Ipv6Address address = Ipv6Address::parse(text).value_or(Ipv6Address{});
    const auto group = SolicitedNodeGroup::from_address(address);
    return group && std::binary_search(sorted.begin(), sorted.end(), *group);
}

}  // namespace

void look_at_lost_groups(const Upstream& upstream, const UpstreamState& state, Findings& findings) {
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
        findings.push_back({FindingId::groups_lost, upstream.link.name,
                            "the kernel does not hold " + plural(lost, "group") +
                                " that solicitd believes to hold, such as " + first,
                            "systemctl restart solicitd joins them again; an audit-interval above "
                            "0 finds such by itself"});
    }
}

void look_at_failed_joins(const SystemFacts& facts, const UpstreamState& state,
                          Findings& findings) {
    const auto failed =
        std::count_if(state.groups.begin(), state.groups.end(), [](const auto& group) {
            return group.state == "failed" && (group.error == ENOMEM || group.error == ENOBUFS);
        });
    if (failed > 0) {
        findings.push_back({FindingId::optmem_low, state.interface.name,
                            plural(static_cast<std::size_t>(failed), "group") +
                                " cannot be joined for want of memory" +
                                (facts.optmem_max ? " (net.core.optmem_max = " +
                                                        std::to_string(*facts.optmem_max) + ')'
                                                  : ""),
                            "sysctl -w net.core.optmem_max=131072"});
    }
}

void look_at_group_limit(const UpstreamState& state, Findings& findings) {
    const std::size_t held = count_groups(state, "held");
    if (held > kSnooperGroups * 9 / 10) {
        findings.push_back(
            {FindingId::many_groups, state.interface.name,
             std::to_string(held) + " groups are held: a Linux bridge upstream refuses more than " +
                 std::to_string(kSnooperGroups) + ", other switches fewer",
             "raise the switch's limit (Linux bridge: ip link set BRIDGE type bridge "
             "mcast_hash_max 16384), or lower max-groups; --dump-state shows who has so many "
             "addresses"});
    }
}

void look_at_optmem(const SystemFacts& facts, Findings& findings) {
    if (!has_found(findings, FindingId::optmem_low) && facts.optmem_max &&
        *facts.optmem_max < kMembershipBytes * kMembershipsASocket) {
        findings.push_back({FindingId::optmem_low, "",
                            "net.core.optmem_max = " + std::to_string(*facts.optmem_max) +
                                " gives a socket room for " +
                                std::to_string(*facts.optmem_max / kMembershipBytes) +
                                " groups, where solicitd counts on " +
                                std::to_string(kMembershipsASocket),
                            "sysctl -w net.core.optmem_max=131072"});
    }
}

}  // namespace solicitd::rules
