#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"

/// Neighbor Discovery packets as they stand on the wire, from the IPv6 header on, with a valid
/// checksum. A test that breaks one changes its bytes, then repairs what it did not mean to break.
namespace solicitd::test {

using Packet = std::vector<std::uint8_t>;

/// Offsets into a packet built here.
inline constexpr std::size_t kPayloadLengthAt = 4;
inline constexpr std::size_t kNextHeaderAt = 6;
inline constexpr std::size_t kHopLimitAt = 7;
inline constexpr std::size_t kIcmpAt = 40;
inline constexpr std::size_t kOptionsAt = 64;

enum : std::uint8_t { kRouterFlag = 0x80, kSolicitedFlag = 0x40, kOverrideFlag = 0x20 };
enum : std::uint8_t { kSourceLinkLayerOption = 1, kTargetLinkLayerOption = 2, kNonceOption = 14 };

inline Ipv6Address address(std::string_view text) {
    const auto parsed = Ipv6Address::parse(text);
    return parsed ? *parsed : throw std::invalid_argument("no address: " + std::string(text));
}

/// Sets the payload length to what is there.
inline void fix_length(Packet& packet) {
    const std::size_t payload = packet.size() - kIcmpAt;
    packet[kPayloadLengthAt] = static_cast<std::uint8_t>(payload >> 8U);
    packet[kPayloadLengthAt + 1] = static_cast<std::uint8_t>(payload);
}

/// Sets the ICMPv6 checksum to what the packet now needs (RFC 4443 2.3). The message goes from
/// `icmp` to the end.
inline void fix_checksum(Packet& packet, std::size_t icmp = kIcmpAt) {
    packet[icmp + 2] = packet[icmp + 3] = 0;
    std::uint32_t sum = static_cast<std::uint32_t>(packet.size() - icmp) + 58;
    for (std::size_t i = 8; i < packet.size(); ++i) {
        if (i < kIcmpAt || i >= icmp) {  // what is between them are extension headers
            sum += static_cast<std::uint32_t>(packet[i]) << (i % 2 == 0 ? 8U : 0U);
        }
    }
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = ~(sum + (sum >> 16U));
    packet[icmp + 2] = static_cast<std::uint8_t>(sum >> 8U);
    packet[icmp + 3] = static_cast<std::uint8_t>(sum);
}

inline Packet link_layer_option(std::uint8_t type, const MacAddress& mac) {
    Packet option = {type, 1};
    option.insert(option.end(), mac.bytes.begin(), mac.bytes.end());
    return option;
}

inline Packet nd_packet(std::uint8_t type, std::uint8_t flags, const Ipv6Address& source,
                        const Ipv6Address& destination, const Ipv6Address& target,
                        const Packet& options) {
    Packet packet = {0x60, 0, 0, 0, 0, 0, 58, 255};
    const auto append = [&packet](const auto& bytes) {
        packet.insert(packet.end(), bytes.begin(), bytes.end());
    };
    append(source.bytes);
    append(destination.bytes);
    append(std::initializer_list<std::uint8_t>{type, 0, 0, 0, flags, 0, 0, 0});
    append(target.bytes);
    append(options);
    fix_length(packet);
    fix_checksum(packet);
    return packet;
}

/// "Who has `target`?"
inline Packet neighbor_solicitation(const Ipv6Address& source, const Ipv6Address& destination,
                                    const Ipv6Address& target, const Packet& options = {}) {
    return nd_packet(135, 0, source, destination, target, options);
}

/// "Does anybody use `target`? I mean to." From ::, to the target's solicited-node group.
inline Packet dad_solicitation(const Ipv6Address& target, const Packet& options = {}) {
    return neighbor_solicitation(Ipv6Address{}, SolicitedNodeGroup::of(target).address(), target,
                                 options);
}

/// "I have `target`."
inline Packet neighbor_advertisement(const Ipv6Address& source, const Ipv6Address& destination,
                                     const Ipv6Address& target, std::uint8_t flags = kOverrideFlag,
                                     const Packet& options = {}) {
    return nd_packet(136, flags, source, destination, target, options);
}

/// The packet as an only fragment (RFC 6946), which no Neighbor Discovery may come in (RFC 6980).
inline Packet fragmented(Packet packet) {
    const std::uint8_t inner = packet[kNextHeaderAt];
    packet[kNextHeaderAt] = 44;
    const std::initializer_list<std::uint8_t> header = {inner, 0, 0, 0, 1, 2, 3, 4};
    packet.insert(packet.begin() + kIcmpAt, header);
    fix_length(packet);
    return packet;
}

}  // namespace solicitd::test
