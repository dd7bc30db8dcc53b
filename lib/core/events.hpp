#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/config.hpp"
#include "core/evidence.hpp"
#include "core/host_ranks.hpp"
#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"
#include "core/mld_message.hpp"
#include "core/mld_output.hpp"

/// Facts: all that the core is ever told, apart from the time. A start-up dump, a live
/// notification and a resync arrive as the same events.
namespace solicitd {

/// The kernel's interface index; 0 is none. Valid only while that interface exists.
using Ifindex = std::uint32_t;

/// RTM_NEWLINK: an interface exists, or something about it changed.
struct LinkSeen {
    Ifindex index = 0;
    std::string name;
    MacAddress mac;
    std::uint32_t mtu = 0;         ///< bytes; below 1280 the kernel runs no IPv6 on it
    bool running = false;          ///< IFF_UP and IFF_LOWER_UP: packets can pass
    bool snooping_bridge = false;  ///< a Linux bridge with multicast snooping on
    Ifindex bridge = 0;            ///< the bridge that this is a port of
};
/// RTM_DELLINK.
struct LinkGone {
    Ifindex index = 0;
};

/// RTM_NEWADDR, IPv6 only.
struct AddressSeen {
    Ifindex index = 0;
    Ipv6Address address;
    std::uint8_t prefix_length = 128;
    bool tentative = false;  ///< DAD is not done with it: nothing can be sent from it yet
};
/// RTM_DELADDR, or an address on which DAD failed.
struct AddressGone {
    Ifindex index = 0;
    Ipv6Address address;
};

/// RTM_NEWROUTE of an on-link route: unicast, without a gateway, not in the local table.
struct OnLinkRoute {
    Ifindex index = 0;
    Ipv6Prefix prefix;
    std::uint32_t table = 0;
    std::uint32_t metric = 0;

    friend bool operator==(const OnLinkRoute&, const OnLinkRoute&) = default;
};
struct RouteSeen {
    OnLinkRoute route;
};
/// RTM_DELROUTE.
struct RouteGone {
    OnLinkRoute route;
};

/// NUD states (linux/neighbour.h) as far as they differ in what they prove.
enum class NeighborState : std::uint8_t {
    none,        ///< no entry
    incomplete,  ///< being resolved: proves nothing
    reachable,
    stale,  ///< known, not confirmed lately; an NS from the host brings an entry here
    delay,
    probe,      ///< being asked by unicast, by us or by the kernel
    failed,     ///< nobody answered
    permanent,  ///< PERMANENT: set by the administrator, never asked
};

/// RTM_NEWNEIGH, IPv6 only, proxy entries excepted.
struct NeighborSeen {
    Ifindex index = 0;
    Ipv6Address address;
    MacAddress mac;
    NeighborState state = NeighborState::none;
};
/// RTM_DELNEIGH. The kernel collects entries of living hosts, so this says nothing about the host.
struct NeighborGone {
    Ifindex index = 0;
    Ipv6Address address;
};

/// Neighbor Discovery sniffed on a downstream.
struct HostSeen {
    Ifindex index = 0;
    Ipv6Address address;
    MacAddress mac;  ///< the frame's source
    Evidence evidence = Evidence::solicitation;
};

/// A record of an MLD report sniffed on a downstream, or on an upstream where others report.
struct GroupReported {
    Ifindex index = 0;
    SolicitedNodeGroup group;
    MldVersion version = MldVersion::v2;
    MacAddress mac;  ///< the frame's source
};

/// An MLD query sniffed on an upstream.
struct QueryHeard {
    Ifindex index = 0;
    MldQuery query;
};

/// A Neighbor Solicitation sniffed on an upstream. Not DAD: somebody there wants to reach the
/// target.
struct NeighborAsked {
    Ifindex index = 0;
    Ipv6Address target;
    bool multicast = true;  ///< to the target's group; else to our MAC address (RFC 4861 7.3.3)
};

/// A host of an earlier run, to be joined at once and then asked.
struct SavedHost {
    std::string downstream;
    Ipv6Address address;
    MacAddress mac;
    std::chrono::seconds silent{};         ///< when it was saved
    HostRank rank = HostRank::remembered;  ///< an unproven() one
};

/// Around each netlink dump. What a dump of links, addresses or routes lacks is gone; what a
/// dump of neighbors lacks may live.
enum class DumpKind : std::uint8_t { links, addresses, routes, neighbors };
struct DumpBegin {
    DumpKind kind = DumpKind::links;
};
struct DumpEnd {
    DumpKind kind = DumpKind::links;
};

/// What became of a JoinGroup.
struct MembershipResult {
    Ifindex upstream = 0;
    SolicitedNodeGroup group;
    int error = 0;  ///< errno, 0 when the kernel holds the membership now
};

/// Groups that an earlier process still holds on the interface, through sockets that the service
/// manager kept. Told before the first dump.
struct GroupsInherited {
    Ifindex upstream = 0;
    std::vector<SolicitedNodeGroup> groups;
};
/// Answers AuditGroups: what the kernel holds on the interface, whoever asked for it. Sorted.
struct GroupsHeld {
    Ifindex upstream = 0;
    std::vector<SolicitedNodeGroup> groups;
    std::optional<MldOutput> output;  ///< nullopt: the kernel does not tell
};
/// What became of a SendReport.
struct ReportSent {
    Ifindex upstream = 0;
    int error = 0;  ///< errno; EPERM: a firewall of this machine dropped it
};
/// RTM_DELMULTICAST (Linux 6.14 and later): nobody holds the group any more.
struct GroupGone {
    Ifindex index = 0;
    SolicitedNodeGroup group;
};

/// What became of a ProbeHost: whether the question could be sent, not whether the host answered.
struct ProbeResult {
    Ifindex index = 0;
    Ipv6Address address;
    int error = 0;  ///< errno
};

/// A new configuration. What both want is kept.
struct Reconfigured {
    Config config;
};

using Event =
    std::variant<HostSeen, GroupReported, QueryHeard, NeighborAsked, ReportSent, NeighborSeen,
                 NeighborGone, LinkSeen, LinkGone, AddressSeen, AddressGone, RouteSeen, RouteGone,
                 DumpBegin, DumpEnd, MembershipResult, GroupsInherited, GroupsHeld, GroupGone,
                 ProbeResult, SavedHost, Reconfigured>;

}  // namespace solicitd
