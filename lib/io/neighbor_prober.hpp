#pragma once

#include "core/actions.hpp"
#include "io/icmpv6_socket.hpp"

namespace solicitd::io {

/// Asks a host by a Neighbor Solicitation of our own, to its own address, and so has the kernel's
/// NUD ask, too.
///
/// On its way out the packet uses the host's entry in the neighbor table, as any does. From STALE
/// that leads over DELAY (5 s) to PROBE; without an entry, or with a FAILED one, the kernel asks by
/// multicast first (RFC 4861 7.3.3). So a host that answers becomes REACHABLE, at once or in some
/// seconds, and its Advertisement can be captured; one that does not becomes FAILED within 8 s by
/// default. A REACHABLE entry stays what it is meanwhile, and so does a PERMANENT one for good.
/// Changing entries over netlink would be faster, but takes CAP_NET_ADMIN.
class NeighborProber {
public:
    /// Throws as Icmpv6Socket does.
    NeighborProber();

    /// 0 or an errno, as Icmpv6Socket::send. Does not wait for the host.
    [[nodiscard]] int probe(const ProbeHost& what);

private:
    Icmpv6Socket socket_;
};

}  // namespace solicitd::io
