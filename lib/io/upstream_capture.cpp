#include "io/upstream_capture.hpp"

#include <utility>

#include "io/packet_filter.hpp"

namespace solicitd::io {
namespace {

/// What a message from upstream tells.
struct Facts {
    Ifindex index;
    const MacAddress& sender;
    const EventSink& sink;

    void operator()(const NdMessage& message) const {
        // DAD asks whether anybody is there, and reaches for nobody.
        if (!message.source.is_unspecified()) {
            sink(NeighborAsked{index, message.target, message.destination.is_multicast()});
        }
    }
    void operator()(const MldReport& report) const { tell_groups(report, index, sender, sink); }
    void operator()(const MldQuery& query) const { sink(QueryHeard{index, query}); }
};

}  // namespace

PacketCapture capture_upstream(EventLoop& loop, const StartCapture& what, CaptureCounters& counters,
                               EventSink sink, std::function<void()> unbound) {
    return {loop,
            what.index,
            what.name,
            CaptureMode::allmulti,
            upstream_filter(),
            counters.dropped,
            [index = what.index, &counters, sink = std::move(sink)](const CapturedPacket& packet) {
                take_message(packet, counters, Facts{index, packet.source, sink});
            },
            std::move(unbound)};
}

}  // namespace solicitd::io
