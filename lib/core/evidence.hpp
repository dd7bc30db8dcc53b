#pragma once

#include <cstdint>
#include <string_view>

namespace solicitd {

/// How we came to know that an address is in use downstream.
enum class Evidence : std::uint8_t {
    dad_solicitation,  ///< NS from ::, the target is tentative on the link (RFC 4862 5.4.2)
    solicitation,   ///< NS from a unicast source: the source is in use, its target only asked for
    advertisement,  ///< NA: the target is in use
    neighbor,       ///< the kernel's neighbor table (RTM_NEWNEIGH)
    own_address,    ///< RTM_NEWADDR: the router's own address on a downstream
    saved,          ///< from the state of an earlier run
    mld_report,     ///< of a group, on the LAN: some address in it is in use, we do not know which
};

/// The name in the journal, the state and the table.
[[nodiscard]] constexpr std::string_view to_string(Evidence evidence) {
    switch (evidence) {
        case Evidence::dad_solicitation: return "dad-ns";
        case Evidence::solicitation: return "ns";
        case Evidence::advertisement: return "na";
        case Evidence::neighbor: return "neighbor";
        case Evidence::own_address: return "own-address";
        case Evidence::saved: return "saved";
        case Evidence::mld_report: return "mld-report";
    }
    return "unknown";
}

}  // namespace solicitd
