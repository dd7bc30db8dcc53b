#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ipv6_address.hpp"

/// What the parsers of Neighbor Discovery and of MLD share. Others need Checksum alone.
namespace solicitd {

/// Whether the ICMPv6 checksum is to be verified. The kernel hands over packets of this very
/// machine before the checksum is filled in (TP_STATUS_CSUMNOTREADY) and says so.
enum class Checksum : std::uint8_t { verify, trust };

/// The next headers that tell something here (RFC 8200 4).
enum : std::uint8_t {
    kNextHeaderHopByHop = 0,
    kNextHeaderFragment = 44,
    kNextHeaderIcmpV6 = 58,
};

/// Network byte order.
[[nodiscard]] std::uint16_t load16(const std::uint8_t* bytes);
[[nodiscard]] Ipv6Address load_address(const std::uint8_t* bytes);

/// A view of bytes that begin with an IPv6 header (RFC 8200 3), and may have link padding behind
/// the packet.
class Ipv6Packet {
public:
    static constexpr std::size_t kHeaderSize = 40;

    /// At least kHeaderSize bytes.
    explicit Ipv6Packet(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool is_ipv6() const { return bytes_[0] >> 4U == 6; }
    [[nodiscard]] std::uint8_t next_header() const { return bytes_[6]; }
    [[nodiscard]] std::uint8_t hop_limit() const { return bytes_[7]; }
    [[nodiscard]] Ipv6Address source() const { return load_address(&bytes_[kSource]); }
    [[nodiscard]] Ipv6Address destination() const { return load_address(&bytes_[kDestination]); }

    /// What the payload length covers; empty when it says 0, or more than is there.
    [[nodiscard]] std::span<const std::uint8_t> payload() const;

    /// Whether the ICMPv6 message, which the payload ends with, has its right checksum (RFC 4443
    /// 2.3).
    [[nodiscard]] bool checksum_is_valid(std::span<const std::uint8_t> message) const;
    /// What its checksum field, which is 0 now, has to be.
    [[nodiscard]] std::uint16_t checksum_for(std::span<const std::uint8_t> message) const;

private:
    [[nodiscard]] std::uint16_t sum_with(std::span<const std::uint8_t> message) const;

    static constexpr std::size_t kSource = 8;
    static constexpr std::size_t kDestination = 24;

    std::span<const std::uint8_t> bytes_;
};

}  // namespace solicitd
