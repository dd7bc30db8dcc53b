#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Words that more than one text for a person needs: the journal's, --check's, --dump-state's.
namespace solicitd {

/// "1 group", "2 groups"; "2 entries" where `many` says so.
[[nodiscard]] inline std::string plural(std::size_t count, std::string_view noun,
                                        std::string_view many = {}) {
    std::string text = std::to_string(count).append(1, ' ');
    if (count == 1) {
        return text.append(noun);
    }
    return many.empty() ? text.append(noun).append(1, 's') : text.append(many);
}

/// What to do about a firewall that eats MLD reports.
inline constexpr std::string_view kAllowMld =
    "allow outgoing ICMPv6 types 131, 132 and 143 to ff02::/16";

}  // namespace solicitd
