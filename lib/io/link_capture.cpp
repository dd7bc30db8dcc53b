#include "io/link_capture.hpp"

#include <type_traits>
#include <utility>
#include <variant>

#include "io/capture_mode.hpp"
#include "io/packet_filter.hpp"

namespace solicitd::io {
namespace {

/// Blocks of a capture's ring. Whoever floods does so on the LAN: a paced loop rests four
/// milliseconds and more, and five blocks, 2,045 packets, last as long at 500,000 a second.
constexpr std::size_t kDownstreamRing = 5;
constexpr std::size_t kUpstreamRing = 1;

/// Whence a message came, and who wants to know.
struct Facts {
    Ifindex index;
    const MacAddress& sender;
    const EventSink& sink;

    /// One event for each solicited-node group of the report. Other groups are nothing to us.
    void operator()(const MldReport& report) const {
        report.for_each_group([&](const Ipv6Address& address) {
            if (const auto group = SolicitedNodeGroup::from_address(address)) {
                sink(GroupReported{index, *group, report.version, sender});
            }
        });
    }
};

/// What a message from the LAN tells.
struct DownstreamFacts : Facts {
    using Facts::operator();
    void operator()(const NdMessage& message) const {
        const NdEvidence proof = evidence_of(message);
        sink(HostSeen{index, proof.address, sender, proof.evidence});
    }
    void operator()(const MldQuery& /*query*/) const {}  // the filter drops them
};

/// What a message from upstream tells.
struct UpstreamFacts : Facts {
    using Facts::operator();
    void operator()(const NdMessage& message) const {
        // DAD asks whether anybody is there, and reaches for nobody.
        if (!message.source.is_unspecified()) {
            sink(NeighborAsked{index, message.target, message.destination.is_multicast()});
        }
    }
    void operator()(const MldQuery& query) const { sink(QueryHeard{index, query}); }
};

/// Parses and counts a packet that a program of packet_filter let through, and calls `take` with
/// the NdMessage, MldQuery or MldReport that it is, if it is valid.
template <typename Take>
void take_message(const CapturedPacket& packet, CaptureCounters& counters, const Take& take) {
    const auto take_counted = [&take](auto& counter, const auto& parsed) {
        std::visit(
            [&](const auto& result) {
                if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(result)>>) {
                    ++counter.defects[static_cast<std::size_t>(result)];
                } else {
                    ++counter.messages;
                    take(result);
                }
            },
            parsed);
    };
    // The filter lets ND through with one hop limit, MLD with another.
    constexpr std::size_t kHopLimit = 7;
    if (packet.bytes[kHopLimit] == 255) {
        take_counted(counters.nd, parse_nd_message(packet.bytes, packet.size, packet.checksum));
    } else {
        take_counted(counters.mld, parse_mld_message(packet.bytes, packet.size, packet.checksum));
    }
}

template <typename SideFacts>
PacketCapture::Sink facts_to(EventSink sink, Ifindex index, CaptureCounters& counters) {
    return [sink = std::move(sink), index, &counters](const CapturedPacket& packet) {
        take_message(packet, counters, SideFacts{{index, packet.source, sink}});
    };
}

}  // namespace

PacketCapture open_capture(EventLoop& loop, const StartCapture& what, CaptureCounters& counters,
                           EventSink sink, std::function<void()> unbound) {
    const auto open = [&](CaptureMode mode, const sock_fprog& filter, std::size_t ring_blocks,
                          PacketCapture::Sink take) {
        return PacketCapture(loop, {what.index, what.name, mode, filter, ring_blocks},
                             counters.dropped, std::move(take), std::move(unbound));
    };
    if (const auto* const lan = std::get_if<OnDownstream>(&what.side)) {
        return open(choose_capture_mode(lan->mode, running_kernel(), lan->snooping_bridge),
                    downstream_filter(lan->mld), kDownstreamRing,
                    facts_to<DownstreamFacts>(std::move(sink), what.index, counters));
    }
    return open(CaptureMode::allmulti, upstream_filter(), kUpstreamRing,
                facts_to<UpstreamFacts>(std::move(sink), what.index, counters));
}

}  // namespace solicitd::io
