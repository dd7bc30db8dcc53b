#pragma once

#include <functional>

#include "core/actions.hpp"
#include "io/captured_message.hpp"
#include "io/event_loop.hpp"
#include "io/packet_capture.hpp"

namespace solicitd::io {

/// Sniffs Neighbor Discovery and, when wanted, MLD reports on a downstream. `counters` outlives the
/// capture; for the rest, `unbound` and errors included, see PacketCapture.
[[nodiscard]] PacketCapture capture_downstream(EventLoop& loop, const StartCapture& what,
                                               CaptureCounters& counters, EventSink sink,
                                               std::function<void()> unbound = {});

}  // namespace solicitd::io
