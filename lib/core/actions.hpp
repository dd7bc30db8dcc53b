#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "core/config.hpp"
#include "core/events.hpp"
#include "core/notice.hpp"

/// What the core wants done. The daemon executes actions in order; an action that can fail is
/// answered with an event.
namespace solicitd {

/// Join; answered by MembershipResult.
struct JoinGroup {
    Ifindex upstream = 0;
    SolicitedNodeGroup group;
};
struct LeaveGroup {
    Ifindex upstream = 0;
    SolicitedNodeGroup group;
};
/// The interface is gone, or its IPv6: whatever was held there is lost. Close its sockets.
struct ForgetMemberships {
    Ifindex upstream = 0;
};

/// What to sniff on a downstream: ND and, with `mld`, reports.
struct OnDownstream {
    CaptureMode mode = CaptureMode::automatic;
    bool snooping_bridge = false;
    bool mld = true;
};
/// What to sniff on an upstream: queries, MLDv1 reports of others, and Neighbor Solicitations.
struct OnUpstream {};
struct StartCapture {
    Ifindex index = 0;
    std::string name;
    std::variant<OnDownstream, OnUpstream> side;
};
struct StopCapture {
    Ifindex index = 0;
};

/// Ask the host, and have the kernel's NUD ask it; answered by ProbeResult, and if it could be
/// asked by neighbor events or the host's Advertisement.
struct ProbeHost {
    Ifindex index = 0;
    Ipv6Address address;
    Ipv6Address source;   ///< our link-local address there; ::, if we have none
    MacAddress mac;       ///< ours there
    MacAddress host_mac;  ///< as far as we know; none: nothing
};

/// Tell the snoopers again what is held: one MLD report; answered by ReportSent. v1: one group.
struct SendReport {
    Ifindex upstream = 0;
    Ipv6Address source;  ///< link-local
    MldVersion version = MldVersion::v2;
    std::vector<SolicitedNodeGroup> groups;
};

/// Read what the kernel holds; answered by GroupsHeld.
struct AuditGroups {
    Ifindex upstream = 0;
    std::string name;
};

/// Dump links, addresses, routes and neighbors afresh.
struct Resync {};

using Action = std::variant<JoinGroup, LeaveGroup, ForgetMemberships, StartCapture, StopCapture,
                            ProbeHost, SendReport, AuditGroups, Resync, Notice>;
using Actions = std::vector<Action>;

}  // namespace solicitd
