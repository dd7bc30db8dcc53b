#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace solicitd {

/// An IPv6 address in network byte order.
struct Ipv6Address {
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] bool is_unspecified() const { return *this == Ipv6Address{}; }
    [[nodiscard]] bool is_multicast() const { return bytes[0] == 0xFF; }
    [[nodiscard]] bool is_link_local() const {
        return bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80;
    }
    /// One that a host on a shared prefix can have: of 2000::/3, which is all that IANA gives to
    /// registries, or unique local (RFC 4193).
    [[nodiscard]] bool is_global_unicast() const;

    /// RFC 5952 text.
    [[nodiscard]] std::string to_string() const;
    /// Any RFC 4291 text without a zone; nullopt for anything else.
    [[nodiscard]] static std::optional<Ipv6Address> parse(std::string_view text);

    friend bool operator==(const Ipv6Address&, const Ipv6Address&) = default;
    friend auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;
};

/// An on-link prefix. Bits past the length are zero.
class Ipv6Prefix {
public:
    Ipv6Prefix() = default;
    /// Masks the address; a length above 128 counts as 128.
    Ipv6Prefix(const Ipv6Address& address, unsigned length);

    [[nodiscard]] const Ipv6Address& address() const { return address_; }
    [[nodiscard]] unsigned length() const { return length_; }
    [[nodiscard]] bool contains(const Ipv6Address& address) const;

    /// "2001:db8::/64".
    [[nodiscard]] std::string to_string() const;
    /// ADDRESS/LENGTH with length 0 to 128; host bits are masked; nullopt for anything else.
    [[nodiscard]] static std::optional<Ipv6Prefix> parse(std::string_view text);

    friend bool operator==(const Ipv6Prefix&, const Ipv6Prefix&) = default;
    friend auto operator<=>(const Ipv6Prefix&, const Ipv6Prefix&) = default;

private:
    Ipv6Address address_;
    std::uint8_t length_ = 0;
};

/// A solicited-node multicast group, ff02::1:ffXX:XXXX (RFC 4291 2.7.1). All addresses with the
/// same low 24 bits share it.
struct SolicitedNodeGroup {
    std::uint32_t low24 = 0;

    [[nodiscard]] static SolicitedNodeGroup of(const Ipv6Address& host);
    /// nullopt when the address is no solicited-node group.
    [[nodiscard]] static std::optional<SolicitedNodeGroup> from_address(const Ipv6Address& group);
    [[nodiscard]] Ipv6Address address() const;

    friend bool operator==(SolicitedNodeGroup, SolicitedNodeGroup) = default;
    friend auto operator<=>(SolicitedNodeGroup, SolicitedNodeGroup) = default;
};

}  // namespace solicitd
