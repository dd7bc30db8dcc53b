#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/events.hpp"
#include "core/ipv6_address.hpp"
#include "core/kernel_version.hpp"
#include "core/state_snapshot.hpp"

namespace solicitd {

/// What a machine looks like, as far as it matters to whether LAN hosts can be reached. Values
/// only. nullopt: could not be looked at, so nothing is claimed about it.
struct SystemFacts {
    struct Interface {
        std::string name;  ///< as configured
        bool exists = false;
        bool running = false;   ///< up, with carrier
        bool has_ipv6 = false;  ///< the kernel runs IPv6 on it
        bool snooping_bridge = false;
        /// It passes all multicast up whoever joined: its multicast_router is 2.
        std::optional<bool> multicast_router;
        std::string bridge;  ///< that it is a port of; "": of none
        /// net.ipv6.conf.NAME.forwarding: it acts as a router there.
        std::optional<bool> forwarding;
        /// net.ipv6.conf.NAME.force_forwarding (Linux 6.17): what comes in there is forwarded even
        /// if conf.all.forwarding is off.
        bool force_forwarding = false;
        std::vector<OnLinkRoute> routes;

        [[nodiscard]] bool usable() const { return exists && running && has_ipv6; }
    };
    struct MisroutedHost {
        std::string address;
        std::string downstream;  ///< behind which it lives
    };
    struct Upstream {
        Interface link;
        std::vector<std::string> downstreams;
        bool has_prefix = false;  ///< configured, or on-link by an address or a route
        /// The kernel answers for its proxy entries there: conf.NAME.proxy_ndp or conf.all's.
        std::optional<bool> proxy_ndp;
        std::optional<std::size_t> proxy_entries;
        /// Those that the kernel holds, sorted.
        std::optional<std::vector<SolicitedNodeGroup>> kernel_groups;
        /// Whether a report that was provoked left the machine; false: it was discarded.
        std::optional<bool> reports_leave;
        /// Hosts of the daemon's, some of them at most, to which the kernel would send out of here.
        std::vector<MisroutedHost> misrouted;
    };
    struct Daemon {
        std::uint32_t pid = 0;
        std::optional<StateSnapshot> state;         ///< nullopt: it did not answer
        std::optional<std::uint64_t> capabilities;  ///< its effective ones, a bit each
    };

    CaptureMode capture = CaptureMode::automatic;
    std::optional<KernelVersion> kernel;
    std::optional<bool> forwarding;  ///< net.ipv6.conf.all.forwarding
    /// A process known to proxy Neighbor Discovery runs in this network namespace.
    std::optional<bool> proxy_process;
    std::optional<std::size_t> optmem_max;  ///< bytes of option memory that a socket may have
    std::vector<Upstream> upstreams;
    std::vector<Interface> downstreams;
    std::optional<Daemon> daemon;  ///< the one that runs
};

}  // namespace solicitd
