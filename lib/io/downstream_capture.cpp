#include "io/downstream_capture.hpp"

#include <utility>

#include "io/capture_mode.hpp"
#include "io/packet_filter.hpp"

namespace solicitd::io {
namespace {

/// What a message from the LAN tells.
struct Facts {
    Ifindex index;
    const MacAddress& sender;
    const EventSink& sink;

    void operator()(const NdMessage& message) const {
        const NdEvidence proof = evidence_of(message);
        sink(HostSeen{index, proof.address, sender, proof.evidence});
    }
    void operator()(const MldReport& report) const { tell_groups(report, index, sender, sink); }
    void operator()(const MldQuery& /*query*/) const {}  // the filter drops them
};

}  // namespace

PacketCapture capture_downstream(EventLoop& loop, const StartCapture& what,
                                 CaptureCounters& counters, EventSink sink,
                                 std::function<void()> unbound) {
    return {loop,
            what.index,
            what.name,
            choose_capture_mode(what.mode, running_kernel(), what.snooping_bridge),
            downstream_filter(what.mld),
            counters.dropped,
            [index = what.index, &counters, sink = std::move(sink)](const CapturedPacket& packet) {
                take_message(packet, counters, Facts{index, packet.source, sink});
            },
            std::move(unbound)};
}

}  // namespace solicitd::io
