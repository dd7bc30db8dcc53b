#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/events.hpp"
#include "io/event_loop.hpp"

namespace solicitd::io {

/// Follows the kernel's links, addresses, routes and neighbors (libnl-3).
///
/// Subscribes first, then dumps on the same socket, so live events and the dump come in the
/// kernel's order and through one sink. Each dump is a burst between DumpBegin and DumpEnd, in the
/// order links, addresses, routes, neighbors. An overrun (ENOBUFS) is no error: it is counted and
/// answered by a resync, at most one a second. A dump that the kernel marks inconsistent
/// (NLM_F_DUMP_INTR) is run again before its DumpEnd.
class NetlinkMonitor {
public:
    using Sink = std::function<void(const Event&)>;

    struct Counters {
        std::uint64_t messages = 0;
        std::uint64_t overruns = 0;
        std::uint64_t dumps = 0;  ///< whole rounds of four
        std::uint64_t errors = 0;
    };

    /// Subscribes; nothing is read before start(). Throws std::runtime_error with the remedy when
    /// the kernel refuses the socket.
    NetlinkMonitor(EventLoop& loop, Sink sink);
    ~NetlinkMonitor();
    NetlinkMonitor(const NetlinkMonitor&) = delete;
    NetlinkMonitor& operator=(const NetlinkMonitor&) = delete;

    /// Starts a round of dumps, or remembers to start one after the round that is running.
    void resync();

    [[nodiscard]] const Counters& counters() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
