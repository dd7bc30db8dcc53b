#include "core/nd_message.hpp"

#include <algorithm>

namespace solicitd {
namespace {

// RFC 8200 3: the IPv6 header.
constexpr std::size_t kPayloadLength = 4;
constexpr std::size_t kNextHeader = 6;
constexpr std::size_t kHopLimit = 7;
constexpr std::size_t kSource = 8;
constexpr std::size_t kDestination = 24;
constexpr std::size_t kHeaderSize = 40;
constexpr std::uint8_t kNextHeaderFragment = 44;
constexpr std::uint8_t kNextHeaderIcmpV6 = 58;

// RFC 4861 4.3 and 4.4: NS and NA, which differ only in the flags of an NA.
constexpr std::size_t kType = 0;
constexpr std::size_t kCode = 1;
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

std::size_t load16(const std::uint8_t* bytes) {
    return static_cast<std::size_t>(bytes[0]) << 8U | bytes[1];
}

Ipv6Address load_address(const std::uint8_t* bytes) {
    Ipv6Address address;
    std::copy_n(bytes, address.bytes.size(), address.bytes.begin());
    return address;
}

/// RFC 4443 2.3. The pseudo-header's addresses stand right before the payload, so that one sum
/// covers both. A payload length has 16 bits: no overflow.
bool checksum_is_valid(const std::uint8_t* packet, std::size_t payload) {
    const std::uint8_t* byte = packet + kSource;
    const std::uint8_t* const end = packet + kHeaderSize + payload;
    std::size_t sum = payload + kNextHeaderIcmpV6;
    for (; end - byte >= 2; byte += 2) {
        sum += load16(byte);
    }
    if (byte != end) {
        sum += static_cast<std::size_t>(*byte) << 8U;
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16U);
    }
    return sum == 0xFFFF;
}

/// What is wrong with the options of a message; `from_unspecified`: it is an NS from ::.
std::optional<NdDefect> find_option_defect(const std::uint8_t* option, std::size_t rest,
                                           bool from_unspecified) {
    while (rest > 0) {
        if (rest < kOptionHeaderSize) {
            return NdDefect::option_length;
        }
        const std::size_t length = option[1] * kOptionUnit;
        if (length == 0 || length > rest) {
            return NdDefect::option_length;
        }
        if (from_unspecified && option[0] == kOptionSourceLinkLayer) {
            return NdDefect::dad_option;
        }
        option += length;
        rest -= length;
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
    if (size < kHeaderSize) {
        return NdDefect::truncated;
    }
    if (packet[0] >> 4U != 6) {
        return NdDefect::not_nd;
    }
    if (packet[kNextHeader] == kNextHeaderFragment) {
        return NdDefect::fragmented;
    }
    if (packet[kNextHeader] != kNextHeaderIcmpV6) {
        return NdDefect::not_nd;
    }
    const std::size_t payload = load16(packet + kPayloadLength);
    if (payload == 0 || payload > size - kHeaderSize) {
        return NdDefect::truncated;
    }
    const std::uint8_t* const icmp = packet + kHeaderSize;
    if (icmp[kType] != kTypeSolicitation && icmp[kType] != kTypeAdvertisement) {
        return NdDefect::not_nd;
    }
    if (payload < kMessageSize) {
        return NdDefect::truncated;
    }
    if (packet[kHopLimit] != 255) {
        return NdDefect::hop_limit;
    }
    if (checksum == Checksum::verify && !checksum_is_valid(packet, payload)) {
        return NdDefect::checksum;
    }
    if (icmp[kCode] != 0) {
        return NdDefect::code;
    }

    NdMessage message;
    message.type = icmp[kType] == kTypeSolicitation ? NdMessage::Type::solicitation
                                                    : NdMessage::Type::advertisement;
    message.source = load_address(packet + kSource);
    message.destination = load_address(packet + kDestination);
    message.target = load_address(icmp + kTarget);

    const bool from_unspecified = message.source.is_unspecified();
    if (message.target.is_multicast()) {
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
    if (const auto defect =
            find_option_defect(icmp + kMessageSize, payload - kMessageSize, from_unspecified)) {
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

}  // namespace solicitd
