#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
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

/// When we send MLD reports of our own, beside the kernel's.
enum class AnnounceMode : std::uint8_t {
    automatic,  ///< while no querier is heard, and when the kernel would stay silent at the wrong
                ///< time
    always,     ///< every announce-interval, too
    never,
};

/// An interface towards a gateway, and those behind which its hosts live.
struct UpstreamConfig {
    std::string interface;
    std::vector<std::string> downstreams;
    /// Empty: the prefixes that the upstream itself holds on-link.
    std::vector<Ipv6Prefix> prefixes;

    friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

/// What differs from the rest for one downstream.
struct DownstreamConfig {
    std::string interface;
    std::size_t max_hosts_per_mac = 0;

    friend bool operator==(const DownstreamConfig&, const DownstreamConfig&) = default;
};

/// A closed range of whole numbers, for a check and for the text that explains its refusal.
struct Range {
    std::int64_t lowest;
    std::int64_t highest;
    std::string_view unit;  ///< plural
    [[nodiscard]] constexpr bool contains(std::int64_t value) const {
        return lowest <= value && value <= highest;
    }
};

inline constexpr Range kHostTimeoutRange{1, 86'400, "seconds"};
inline constexpr Range kLingerRange{0, 604'800, "seconds"};
inline constexpr Range kAuditIntervalRange{0, 86'400, "seconds"};
inline constexpr Range kAnnounceIntervalRange{1, 3'600, "seconds"};
inline constexpr Range kMaxHostsRange{1, 1'000'000, "hosts"};
inline constexpr Range kMaxGroupsRange{1, 65'536, "groups"};
inline constexpr Range kMaxHostsPerMacRange{1, 65'536, "hosts"};
inline constexpr std::size_t kMaxUpstreams = 32;  // a host keeps its upstreams in a 32-bit mask

/// What the core needs to know of the configuration. The reader has checked it: ranges hold, names
/// are possible interface names, no upstream is named twice, none is a downstream as well.
struct Config {
    std::vector<UpstreamConfig> upstreams;
    std::chrono::seconds host_timeout{300};  ///< silence after which a host is asked
    std::chrono::seconds linger{1800};       ///< how long a host that does not answer is kept
    std::size_t max_hosts = 4096;
    std::size_t max_groups = 1024;  ///< on each upstream
    /// Of one link-layer address on one downstream.
    std::size_t max_hosts_per_mac = 64;
    std::vector<DownstreamConfig> downstreams;  ///< only those with settings of their own
    /// Between two comparisons of what is held with the kernel; 0: only when there is a reason.
    std::chrono::seconds audit_interval{60};
    CaptureMode capture = CaptureMode::automatic;
    AnnounceMode announce = AnnounceMode::automatic;
    std::chrono::seconds announce_interval{60};
    bool mld_evidence = true;  ///< whether the LAN's MLD reports count

    friend bool operator==(const Config&, const Config&) = default;
};

/// The cap that holds on that downstream.
[[nodiscard]] std::size_t max_hosts_per_mac(const Config& config, std::string_view downstream);

/// A setting cannot be what was read. what() says what is allowed; the reader puts the place and
/// the value before it.
struct BadSetting : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// "auto", "allmulti", "mcast-router" or "promisc".
[[nodiscard]] std::string_view to_string(CaptureMode mode);

/// "auto", "always" or "never".
[[nodiscard]] std::string_view to_string(AnnounceMode mode);

/// Whether the kernel would take the name for an interface (kernel: dev_valid_name).
[[nodiscard]] bool is_interface_name(std::string_view name);

// What the configuration file and the command line allow. Each returns the value or throws
// BadSetting.
[[nodiscard]] CaptureMode parse_capture_mode(std::string_view text);
[[nodiscard]] AnnounceMode parse_announce_mode(std::string_view text);
/// "true" or "false".
[[nodiscard]] bool parse_switch(std::string_view text);
[[nodiscard]] std::string parse_interface(std::string_view text);
/// ADDRESS/LENGTH without host bits, length 1 to 127, of addresses that is_global_unicast() allows.
[[nodiscard]] Ipv6Prefix parse_prefix(std::string_view text);
/// "allowed are 1 to 86400 (seconds)", for what is out of range or no whole number.
[[nodiscard]] std::string allowed_text(Range range);

/// What is wrong between the interfaces of a configuration, each of them right in itself.
struct UpstreamConflict {
    std::size_t upstream;                   ///< index of the one to blame
    std::optional<std::size_t> downstream;  ///< index in it, when that is to blame
    std::string text;                       ///< follows the interface's name
};
/// The first conflict: an upstream named twice, an interface that is upstream and downstream, a
/// downstream twice for one upstream, no downstream, too many upstreams.
[[nodiscard]] std::optional<UpstreamConflict> find_conflict(
    const std::vector<UpstreamConfig>& upstreams);

/// The text with control characters as \xNN: one line, whatever is in it.
[[nodiscard]] std::string one_line(std::string_view text);
/// The same in double quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);
/// "; did you mean WORD?" when a known word is at most two typing mistakes away, else "".
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> known);

}  // namespace solicitd
