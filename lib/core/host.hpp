#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/due_queue.hpp"
#include "core/events.hpp"
#include "core/host_ranks.hpp"

namespace solicitd {

enum class HostState : std::uint8_t {
    tentative,  ///< said to be (DAD, an old neighbor entry, saved state), not confirmed yet
    confirmed,  ///< in use not long ago
    probing,    ///< silent, being asked
    absent,     ///< did not answer repeatedly; lingers, and is asked now and then
};

[[nodiscard]] constexpr std::string_view to_string(HostState state) {
    switch (state) {
        case HostState::tentative: return "tentative";
        case HostState::confirmed: return "confirmed";
        case HostState::probing: return "probing";
        case HostState::absent: return "absent";
    }
    return "unknown";
}

/// Which downstream; stays the same for a name as long as the engine lives.
using DownstreamId = std::uint16_t;

struct HostKey {
    Ipv6Address address;
    DownstreamId downstream = 0;

    friend bool operator==(const HostKey&, const HostKey&) = default;
};

struct MacHosts;

/// An IPv6 address seen downstream. HostLife moves it through its states, HostTable keeps its MAC,
/// its rank and its places.
struct Host : DueHook {
    explicit Host(const HostKey& where) : key(where) {}

    HostKey key;
    MacAddress mac;
    HostState state = HostState::tentative;
    Evidence evidence = Evidence::neighbor;        ///< the latest
    NeighborState neighbor = NeighborState::none;  ///< what the kernel last said of it
    bool in_dump = false;               ///< seen in the dump of neighbors that is running
    bool asked = false;                 ///< a probe is out, unanswered
    std::uint8_t failures = 0;          ///< probes in a row that nobody answered
    std::uint32_t upstreams = 0;        ///< mask: where it is served
    std::uint32_t waiting = 0;          ///< mask: where max-groups left no room to serve it
    HostRank rank = HostRank::claimed;  ///< the best that is still true
    HostLink in_table;
    HostLink in_mac;
    MacHosts* of_mac = nullptr;  ///< those of its MAC; nullptr when that is unknown
    TimePoint first_seen{};
    TimePoint last_seen{};
    TimePoint since{};      ///< in this state
    TimePoint next_step{};  ///< when probing or absent: the next probe, or the end of this one

    /// The router's own address.
    [[nodiscard]] bool is_own() const { return rank == HostRank::own; }
};

}  // namespace solicitd
