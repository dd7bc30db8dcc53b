#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace solicitd {

/// An IEEE 802 MAC-48 address. All zeros stands for "none".
struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    [[nodiscard]] bool is_none() const { return *this == MacAddress{}; }
    [[nodiscard]] std::string to_string() const;

    /// "aa:bb:cc:dd:ee:ff", either case; nullopt for anything else.
    [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);

    friend bool operator==(const MacAddress&, const MacAddress&) = default;
    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

}  // namespace solicitd
