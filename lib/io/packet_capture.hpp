#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/config.hpp"
#include "core/events.hpp"
#include "core/mac_address.hpp"
#include "core/nd_message.hpp"
#include "io/event_loop.hpp"

namespace solicitd::io {

/// A packet from the link, in the capture's own memory.
struct CapturedPacket {
    const std::uint8_t* bytes = nullptr;  ///< from the IPv6 header on
    std::size_t size = 0;                 ///< as far as it was read: a longer one is cut off
    MacAddress source;                    ///< of the frame
    Checksum checksum = Checksum::verify;
};

/// The packets of one interface that a BPF program lets through (AF_PACKET), from a PacketRing.
///
/// What it sees depends on the mode; see CaptureMode. Packets of a VLAN or another interface on top
/// are not of this link, and left out. Whatever it changed outside its socket (the bridge's
/// multicast_router) is put back by the destructor, so there must be no second one on the same
/// interface meanwhile. Takes no memory per packet. A link that goes down and up again needs
/// nothing; for an interface that is deleted it stays silent.
class PacketCapture {
public:
    struct Target {
        Ifindex index;
        const std::string& name;
        CaptureMode mode;  ///< not automatic; mcast_router is for a bridge only
        const sock_fprog& filter;
        std::size_t ring_blocks;  ///< of PacketRing::kBlockSize each
    };

    /// Must not destroy the PacketCapture that calls it. The packet lives until it returns.
    using Sink = std::function<void(const CapturedPacket&)>;

    /// Looks at `target` now only. `dropped` counts what the kernel dropped because we did not read
    /// in time, and outlives this object. `unbound` is called once the interface was deleted: this
    /// object never hears anything again, and must not be destroyed before the call returns. Throws
    /// std::system_error when the interface went away, CAP_NET_RAW is missing (EPERM), or memory
    /// for the ring (ENOMEM). Where CAP_NET_ADMIN for mcast_router is missing and the bridge is
    /// none yet, it does as with allmulti.
    PacketCapture(EventLoop& loop, const Target& target, std::uint64_t& dropped, Sink sink,
                  std::function<void()> unbound);
    PacketCapture(PacketCapture&&) noexcept;
    PacketCapture& operator=(PacketCapture&&) noexcept;
    ~PacketCapture();

    /// What it really does.
    [[nodiscard]] CaptureMode mode() const;
    /// It was to be mcast_router, and was not permitted to.
    [[nodiscard]] bool lacks_mcast_router() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
