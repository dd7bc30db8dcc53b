#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "core/ipv6_address.hpp"
#include "core/ipv6_packet.hpp"

namespace solicitd {

enum class MldVersion : std::uint8_t { v1 = 1, v2 = 2 };

/// A valid Multicast Listener Query (RFC 9777 5.1, RFC 2710 3).
struct MldQuery {
    MldVersion version = MldVersion::v2;
    /// Link-local; or ::, which a host must not believe in (RFC 9777 5.1.14) and the kernel does
    /// not answer, though snooping switches without an address of their own ask so.
    Ipv6Address source;
    Ipv6Address group;  ///< ::, a General Query, or the group that is asked for
    std::chrono::milliseconds max_response{};
    std::uint8_t robustness = 0;      ///< QRV; 0: not told, as always in v1
    std::chrono::seconds interval{};  ///< QQI; 0: not told

    [[nodiscard]] bool is_general() const { return group.is_unspecified(); }

    friend bool operator==(const MldQuery&, const MldQuery&) = default;
};

/// A valid Multicast Listener Report (RFC 9777 5.2, RFC 2710 3). Refers to the packet it was
/// parsed from, and lives no longer.
struct MldReport {
    MldVersion version = MldVersion::v2;
    Ipv6Address source;  ///< link-local or :: (RFC 9777 5.2.14)
    /// v1: the one group. v2: the group records, whose lengths were checked.
    std::span<const std::uint8_t> body;

    /// Calls visit(const Ipv6Address&) for each group that the reporter listens to by this
    /// message: not for what it leaves or merely blocks (TO_IN {}, IS_IN {}, BLOCK_OLD_SOURCES),
    /// nor for a record of an unknown type (RFC 9777 5.2.12).
    template <typename Visit>
    void for_each_group(Visit visit) const {
        std::span<const std::uint8_t> rest = body;
        while (!rest.empty()) {
            const Record record = next_record(rest);
            if (record.listens) {
                visit(record.group);
            }
        }
    }

private:
    struct Record {
        Ipv6Address group;
        bool listens = false;
    };
    /// Takes the first record off `rest`.
    [[nodiscard]] Record next_record(std::span<const std::uint8_t>& rest) const;
};

/// Why a packet is no message to believe. The names of the counters in the state. The ICMPv6 code
/// is none of the reasons: receivers ignore it (RFC 9777 5.1.1, RFC 2710 3.2).
enum class MldDefect : std::uint8_t {
    truncated,     ///< shorter than its headers or its payload length say, or than we read
    not_mld,       ///< not IPv6, not ICMPv6, or neither query nor report
    hop_limit,     ///< not 1
    router_alert,  ///< no Router Alert option for MLD (RFC 2711) in a Hop-by-Hop Options header
    fragmented,
    checksum,  ///< ICMPv6 checksum wrong
    source,    ///< neither link-local nor ::
    group,     ///< a query for, or a v1 report of, what is no multicast address
    length,    ///< a query of 25 to 27 bytes (RFC 9777 8.2); records or sources past the end
};
inline constexpr std::size_t kMldDefects = static_cast<std::size_t>(MldDefect::length) + 1;
[[nodiscard]] std::string_view to_string(MldDefect defect);

/// Validates as RFC 9777 and RFC 2710 ask of a node. The bytes begin at the IPv6 header and may
/// have link padding behind them. Reads nothing outside [packet, packet + size), allocates nothing.
[[nodiscard]] std::variant<MldQuery, MldReport, MldDefect> parse_mld_message(
    const std::uint8_t* packet, std::size_t size, Checksum checksum);

/// How many groups one MLDv2 report holds that fits the MTU (bytes): 72 with 1500, and no more
/// with a larger one; at least 1.
[[nodiscard]] std::size_t groups_per_report(std::uint32_t mtu);

/// The size in bytes of the message that write_mld_report() writes for so many groups, at least
/// one.
[[nodiscard]] std::size_t mld_report_size(MldVersion version, std::size_t groups);

/// The ICMPv6 message (checksum 0: the kernel fills it in) that reports the groups, at least one:
/// MLDv2 with a MODE_IS_EXCLUDE {} record each (RFC 9777 5.2); MLDv1 for the first one only
/// (RFC 2710 3). Returns its size; `message` has room for it: mld_report_size().
std::size_t write_mld_report(MldVersion version, std::span<const SolicitedNodeGroup> groups,
                             std::span<std::uint8_t> message);

}  // namespace solicitd
