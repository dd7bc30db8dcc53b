#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/ipv6_address.hpp"
#include "fakes/nd_packets.hpp"

/// MLD packets in the manner of nd_packets.hpp: from the IPv6 header on, with a Router Alert and a
/// valid checksum.
namespace solicitd::test {

/// Where the message begins when nothing else than Router Alert is asked for.
inline constexpr std::size_t kMldAt = 48;
inline constexpr std::size_t kHopByHopAt = 40;

enum : std::uint8_t { kMldQuery = 130, kMldV1Report = 131, kMldDone = 132, kMldV2Report = 143 };
enum : std::uint8_t {
    kIsInclude = 1,
    kIsExclude = 2,
    kToInclude = 3,
    kToExclude = 4,
    kAllowNew = 5,
    kBlockOld = 6,
};

/// What stands in the Hop-by-Hop Options header behind its own two bytes: Router Alert for MLD, and
/// padding, as everybody sends it.
inline const Packet kRouterAlert = {5, 2, 0, 0, 1, 0};

inline void append(Packet& packet, const Packet& bytes) {
    packet.insert(packet.end(), bytes.begin(), bytes.end());
}
inline void append(Packet& packet, const Ipv6Address& address) {
    packet.insert(packet.end(), address.bytes.begin(), address.bytes.end());
}
inline void append16(Packet& packet, std::size_t value) {
    packet.push_back(static_cast<std::uint8_t>(value >> 8U));
    packet.push_back(static_cast<std::uint8_t>(value));
}

/// For packets with whatever Hop-by-Hop Options.
inline void fix_mld_checksum(Packet& packet) {
    fix_checksum(packet, kHopByHopAt + (packet[kHopByHopAt + 1] + std::size_t{1}) * 8);
}

/// `options`: 6 bytes, or 8 more each.
inline Packet mld_packet(const Ipv6Address& source, const Ipv6Address& destination,
                         const Packet& message, const Packet& options = kRouterAlert) {
    Packet packet = {0x60, 0, 0, 0, 0, 0, 0, 1};
    append(packet, source);
    append(packet, destination);
    append(packet, Packet{58, static_cast<std::uint8_t>(options.size() / 8)});
    append(packet, options);
    append(packet, message);
    fix_length(packet);
    fix_mld_checksum(packet);
    return packet;
}

/// To all nodes for ::, which is everything; else to the group.
inline Packet query_packet(const Ipv6Address& source, const Ipv6Address& group,
                           std::size_t response_code, const Packet& rest,
                           const Packet& options = kRouterAlert) {
    Packet message = {kMldQuery, 0, 0, 0};
    append16(message, response_code);
    append16(message, 0);
    append(message, group);
    append(message, rest);
    return mld_packet(source, group.is_unspecified() ? address("ff02::1") : group, message,
                      options);
}

inline Packet query_v1(const Ipv6Address& source, const Ipv6Address& group = {},
                       std::size_t response = 10'000) {
    return query_packet(source, group, response, {});
}

inline Packet query_v2(const Ipv6Address& source, const Ipv6Address& group = {},
                       std::size_t response_code = 10'000, std::uint8_t robustness = 2,
                       std::uint8_t interval_code = 125,
                       const std::vector<Ipv6Address>& sources = {}) {
    Packet rest = {robustness, interval_code};
    append16(rest, sources.size());
    for (const Ipv6Address& asked : sources) {
        append(rest, asked);
    }
    return query_packet(source, group, response_code, rest);
}

inline Packet report_v1(const Ipv6Address& source, const Ipv6Address& group) {
    Packet message = {kMldV1Report, 0, 0, 0, 0, 0, 0, 0};
    append(message, group);
    return mld_packet(source, group, message);
}

/// `auxiliary`: of a multiple of four bytes.
inline Packet group_record(std::uint8_t type, const Ipv6Address& group,
                           const std::vector<Ipv6Address>& sources = {},
                           const Packet& auxiliary = {}) {
    Packet record = {type, static_cast<std::uint8_t>(auxiliary.size() / 4)};
    append16(record, sources.size());
    append(record, group);
    for (const Ipv6Address& source : sources) {
        append(record, source);
    }
    append(record, auxiliary);
    return record;
}

inline Packet report_v2(const Ipv6Address& source, const std::vector<Packet>& records,
                        const Packet& additional = {}) {
    Packet message = {kMldV2Report, 0, 0, 0, 0, 0};
    append16(message, records.size());
    for (const Packet& record : records) {
        append(message, record);
    }
    append(message, additional);
    return mld_packet(source, address("ff02::16"), message);
}

}  // namespace solicitd::test
