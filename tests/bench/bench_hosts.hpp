#pragma once

#include <cstdint>

#include "core/ipv6_address.hpp"

namespace solicitd::bench {

/// The hosts of a benchmark, from 0 to 2^24 - 1: each in 2001:db8::/64, each with a group of its
/// own.
inline Ipv6Address host_address(std::uint32_t number) {
    Ipv6Address address;
    address.bytes = {0x20, 0x01, 0x0D, 0xB8};
    address.bytes[12] = 1;
    address.bytes[13] = static_cast<std::uint8_t>(number >> 16U);
    address.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
    address.bytes[15] = static_cast<std::uint8_t>(number);
    return address;
}

}  // namespace solicitd::bench
