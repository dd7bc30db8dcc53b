#pragma once

#include <memory>
#include <span>

#include "core/events.hpp"
#include "core/mld_message.hpp"

namespace solicitd::io {

/// Sends MLD reports of our own making (ICMPv6 raw socket, hop limit 1, Router Alert for MLD), one
/// packet a call. The membership itself is MulticastPool's; this only tells the snoopers again.
class MldReporter {
public:
    /// Throws std::system_error when the kernel refuses the socket (EPERM: CAP_NET_RAW).
    MldReporter();
    ~MldReporter();
    MldReporter(const MldReporter&) = delete;
    MldReporter& operator=(const MldReporter&) = delete;

    /// From `source`, a link-local address of that interface, to ff02::16 (v2) or to the group
    /// itself (v1, the first of `groups`), out of that interface and no other. No more than fit the
    /// MTU: groups_per_report(). 0 or an errno:
    ///   EPERM     a firewall of this machine dropped it (nftables, output)
    ///   ENOBUFS   so did something nearer to the wire (nftables egress), or its queue was full
    ///   ENODEV    there is no such interface
    ///   EINVAL    `source` is not its address, or not yet (DAD); the interface is down
    ///   EMSGSIZE  more than fit: nothing is sent, as snoopers do not put fragments together
    /// 0 also without carrier, where the kernel sends into the void.
    [[nodiscard]] int send(Ifindex upstream, const Ipv6Address& source, MldVersion version,
                           std::span<const SolicitedNodeGroup> groups);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
