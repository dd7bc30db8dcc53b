#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/config.hpp"
#include "core/events.hpp"
#include "core/nd_message.hpp"
#include "io/event_loop.hpp"

namespace solicitd::io {

/// Sniffs Neighbor Discovery on one downstream interface (AF_PACKET with a kernel filter).
///
/// What it sees depends on the mode; see CaptureMode. Whatever it changed outside its socket (the
/// bridge's multicast_router) is put back by the destructor, so there must be no second one on the
/// same interface meanwhile. Takes no memory per packet. A link that goes down and up again needs
/// nothing; for an interface that is deleted it stays silent.
class NdCapture {
public:
    /// Must not destroy the NdCapture that calls it.
    using Sink = std::function<void(const HostSeen&)>;

    struct Counters {
        std::uint64_t messages = 0;                       ///< valid NS and NA
        std::array<std::uint64_t, kNdDefects> defects{};  ///< by NdDefect
        std::uint64_t dropped = 0;  ///< by the kernel, because we did not read in time
    };

    /// Throws std::system_error when the interface went away or a right is missing (EPERM:
    /// CAP_NET_RAW, or CAP_NET_ADMIN for mcast_router). `counters` outlives this object.
    /// `unbound` is called once the interface was deleted: this object never hears anything again,
    /// and must not be destroyed before the call returns.
    NdCapture(EventLoop& loop, Ifindex index, const std::string& name, CaptureMode mode,
              bool snooping_bridge, Counters& counters, Sink sink,
              std::function<void()> unbound = {});
    ~NdCapture();
    NdCapture(const NdCapture&) = delete;
    NdCapture& operator=(const NdCapture&) = delete;

    /// "allmulti", "mcast-router" or "promisc": what automatic came to.
    [[nodiscard]] CaptureMode mode() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
