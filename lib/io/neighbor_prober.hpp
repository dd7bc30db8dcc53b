#pragma once

#include "core/actions.hpp"
#include "io/fd.hpp"
#include "io/icmpv6_socket.hpp"

namespace solicitd::io {

/// Asks a host by a Neighbor Solicitation of our own, to its own address.
class NeighborProber {
public:
    /// Throws std::system_error when the kernel refuses a socket (EPERM: CAP_NET_RAW).
    NeighborProber();

    /// Has the kernel's NUD ask, too: on its way out the packet uses the host's entry in the
    /// neighbor table, as any does. From STALE that leads over DELAY (5 s) to PROBE; without an
    /// entry, or with a FAILED one, the kernel asks by multicast first (RFC 4861 7.3.3). So a host
    /// that answers becomes REACHABLE, and its Advertisement can be captured; one that does not
    /// becomes FAILED within 8 s by default. A REACHABLE entry stays what it is meanwhile, and so
    /// does a PERMANENT one for good. (To change entries over netlink takes CAP_NET_ADMIN.)
    ///
    /// 0 or an errno, as Icmpv6Socket::send. Does not wait for the host.
    [[nodiscard]] int probe(const ProbeHost& what);

    /// The same question past routes and the neighbor table: only the Advertisement answers. To the
    /// host's MAC if that is known, else to its solicited-node group. 0 or an errno: ENXIO
    /// (no such interface), ENETDOWN, EADDRNOTAVAIL (no source), ENOBUFS, ...
    [[nodiscard]] int probe_past_routes(const ProbeHost& what);

private:
    Icmpv6Socket routed_;
    Fd link_;
};

}  // namespace solicitd::io
