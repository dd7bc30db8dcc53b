#pragma once

#include <memory>

#include "core/events.hpp"

namespace solicitd::io {

/// Makes the kernel's NUD ask a host whether it is there.
///
/// An entry with a link-layer address is set to NUD_PROBE (RTM_NEWNEIGH, NLM_F_REPLACE): the
/// kernel asks by unicast at once. Without one, NTF_USE with NLM_F_CREATE makes it ask by
/// multicast. A PERMANENT or NOARP entry is left as it is (EEXIST); before Linux 5.0 that cannot
/// be told, and the caller must not pass one: it would become an entry that can expire.
class NeighborProber {
public:
    /// Throws std::runtime_error when the kernel refuses the socket.
    NeighborProber();
    ~NeighborProber();
    NeighborProber(const NeighborProber&) = delete;
    NeighborProber& operator=(const NeighborProber&) = delete;

    /// 0 or an errno (ENODEV, EPERM, EEXIST, ...). The kernel answers inside the request, so this
    /// does not wait for the host; the host's answer comes as a neighbor event.
    [[nodiscard]] int probe(Ifindex index, const Ipv6Address& address);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
