#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace solicitd {

/// The finalizer of MurmurHash3: every input bit reaches every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 33U)) * 0xFF51AFD7ED558CCDULL;
    x = (x ^ (x >> 33U)) * 0xC4CEB9FE1A85EC53ULL;
    return x ^ (x >> 33U);
}

/// Hashes 16 bytes that strangers choose; they do not know the seed.
[[nodiscard]] inline std::uint64_t hash_bytes(const std::array<std::uint8_t, 16>& bytes,
                                              std::uint64_t seed) {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, bytes.data(), sizeof high);
    std::memcpy(&low, bytes.data() + sizeof high, sizeof low);
    return mix(mix(high ^ seed) ^ low);
}

/// The same of a MAC address.
[[nodiscard]] inline std::uint64_t hash_bytes(const std::array<std::uint8_t, 6>& bytes,
                                              std::uint64_t seed) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    return mix(number ^ seed);
}

/// Of an IPv6 or a MAC address.
struct AddressHash {
    std::uint64_t seed = 0;
    template <typename Address>
    std::size_t operator()(const Address& address) const {
        return hash_bytes(address.bytes, seed);
    }
};

/// Of the low 24 bits of an address, which strangers choose, too.
struct GroupHash {
    std::uint64_t seed = 0;
    std::size_t operator()(std::uint32_t low24) const { return mix(low24 ^ seed); }
};

}  // namespace solicitd
