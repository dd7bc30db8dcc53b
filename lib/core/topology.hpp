#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/announcer.hpp"
#include "core/events.hpp"
#include "core/group_set.hpp"
#include "core/host.hpp"
#include "core/host_ranks.hpp"
#include "core/lan_inquiries.hpp"
#include "core/limits.hpp"
#include "core/link_local_neighbors.hpp"
#include "core/membership_plan.hpp"
#include "core/on_link_prefixes.hpp"
#include "core/own_addresses.hpp"
#include "core/querier_watch.hpp"
#include "core/rate_limit.hpp"
#include "core/report_path.hpp"
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
    /// Whether the kernel runs IPv6 on it, so that memberships can be held. They survive its being
    /// down.
    [[nodiscard]] bool has_ipv6() const { return exists() && mtu >= kLeastMtu; }
    /// Packets pass: what the kernel takes away now, somebody took away on purpose.
    [[nodiscard]] bool carries_ipv6() const { return running && has_ipv6(); }
    /// "absent", "down" or "usable".
    [[nodiscard]] std::string_view state() const {
        return !exists() ? "absent" : running ? "usable" : "down";
    }
};

/// What the journal knows of an upstream's querier.
struct ToldQuerier {
    bool missed = false;
    Ipv6Address address;  ///< unless it is missed; unspecified: nothing was told yet
    MldVersion version = MldVersion::v2;
    friend bool operator==(const ToldQuerier&, const ToldQuerier&) = default;
};

struct Upstream {
    Upstream(const UpstreamConfig& config, std::uint64_t seed)
        : link(config.interface),
          prefixes(config.prefixes),
          planned_prefixes(prefixes.prefixes()),
          told_prefixes(planned_prefixes),
          plan(config.interface, seed),
          announcer(seed),
          answered_v1(seed),
          inquiries(seed) {}

    Interface link;
    OnLinkPrefixes prefixes;
    std::vector<Ipv6Prefix> planned_prefixes;  ///< by which hosts were last served, sorted
    std::vector<Ipv6Prefix> told_prefixes;     ///< of which the journal knows, sorted
    /// However many flap, the journal gets so many lines, and in the end how things stand.
    RateLimit prefix_notices{30, std::chrono::minutes(1)};
    std::optional<TimePoint> tell_prefixes_at;  ///< when the two differ for want of lines
    /// A renumbering is some changes at once, and each acts at once; what flaps, or is flooded by
    /// Router Advertisements, would cost a look at all hosts for each of its changes.
    RateLimit prefix_changes{4, std::chrono::seconds(1)};
    MembershipPlan plan;
    /// The kernel joins their groups by itself.
    OwnAddresses own_addresses;
    QuerierWatch querier;
    /// Anybody there can make queriers come, change and fall silent.
    RateLimit querier_notices{10, std::chrono::minutes(1)};
    ToldQuerier told_querier;
    std::optional<TimePoint> tell_querier_at;  ///< when that is not so any more, for want of lines
    Announcer announcer;
    ReportPath reports;
    std::vector<SolicitedNodeGroup> kernel_groups;  ///< held at the last audit, sorted
    GroupSet answered_v1;  ///< since the last MLDv1 query, where another host's report was first
    LanInquiries inquiries;
    bool no_prefix_told = false;
    std::size_t waiting = 0;              ///< hosts that found no room for their group
    HostRank lowest = HostRank::own;      ///< no group is worth less
    std::optional<TimePoint> share_at;    ///< when hosts are shared out anew: for room, or prefixes
    TimePoint shared = TimePoint::min();  ///< when it last was
    /// When prefixes that were lost with the interface are given up.
    std::optional<TimePoint> orphans_until;
};

struct Downstream {
    Downstream(const std::string& name, std::uint64_t seed) : link(name), link_locals(seed) {}

    Interface link;
    std::uint32_t upstreams = 0;  ///< mask of indexes; 0: not configured any more
    OwnAddresses own_addresses;
    RateLimit probe_notices{1, std::chrono::hours(1)};
    /// Tell which reports are of no host that could be served, and whose MACs the kernel knows.
    LinkLocalNeighbors link_locals;
};

}  // namespace solicitd
