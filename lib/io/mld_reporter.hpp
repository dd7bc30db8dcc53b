#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/events.hpp"
#include "core/mld_message.hpp"
#include "io/icmpv6_socket.hpp"

namespace solicitd::io {

/// Sends MLD reports of our own making (ICMPv6 raw socket, hop limit 1, Router Alert for MLD), one
/// packet a call. The membership itself is MulticastPool's; this only tells the snoopers again.
class MldReporter {
public:
    /// Throws as Icmpv6Socket does.
    MldReporter();

    /// From `source`, a link-local address of that interface, to ff02::16 (v2) or to the group
    /// itself (v1, the first of `groups`). No more than fit the MTU: groups_per_report(). 0 or an
    /// errno, as Icmpv6Socket::send; EMSGSIZE: more than fit, and nothing is sent, as snoopers do
    /// not put fragments together.
    [[nodiscard]] int send(Ifindex upstream, const Ipv6Address& source, MldVersion version,
                           std::span<const SolicitedNodeGroup> groups);

private:
    Icmpv6Socket socket_;
    std::vector<std::uint8_t> message_;  // keeps its room between calls
};

}  // namespace solicitd::io
