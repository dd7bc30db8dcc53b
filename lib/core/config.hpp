#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ipv6_address.hpp"

namespace solicitd {

/// How a downstream's Neighbor Discovery is made to reach our packet socket.
enum class CaptureMode : std::uint8_t {
    automatic,     ///< allmulti; and mcast_router where the kernel's bridge ignores allmulti
    allmulti,      ///< PACKET_MR_ALLMULTI
    mcast_router,  ///< the bridge's multicast_router=2, put back on exit
    promisc,       ///< PACKET_MR_PROMISC: also unicast between hosts, at a cost in throughput
};

/// An interface towards a gateway, and those behind which its hosts live.
struct UpstreamConfig {
    std::string interface;
    std::vector<std::string> downstreams;
    /// Empty: the prefixes that the upstream itself holds on-link.
    std::vector<Ipv6Prefix> prefixes;

    friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

/// A closed range of whole numbers, for a check and for the text that explains its refusal.
struct Range {
    std::int64_t lowest;
    std::int64_t highest;
    [[nodiscard]] constexpr bool contains(std::int64_t value) const {
        return lowest <= value && value <= highest;
    }
};

inline constexpr Range kHostTimeoutRange{1, 86'400};  // seconds
inline constexpr Range kLingerRange{0, 604'800};      // seconds
inline constexpr Range kMaxHostsRange{1, 1'000'000};
inline constexpr std::size_t kMaxUpstreams = 32;  // a host keeps its upstreams in a 32-bit mask

/// What the core needs to know of the configuration. The reader has checked it: ranges hold, names
/// are possible interface names, no upstream is named twice, none is a downstream as well.
struct Config {
    std::vector<UpstreamConfig> upstreams;
    std::chrono::seconds host_timeout{300};  ///< silence after which a host is asked
    std::chrono::seconds linger{1800};       ///< how long a host that does not answer is kept
    std::size_t max_hosts = 4096;
    CaptureMode capture = CaptureMode::automatic;

    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace solicitd
