#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace solicitd {

/// What can be wrong; a row each in docs/troubleshooting.md.
enum class FindingId : std::uint8_t {
    absent,
    down,
    no_ipv6,
    bridge_port,
    forwarding_off,
    no_nd_proxy,
    no_prefix,
    wrong_route,
    deaf_capture,
    cannot_watch,
    reports_discarded,
    reports_refused,
    no_link_local,
    no_querier,
    groups_lost,
    joins_failing,
    no_room,
    optmem_low,
    many_groups,
    never_asked,
    no_capability,
    no_answer,
    not_served,
    degraded,  ///< the daemon names a problem that this program does not know
};

inline constexpr std::size_t kFindingIds = static_cast<std::size_t>(FindingId::degraded) + 1;

/// The name in the documentation and in the document of --check --json.
[[nodiscard]] constexpr std::string_view to_string(FindingId id) {
    switch (id) {
        case FindingId::absent: return "absent";
        case FindingId::down: return "down";
        case FindingId::no_ipv6: return "no-ipv6";
        case FindingId::bridge_port: return "bridge-port";
        case FindingId::forwarding_off: return "forwarding-off";
        case FindingId::no_nd_proxy: return "no-nd-proxy";
        case FindingId::no_prefix: return "no-prefix";
        case FindingId::wrong_route: return "wrong-route";
        case FindingId::deaf_capture: return "deaf-capture";
        case FindingId::cannot_watch: return "cannot-watch";
        case FindingId::reports_discarded: return "reports-discarded";
        case FindingId::reports_refused: return "reports-refused";
        case FindingId::no_link_local: return "no-link-local";
        case FindingId::no_querier: return "no-querier";
        case FindingId::groups_lost: return "groups-lost";
        case FindingId::joins_failing: return "joins-failing";
        case FindingId::no_room: return "no-room";
        case FindingId::optmem_low: return "optmem-low";
        case FindingId::many_groups: return "many-groups";
        case FindingId::never_asked: return "never-asked";
        case FindingId::no_capability: return "no-capability";
        case FindingId::no_answer: return "no-answer";
        case FindingId::not_served: return "not-served";
        case FindingId::degraded: return "degraded";
    }
    return "unknown";
}

/// Something that is wrong, and what to do about it.
struct Finding {
    FindingId id;
    std::string interface;  ///< "": the machine's
    std::string text;       ///< what was seen
    std::string remedy;

    friend bool operator==(const Finding&, const Finding&) = default;
};

}  // namespace solicitd
