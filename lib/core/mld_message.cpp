#include "core/mld_message.hpp"

#include <algorithm>

#include "core/ipv6_packet.hpp"

namespace solicitd {
namespace {

using Bytes = std::span<const std::uint8_t>;

// RFC 8200 4.3: a next header, a length in units of eight bytes after the first eight, options of
// a type, a length and the rest each.
constexpr std::size_t kExtensionUnit = 8;
constexpr std::size_t kOptionHeaderSize = 2;
constexpr std::uint8_t kOptionPad1 = 0;
constexpr std::uint8_t kOptionRouterAlert = 5;  // RFC 2711 2.1
constexpr std::size_t kRouterAlertSize = 2;
constexpr std::uint16_t kRouterAlertMld = 0;

// RFC 2710 3, and the head of a query in RFC 9777 5.1.
constexpr std::size_t kType = 0;
constexpr std::size_t kMaxResponse = 4;
constexpr std::size_t kGroup = 8;
constexpr std::size_t kV1Size = 24;
constexpr std::uint8_t kTypeQuery = 130;
constexpr std::uint8_t kTypeV1Report = 131;
constexpr std::uint8_t kTypeV2Report = 143;

// RFC 9777 5.1: what a v2 query has behind that.
constexpr std::size_t kRobustness = 24;
constexpr std::uint8_t kRobustnessMask = 0x07;
constexpr std::size_t kIntervalCode = 25;
constexpr std::size_t kSourceCount = 26;
constexpr std::size_t kV2QuerySize = 28;

// RFC 9777 5.2: a v2 report, and a group record, whose auxiliary data has units of four bytes.
constexpr std::size_t kRecordCount = 6;
constexpr std::size_t kV2ReportSize = 8;
constexpr std::size_t kRecordType = 0;
constexpr std::size_t kRecordAuxiliary = 1;
constexpr std::size_t kRecordSourceCount = 2;
constexpr std::size_t kRecordGroup = 4;
constexpr std::size_t kRecordSize = 20;
constexpr std::size_t kAuxiliaryUnit = 4;
enum : std::uint8_t {
    kModeIsInclude = 1,
    kModeIsExclude = 2,
    kChangeToInclude = 3,
    kChangeToExclude = 4,
    kAllowNewSources = 5,
};

constexpr std::size_t kAddressSize = sizeof(Ipv6Address::bytes);
constexpr std::uint8_t kHopLimit = 1;

/// RFC 9777 5.1.3 and 5.1.9: a code with its highest bit set is a floating-point number: after
/// that bit, three bits of exponent, then the mantissa.
constexpr std::uint32_t decode(std::uint32_t code, unsigned mantissa_bits) {
    const std::uint32_t one = 1U << mantissa_bits;
    if (code < one << 3U) {
        return code;
    }
    const unsigned exponent = code >> mantissa_bits & 7U;
    return (one | (code & (one - 1))) << (exponent + 3);
}

/// The Hop-by-Hop Options header that the payload begins with; empty when it is cut off.
Bytes hop_by_hop_header(Bytes payload) {
    if (payload.size() < kExtensionUnit) {
        return {};
    }
    const std::size_t size = (payload[1] + std::size_t{1}) * kExtensionUnit;
    return size <= payload.size() ? payload.first(size) : Bytes{};
}

/// Whether the options tell routers to look at an MLD message, and are well-formed.
bool alerts_routers(Bytes options) {
    bool alerts = false;
    while (!options.empty()) {
        if (options[0] == kOptionPad1) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < kOptionHeaderSize || options.size() - kOptionHeaderSize < options[1]) {
            return false;
        }
        const Bytes data = options.subspan(kOptionHeaderSize, options[1]);
        if (options[0] == kOptionRouterAlert) {
            alerts = data.size() == kRouterAlertSize && load16(data.data()) == kRouterAlertMld;
        }
        options = options.subspan(kOptionHeaderSize + data.size());
    }
    return alerts;
}

/// The size of the group record that `rest` begins with; 0 when it is cut off.
std::size_t record_size(Bytes rest) {
    if (rest.size() < kRecordSize) {
        return 0;
    }
    const std::size_t size = kRecordSize + load16(&rest[kRecordSourceCount]) * kAddressSize +
                             rest[kRecordAuxiliary] * kAuxiliaryUnit;
    return size <= rest.size() ? size : 0;
}

std::variant<MldQuery, MldReport, MldDefect> read_query(Bytes message, const Ipv6Address& source) {
    MldQuery query;
    query.source = source;
    query.group = load_address(&message[kGroup]);
    if (!query.group.is_unspecified() && !query.group.is_multicast()) {
        return MldDefect::group;
    }
    const std::uint16_t response = load16(&message[kMaxResponse]);
    if (message.size() == kV1Size) {
        query.version = MldVersion::v1;
        query.max_response = std::chrono::milliseconds(response);
        return query;
    }
    if (message.size() < kV2QuerySize ||
        message.size() - kV2QuerySize < load16(&message[kSourceCount]) * kAddressSize) {
        return MldDefect::length;
    }
    query.version = MldVersion::v2;
    query.max_response = std::chrono::milliseconds(decode(response, 12));
    query.robustness = message[kRobustness] & kRobustnessMask;
    query.interval = std::chrono::seconds(decode(message[kIntervalCode], 4));
    return query;
}

std::variant<MldQuery, MldReport, MldDefect> read_v1_report(Bytes message,
                                                            const Ipv6Address& source) {
    MldReport report;
    report.version = MldVersion::v1;
    report.source = source;
    report.body = message.subspan(kGroup, kAddressSize);
    if (!load_address(report.body.data()).is_multicast()) {
        return MldDefect::group;
    }
    return report;
}

std::variant<MldQuery, MldReport, MldDefect> read_v2_report(Bytes message,
                                                            const Ipv6Address& source) {
    const Bytes records = message.subspan(kV2ReportSize);
    std::size_t size = 0;
    for (unsigned left = load16(&message[kRecordCount]); left > 0; --left) {
        const std::size_t record = record_size(records.subspan(size));
        if (record == 0) {
            return MldDefect::length;
        }
        size += record;
    }
    MldReport report;
    report.version = MldVersion::v2;
    report.source = source;
    report.body = records.first(size);  // without additional data (RFC 9777 5.2.11)
    return report;
}

}  // namespace

std::string_view to_string(MldDefect defect) {
    switch (defect) {
        case MldDefect::truncated: return "truncated";
        case MldDefect::not_mld: return "not-mld";
        case MldDefect::hop_limit: return "hop-limit";
        case MldDefect::router_alert: return "router-alert";
        case MldDefect::fragmented: return "fragmented";
        case MldDefect::checksum: return "checksum";
        case MldDefect::source: return "source";
        case MldDefect::group: return "group";
        case MldDefect::length: return "length";
    }
    return "unknown";
}

MldReport::Record MldReport::next_record(Bytes& rest) const {
    if (version == MldVersion::v1) {
        const Ipv6Address group = load_address(rest.data());
        rest = {};
        return {group, true};
    }
    const std::uint8_t type = rest[kRecordType];
    const bool has_sources = load16(&rest[kRecordSourceCount]) > 0;
    const Ipv6Address group = load_address(&rest[kRecordGroup]);
    const bool listens = type == kModeIsExclude || type == kChangeToExclude ||
                         (has_sources && (type == kModeIsInclude || type == kChangeToInclude ||
                                          type == kAllowNewSources));
    rest = rest.subspan(record_size(rest));
    return {group, listens && group.is_multicast()};
}

std::variant<MldQuery, MldReport, MldDefect> parse_mld_message(const std::uint8_t* packet,
                                                               std::size_t size,
                                                               Checksum checksum) {
    if (size < Ipv6Packet::kHeaderSize) {
        return MldDefect::truncated;
    }
    const Ipv6Packet ipv6({packet, size});
    if (!ipv6.is_ipv6()) {
        return MldDefect::not_mld;
    }
    std::uint8_t next_header = ipv6.next_header();
    if (next_header == kNextHeaderFragment) {
        return MldDefect::fragmented;
    }
    if (next_header != kNextHeaderHopByHop && next_header != kNextHeaderIcmpV6) {
        return MldDefect::not_mld;
    }

    Bytes message = ipv6.payload();
    Bytes options;
    if (next_header == kNextHeaderHopByHop) {
        const Bytes header = hop_by_hop_header(message);
        if (header.empty()) {
            return MldDefect::truncated;
        }
        next_header = header[0];
        options = header.subspan(2);
        message = message.subspan(header.size());
    }
    if (next_header == kNextHeaderFragment) {
        return MldDefect::fragmented;
    }
    if (next_header != kNextHeaderIcmpV6) {
        return MldDefect::not_mld;
    }
    if (message.empty()) {
        return MldDefect::truncated;
    }
    const std::uint8_t type = message[kType];
    if (type != kTypeQuery && type != kTypeV1Report && type != kTypeV2Report) {
        return MldDefect::not_mld;
    }
    if (message.size() < (type == kTypeV2Report ? kV2ReportSize : kV1Size)) {
        return MldDefect::truncated;
    }
    if (ipv6.hop_limit() != kHopLimit) {
        return MldDefect::hop_limit;
    }
    if (!alerts_routers(options)) {
        return MldDefect::router_alert;
    }
    if (checksum == Checksum::verify && !ipv6.checksum_is_valid(message)) {
        return MldDefect::checksum;
    }
    const Ipv6Address source = ipv6.source();
    if (!source.is_link_local() && !source.is_unspecified()) {
        return MldDefect::source;
    }
    switch (type) {
        case kTypeQuery: return read_query(message, source);
        case kTypeV1Report: return read_v1_report(message, source);
        default: return read_v2_report(message, source);
    }
}

std::size_t groups_per_report(std::uint32_t mtu) {
    // A switch that passes jumbo frames to us may have ports, and routers behind it, that do not.
    constexpr std::size_t largest = 1500;
    constexpr std::size_t headers = Ipv6Packet::kHeaderSize + kExtensionUnit + kV2ReportSize;
    return (std::clamp<std::size_t>(mtu, headers + kRecordSize, largest) - headers) / kRecordSize;
}

std::size_t mld_report_size(MldVersion version, std::size_t groups) {
    return version == MldVersion::v1 ? kV1Size : kV2ReportSize + groups * kRecordSize;
}

std::size_t write_mld_report(MldVersion version, std::span<const SolicitedNodeGroup> groups,
                             std::span<std::uint8_t> message) {
    const auto write_group = [message](std::size_t at, SolicitedNodeGroup group) {
        const Ipv6Address address = group.address();
        std::copy(address.bytes.begin(), address.bytes.end(), message.subspan(at).begin());
    };
    const std::size_t size = mld_report_size(version, groups.size());
    std::fill_n(message.begin(), size, std::uint8_t{0});
    if (version == MldVersion::v1) {
        message[kType] = kTypeV1Report;
        write_group(kGroup, groups.front());
        return size;
    }
    message[kType] = kTypeV2Report;
    message[kRecordCount] = static_cast<std::uint8_t>(groups.size() >> 8U);
    message[kRecordCount + 1] = static_cast<std::uint8_t>(groups.size());
    std::size_t at = kV2ReportSize;
    for (const SolicitedNodeGroup group : groups) {
        message[at + kRecordType] = kModeIsExclude;
        write_group(at + kRecordGroup, group);
        at += kRecordSize;
    }
    return size;
}

}  // namespace solicitd
