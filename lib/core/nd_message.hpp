#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "core/evidence.hpp"
#include "core/ipv6_address.hpp"
#include "core/ipv6_packet.hpp"
#include "core/mac_address.hpp"

namespace solicitd {

/// A valid Neighbor Solicitation or Neighbor Advertisement, reduced to what we act on.
struct NdMessage {
    enum class Type : std::uint8_t { solicitation, advertisement };
    Type type = Type::solicitation;
    Ipv6Address source;
    Ipv6Address destination;
    Ipv6Address target;

    friend bool operator==(const NdMessage&, const NdMessage&) = default;
};

/// Why a packet is no message to believe. The names of the counters in the state.
enum class NdDefect : std::uint8_t {
    truncated,        ///< shorter than its headers or its payload length say, or than we read
    not_nd,           ///< not IPv6, not ICMPv6, or neither NS nor NA
    hop_limit,        ///< not 255: it crossed a router
    fragmented,       ///< RFC 6980
    checksum,         ///< ICMPv6 checksum wrong
    code,             ///< ICMPv6 code not 0
    option_length,    ///< an option of length 0 or past the end
    target,           ///< the target is multicast, or :: (RFC 4291 2.5.2)
    source,           ///< the source is multicast, or an NA's source is ::
    dad_destination,  ///< NS from :: to something else than a solicited-node group
    dad_option,       ///< NS from :: with a source link-layer address option
    solicited_flag,   ///< NA to multicast with the Solicited flag
};
inline constexpr std::size_t kNdDefects = static_cast<std::size_t>(NdDefect::solicited_flag) + 1;
[[nodiscard]] std::string_view to_string(NdDefect defect);

/// Validates as RFC 4861 7.1.1 and 7.1.2 ask. The bytes begin at the IPv6 header and may have link
/// padding behind them. Reads nothing outside [packet, packet + size), allocates nothing.
[[nodiscard]] std::variant<NdMessage, NdDefect> parse_nd_message(const std::uint8_t* packet,
                                                                 std::size_t size,
                                                                 Checksum checksum);

/// What a message proves: the address that is in use, and how we know.
struct NdEvidence {
    Ipv6Address address;
    Evidence evidence = Evidence::solicitation;
};
[[nodiscard]] NdEvidence evidence_of(const NdMessage& message);

/// A Neighbor Solicitation with the asker's own link-layer address, if it has one, as an option
/// (RFC 4861 4.3).
class NdSolicitation {
public:
    NdSolicitation(const Ipv6Address& source, const Ipv6Address& destination,
                   const Ipv6Address& target, const MacAddress& asker);

    /// From the IPv6 header on.
    [[nodiscard]] std::span<const std::uint8_t> packet() const {
        return std::span(bytes_).first(size_);
    }
    /// The ICMPv6 message.
    [[nodiscard]] std::span<const std::uint8_t> message() const {
        return packet().subspan(Ipv6Packet::kHeaderSize);
    }

private:
    std::array<std::uint8_t, 72> bytes_{};
    std::size_t size_;
};

}  // namespace solicitd
