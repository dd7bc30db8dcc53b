#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <variant>

#include "core/events.hpp"
#include "core/mld_message.hpp"
#include "core/nd_message.hpp"
#include "io/packet_capture.hpp"

/// From captured packets to messages, the same on both sides.
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

/// One event for each solicited-node group of the report. Other groups are nothing to us.
inline void tell_groups(const MldReport& report, Ifindex index, const MacAddress& reporter,
                        const EventSink& sink) {
    report.for_each_group([&](const Ipv6Address& address) {
        if (const auto group = SolicitedNodeGroup::from_address(address)) {
            sink(GroupReported{index, *group, report.version, reporter});
        }
    });
}

}  // namespace solicitd::io
