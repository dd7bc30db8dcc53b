#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/actions.hpp"
#include "core/mld_message.hpp"
#include "core/nd_message.hpp"
#include "io/event_loop.hpp"
#include "io/packet_capture.hpp"

namespace solicitd::io {

template <typename Defect, std::size_t kDefects>
struct MessageCounters {
    std::uint64_t messages = 0;                     ///< valid ones
    std::array<std::uint64_t, kDefects> defects{};  ///< the others, by Defect
};

/// What the captures of one side counted since the start.
struct CaptureCounters {
    MessageCounters<NdDefect, kNdDefects> nd;
    MessageCounters<MldDefect, kMldDefects> mld;
    std::uint64_t dropped = 0;  ///< packets, by the kernel, because we did not read in time
};

/// Takes what was sniffed: GroupReported and, by side, HostSeen, or QueryHeard and NeighborAsked.
/// Must not destroy the capture that calls it.
using EventSink = std::function<void(const Event&)>;

/// Sniffs on a link what its side is about: see OnDownstream and OnUpstream. Of Neighbor
/// Solicitations on an upstream, DAD is left out. `counters` outlives the capture; for the rest,
/// `unbound` and errors included, see PacketCapture.
///
/// An upstream is always captured by ALLMULTI, so that the interface passes on what nobody on this
/// machine joined; where it is itself a snooping bridge, that takes Linux 6.16.
[[nodiscard]] PacketCapture open_capture(EventLoop& loop, const StartCapture& what,
                                         CaptureCounters& counters, EventSink sink,
                                         std::function<void()> unbound = {});

}  // namespace solicitd::io
