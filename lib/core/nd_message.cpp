#include "core/nd_message.hpp"

#include <algorithm>
#include <span>

#include "core/ipv6_packet.hpp"

namespace solicitd {
namespace {

// RFC 4861 4.3 and 4.4: NS and NA, which differ only in the flags of an NA.
constexpr std::size_t kType = 0;
constexpr std::size_t kCode = 1;
constexpr std::size_t kChecksum = 2;
constexpr std::size_t kFlags = 4;
constexpr std::size_t kTarget = 8;
constexpr std::size_t kMessageSize = 24;
constexpr std::uint8_t kTypeSolicitation = 135;
constexpr std::uint8_t kTypeAdvertisement = 136;
constexpr std::uint8_t kFlagSolicited = 0x40;

// RFC 4861 4.6: options are a type, a length in units of eight bytes, and the rest.
constexpr std::size_t kOptionHeaderSize = 2;
constexpr std::size_t kOptionUnit = 8;
constexpr std::uint8_t kOptionSourceLinkLayer = 1;

/// What is wrong with the options of a message; `from_unspecified`: it is an NS from ::.
std::optional<NdDefect> find_option_defect(std::span<const std::uint8_t> options,
                                           bool from_unspecified) {
    while (!options.empty()) {
        if (options.size() < kOptionHeaderSize) {
            return NdDefect::option_length;
        }
        const std::size_t length = options[1] * kOptionUnit;
        if (length == 0 || length > options.size()) {
            return NdDefect::option_length;
        }
        if (from_unspecified && options[0] == kOptionSourceLinkLayer) {
            return NdDefect::dad_option;
        }
        options = options.subspan(length);
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(NdDefect defect) {
    switch (defect) {
        case NdDefect::truncated: return "truncated";
        case NdDefect::not_nd: return "not-nd";
        case NdDefect::hop_limit: return "hop-limit";
        case NdDefect::fragmented: return "fragmented";
        case NdDefect::checksum: return "checksum";
        case NdDefect::code: return "code";
        case NdDefect::option_length: return "option-length";
        case NdDefect::target: return "target";
        case NdDefect::source: return "source";
        case NdDefect::dad_destination: return "dad-destination";
        case NdDefect::dad_option: return "dad-option";
        case NdDefect::solicited_flag: return "solicited-flag";
    }
    return "unknown";
}

std::variant<NdMessage, NdDefect> parse_nd_message(const std::uint8_t* packet, std::size_t size,
                                                   Checksum checksum) {
    if (size < Ipv6Packet::kHeaderSize) {
        return NdDefect::truncated;
    }
    const Ipv6Packet ipv6({packet, size});
    if (!ipv6.is_ipv6()) {
        return NdDefect::not_nd;
    }
    if (ipv6.next_header() == kNextHeaderFragment) {
        return NdDefect::fragmented;
    }
    if (ipv6.next_header() != kNextHeaderIcmpV6) {
        return NdDefect::not_nd;
    }
    const std::span<const std::uint8_t> icmp = ipv6.payload();
    if (icmp.empty()) {
        return NdDefect::truncated;
    }
    if (icmp[kType] != kTypeSolicitation && icmp[kType] != kTypeAdvertisement) {
        return NdDefect::not_nd;
    }
    if (icmp.size() < kMessageSize) {
        return NdDefect::truncated;
    }
    if (ipv6.hop_limit() != 255) {
        return NdDefect::hop_limit;
    }
    if (checksum == Checksum::verify && !ipv6.checksum_is_valid(icmp)) {
        return NdDefect::checksum;
    }
    if (icmp[kCode] != 0) {
        return NdDefect::code;
    }

    NdMessage message;
    message.type = icmp[kType] == kTypeSolicitation ? NdMessage::Type::solicitation
                                                    : NdMessage::Type::advertisement;
    message.source = ipv6.source();
    message.destination = ipv6.destination();
    message.target = load_address(&icmp[kTarget]);

    const bool from_unspecified = message.source.is_unspecified();
    if (message.target.is_multicast() || message.target.is_unspecified()) {
        return NdDefect::target;
    }
    if (message.source.is_multicast()) {
        return NdDefect::source;
    }
    if (message.type == NdMessage::Type::advertisement) {
        if (from_unspecified) {
            return NdDefect::source;
        }
        if (message.destination.is_multicast() && (icmp[kFlags] & kFlagSolicited) != 0) {
            return NdDefect::solicited_flag;
        }
    } else if (from_unspecified && !SolicitedNodeGroup::from_address(message.destination)) {
        return NdDefect::dad_destination;
    }
    if (const auto defect = find_option_defect(icmp.subspan(kMessageSize), from_unspecified)) {
        return *defect;
    }
    return message;
}

NdEvidence evidence_of(const NdMessage& message) {
    if (message.type == NdMessage::Type::advertisement) {
        return {message.target, Evidence::advertisement};
    }
    if (message.source.is_unspecified()) {
        return {message.target, Evidence::dad_solicitation};
    }
    return {message.source, Evidence::solicitation};
}

NdSolicitation::NdSolicitation(const Ipv6Address& source, const Ipv6Address& destination,
                               const Ipv6Address& target, const MacAddress& asker) {
    constexpr std::size_t kIcmp = Ipv6Packet::kHeaderSize;
    const std::size_t length = kMessageSize + (asker.is_none() ? 0 : kOptionUnit);
    size_ = kIcmp + length;
    const auto put = [this](std::size_t at, const auto& value) {
        std::copy(value.bytes.begin(), value.bytes.end(), &bytes_[at]);
    };
    bytes_[0] = 6U << 4U;  // RFC 8200 3
    bytes_[5] = static_cast<std::uint8_t>(length);
    bytes_[6] = kNextHeaderIcmpV6;
    bytes_[7] = 255;
    put(8, source);
    put(24, destination);
    bytes_[kIcmp + kType] = kTypeSolicitation;
    put(kIcmp + kTarget, target);
    if (!asker.is_none()) {
        bytes_[kIcmp + kMessageSize] = kOptionSourceLinkLayer;
        bytes_[kIcmp + kMessageSize + 1] = 1;
        put(kIcmp + kMessageSize + kOptionHeaderSize, asker);
    }
    const std::uint16_t checksum = Ipv6Packet(packet()).checksum_for(message());
    bytes_[kIcmp + kChecksum] = static_cast<std::uint8_t>(checksum >> 8U);
    bytes_[kIcmp + kChecksum + 1] = static_cast<std::uint8_t>(checksum);
}

}  // namespace solicitd
