#pragma once

#include <cstdint>
#include <string_view>

namespace solicitd {

/// What keeps an upstream from being well.
enum class Problem : std::uint8_t {
    absent,
    down,
    no_ipv6,            ///< the interface's MTU is below 1280
    no_prefix,          ///< none is on-link: no host can be served
    joins_failing,      ///< the kernel refuses memberships
    no_room,            ///< hosts wait for a group: max-groups are wanted
    no_querier,         ///< none was heard for as long as one may be silent
    no_link_local,      ///< no address to send reports of our own from
    reports_refused,    ///< our own reports cannot be sent
    reports_discarded,  ///< the kernel drops its own reports: a firewall
};

/// The name in the state document.
[[nodiscard]] constexpr std::string_view to_string(Problem problem) {
    switch (problem) {
        case Problem::absent: return "absent";
        case Problem::down: return "down";
        case Problem::no_ipv6: return "no-ipv6";
        case Problem::no_prefix: return "no-prefix";
        case Problem::joins_failing: return "joins-failing";
        case Problem::no_room: return "no-room";
        case Problem::no_querier: return "no-querier";
        case Problem::no_link_local: return "no-link-local";
        case Problem::reports_refused: return "reports-refused";
        case Problem::reports_discarded: return "reports-discarded";
    }
    return "unknown";
}

}  // namespace solicitd
