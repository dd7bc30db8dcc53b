#include "core/ipv6_packet.hpp"

#include <algorithm>

namespace solicitd {
namespace {

/// The sum of the 16 bit words. A packet has at most 65,575 bytes: no overflow.
std::uint32_t sum_of_words(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (; bytes.size() >= 2; bytes = bytes.subspan(2)) {
        sum += load16(bytes.data());
    }
    return bytes.empty() ? sum : sum + (std::uint32_t{bytes[0]} << 8U);
}

}  // namespace

std::uint16_t load16(const std::uint8_t* bytes) {
    return static_cast<std::uint16_t>(bytes[0] << 8U | bytes[1]);
}

Ipv6Address load_address(const std::uint8_t* bytes) {
    Ipv6Address address;
    std::copy_n(bytes, address.bytes.size(), address.bytes.begin());
    return address;
}

std::span<const std::uint8_t> Ipv6Packet::payload() const {
    const std::size_t length = load16(&bytes_[4]);
    if (length > bytes_.size() - kHeaderSize) {
        return {};
    }
    return bytes_.subspan(kHeaderSize, length);
}

/// Of the pseudo-header (RFC 8200 8.1) and the message, in one's complement.
std::uint16_t Ipv6Packet::sum_with(std::span<const std::uint8_t> message) const {
    std::uint32_t sum = sum_of_words(bytes_.subspan(kSource, kHeaderSize - kSource)) +
                        static_cast<std::uint32_t>(message.size()) + kNextHeaderIcmpV6 +
                        sum_of_words(message);
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(sum);
}

bool Ipv6Packet::checksum_is_valid(std::span<const std::uint8_t> message) const {
    return sum_with(message) == 0xFFFF;
}

std::uint16_t Ipv6Packet::checksum_for(std::span<const std::uint8_t> message) const {
    return static_cast<std::uint16_t>(~sum_with(message));
}

}  // namespace solicitd
