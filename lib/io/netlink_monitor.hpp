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
/// kernel's order and through one sink. A round dumps links, addresses, routes and neighbors, each
/// between DumpBegin and DumpEnd. Rounds begin at least a second apart.
///
/// Lost events (an overrun, ENOBUFS) are no error: they are counted and answered by a round. A dump
/// that the kernel marks inconsistent (NLM_F_DUMP_INTR), or during which events were lost, is run
/// again before its DumpEnd. One that stays so, or that the kernel refuses, gets no DumpEnd, so
/// that nothing is taken for gone on its word; the round goes on and another follows.
class NetlinkMonitor {
public:
    using Sink = std::function<void(const Event&)>;

    struct Counters {
        std::uint64_t messages = 0;  ///< received, of any kind
        std::uint64_t overruns = 0;
        std::uint64_t dumps = 0;   ///< rounds of four dumps, each with its DumpEnd
        std::uint64_t errors = 0;  ///< dumps refused or unanswered, messages cut off
    };

    static constexpr int kReceiveBuffer = 8 * 1024 * 1024;  ///< bytes: some 15,000 events

    /// Subscribes; nothing is dumped before the first resync(). Without CAP_NET_ADMIN the buffer is
    /// no larger than net.core.rmem_max. Throws std::runtime_error with the remedy when the kernel
    /// refuses the socket.
    NetlinkMonitor(EventLoop& loop, Sink sink, int receive_buffer = kReceiveBuffer);
    ~NetlinkMonitor();
    NetlinkMonitor(const NetlinkMonitor&) = delete;
    NetlinkMonitor& operator=(const NetlinkMonitor&) = delete;

    /// Has a round of dumps begin: from the loop, a second after the last one began, and not before
    /// that one is over. May be called in the sink.
    void resync();

    /// Asks the kernel for the least there is (NLMSG_NOOP); `when_answered` is called, from the
    /// loop, when the answer came: both work.
    void ping(std::function<void()> when_answered = {});
    /// Whether the last ping() was answered; true before the first.
    [[nodiscard]] bool answered() const;

    [[nodiscard]] const Counters& counters() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
