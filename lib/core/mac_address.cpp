#include "core/mac_address.hpp"

#include <charconv>

namespace solicitd {

std::string MacAddress::to_string() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(17);
    for (const std::uint8_t byte : bytes) {
        if (!text.empty()) {
            text += ':';
        }
        text += digits[byte >> 4U];
        text += digits[byte & 0xFU];
    }
    return text;
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress mac;
    if (text.size() != 17) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        const std::string_view pair = text.substr(i * 3, 2);
        const auto [end, error] =
            std::from_chars(pair.data(), pair.data() + pair.size(), mac.bytes[i], 16);
        const bool separated = i == 5 || text[i * 3 + 2] == ':';
        if (error != std::errc{} || end != pair.data() + pair.size() || !separated) {
            return std::nullopt;
        }
    }
    return mac;
}

}  // namespace solicitd
