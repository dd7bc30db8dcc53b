#include "core/ipv6_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace solicitd {
namespace {

// ff02::1:ff00:0/104
constexpr std::array<std::uint8_t, 13> kSolicitedNodePrefix = {0xFF, 0x02, 0, 0, 0, 0,   0,
                                                               0,    0,    0, 0, 1, 0xFF};

bool starts_with(const Ipv6Address& address, const std::uint8_t* prefix, std::size_t size) {
    return std::equal(prefix, prefix + size, address.bytes.begin());
}

}  // namespace

bool Ipv6Address::is_global_unicast() const {
    return (bytes[0] & 0xE0U) == 0x20 || (bytes[0] & 0xFEU) == 0xFC;
}

std::string Ipv6Address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
    return text.data();
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
    Ipv6Address address;
    // inet_pton wants a terminator, and would stop at an embedded one.
    if (text.find('\0') != std::string_view::npos ||
        inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

Ipv6Prefix::Ipv6Prefix(const Ipv6Address& address, unsigned length)
    : address_(address), length_(static_cast<std::uint8_t>(std::min(length, 128U))) {
    for (unsigned i = 0; i < address_.bytes.size(); ++i) {
        const unsigned kept =
            std::clamp<int>(static_cast<int>(length_) - static_cast<int>(i * 8), 0, 8);
        address_.bytes[i] &= static_cast<std::uint8_t>(0xFF00U >> kept);
    }
}

bool Ipv6Prefix::contains(const Ipv6Address& address) const {
    const unsigned whole = length_ / 8U;
    if (!starts_with(address, address_.bytes.data(), whole)) {
        return false;
    }
    const unsigned rest = length_ % 8U;
    return rest == 0 || ((address.bytes[whole] ^ address_.bytes[whole]) >> (8U - rest)) == 0;
}

std::string Ipv6Prefix::to_string() const {
    return address_.to_string() + '/' + std::to_string(length_);
}

std::optional<Ipv6Prefix> Ipv6Prefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = Ipv6Address::parse(text.substr(0, slash));
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (!address || error != std::errc{} || end != digits.data() + digits.size() || length > 128) {
        return std::nullopt;
    }
    return Ipv6Prefix(*address, length);
}

SolicitedNodeGroup SolicitedNodeGroup::of(const Ipv6Address& host) {
    return {
        static_cast<std::uint32_t>(host.bytes[13] << 16U | host.bytes[14] << 8U | host.bytes[15])};
}

std::optional<SolicitedNodeGroup> SolicitedNodeGroup::from_address(const Ipv6Address& group) {
    if (!starts_with(group, kSolicitedNodePrefix.data(), kSolicitedNodePrefix.size())) {
        return std::nullopt;
    }
    return of(group);
}

Ipv6Address SolicitedNodeGroup::address() const {
    Ipv6Address group;
    std::copy(kSolicitedNodePrefix.begin(), kSolicitedNodePrefix.end(), group.bytes.begin());
    group.bytes[13] = static_cast<std::uint8_t>(low24 >> 16U);
    group.bytes[14] = static_cast<std::uint8_t>(low24 >> 8U);
    group.bytes[15] = static_cast<std::uint8_t>(low24);
    return group;
}

}  // namespace solicitd
