#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/events.hpp"
#include "core/host.hpp"
#include "core/membership_plan.hpp"
#include "core/on_link_prefixes.hpp"
#include "core/time.hpp"

namespace solicitd {

/// A configured interface: the name is ours, the rest is the kernel's for as long as it exists.
struct Interface {
    explicit Interface(std::string its_name) : name(std::move(its_name)) {}

    std::string name;
    Ifindex index = 0;  ///< 0: absent
    MacAddress mac;
    std::uint32_t mtu = 0;
    bool running = false;
    bool snooping_bridge = false;
    Ifindex bridge = 0;
    bool seen = false;  ///< in the dump that is running

    [[nodiscard]] bool exists() const { return index != 0; }
    [[nodiscard]] bool usable() const { return exists() && running; }
    /// Whether the kernel runs IPv6 on it (RFC 8200 5; kernel: addrconf_notify), so that
    /// memberships can be held. They survive its being down.
    [[nodiscard]] bool has_ipv6() const { return exists() && mtu >= 1280; }
    /// Packets pass: what the kernel takes away now, somebody took away on purpose.
    [[nodiscard]] bool carries_ipv6() const { return running && has_ipv6(); }
    /// "absent", "down" or "usable".
    [[nodiscard]] std::string_view state() const {
        return !exists() ? "absent" : running ? "usable" : "down";
    }
};

struct Upstream {
    Upstream(const UpstreamConfig& config, std::uint64_t seed)
        : link(config.interface), prefixes(config.prefixes), plan(config.interface, seed) {}

    Interface link;
    OnLinkPrefixes prefixes;
    MembershipPlan plan;
    /// Of its own addresses, link-local ones included: the kernel joins them by itself.
    std::vector<SolicitedNodeGroup> own_groups;
    bool no_prefix_told = false;
    /// When prefixes that were lost with the interface are given up.
    std::optional<TimePoint> orphans_until;
};

struct Downstream {
    explicit Downstream(const std::string& name) : link(name) {}

    struct OwnAddress {
        Ipv6Address address;
        bool seen = true;  ///< in the dump that is running
    };

    Interface link;
    std::uint32_t upstreams = 0;  ///< mask of indexes; 0: not configured any more
    std::vector<OwnAddress> own_addresses;
};

}  // namespace solicitd
