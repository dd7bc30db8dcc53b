#pragma once

#include <functional>

#include "core/actions.hpp"
#include "io/captured_message.hpp"
#include "io/event_loop.hpp"
#include "io/packet_capture.hpp"

namespace solicitd::io {

/// Listens on an upstream to what others ask and report there: MLD queries, MLDv1 reports of
/// solicited-node groups, and Neighbor Solicitations other than DAD. Always by ALLMULTI, so that
/// the interface passes on what nobody on this machine joined; where the upstream is itself a
/// snooping bridge, that takes Linux 6.16. `counters` outlives the capture; for the rest, `unbound`
/// and errors included, see PacketCapture.
[[nodiscard]] PacketCapture capture_upstream(EventLoop& loop, const StartCapture& what,
                                             CaptureCounters& counters, EventSink sink,
                                             std::function<void()> unbound = {});

}  // namespace solicitd::io
