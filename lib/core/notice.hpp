#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/evidence.hpp"
#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"
#include "core/mld_message.hpp"

namespace solicitd {

enum class NoticeKind : std::uint8_t {
    joined,             ///< interface, group, host, evidence
    joined_many,        ///< interface, count: a start, a returned interface or a new prefix; or
                        ///< with interval: those of so long that were not told one by one
    left,               ///< interface, group, host
    left_many,          ///< interface, count: a prefix or an interface that is no longer wanted;
                        ///< interval: as above
    join_failed,        ///< interface, group, error; said once until it works again
    join_recovered,     ///< interface
    groups_lost,        ///< interface, count: the kernel holds them no more; joined again
    groups_inherited,   ///< interface, count: held by an earlier process, of no known host
    interface_waiting,  ///< interface is absent
    interface_usable,   ///< interface
    interface_down,     ///< interface exists, but passes no packets
    interface_lost,     ///< interface was deleted or renamed
    interface_without_ipv6,  ///< interface's MTU is below 1280: memberships on it are lost
    bridge_port,             ///< interface is a port of a bridge: its ND is seen on the bridge
    prefix_added,            ///< interface, prefix
    prefix_removed,          ///< interface, prefix
    no_prefix,               ///< interface has no on-link prefix yet: nothing can be joined
    host_confirmed,          ///< interface, host, evidence
    host_silent,             ///< interface, host: does not answer, lingers
    host_gone,               ///< interface, host
    querier_found,           ///< interface, host = its address, version: the first, or another
    querier_back,            ///< interface, host = its address, version: after querier_lost
    querier_lost,            ///< interface, interval = of our announcements, 0 when we send none
    announced,               ///< interface, count = groups, reason
    report_failed,           ///< interface, error; said once until it works again
    report_recovered,        ///< interface
    reports_discarded,  ///< interface, count = packets: the kernel dropped our reports (a firewall)
    reports_pass,       ///< interface: after reports_discarded
    probe_failed,       ///< interface, host, error: of the first one in an hour
    lan_asked,          ///< interface = upstream, host: asked for there and known to nobody
    refused,  ///< interface, host, mac, prefix: of the last one; refusals: at most once a minute
};

/// What found no room, and what made room for something better known.
struct Refusals {
    std::uint64_t hosts_by_max_hosts = 0;
    std::uint64_t hosts_by_mac = 0;         ///< max-hosts-per-mac
    std::uint64_t hosts_by_max_groups = 0;  ///< known, but not served on an upstream
    std::uint64_t reports = 0;   ///< groups that the LAN reported: max-groups or kMostReported
    std::uint64_t prefixes = 0;  ///< on-link routes: OnLinkPrefixes::kMostRoutes
    std::uint64_t hosts_evicted = 0;
    std::uint64_t groups_evicted = 0;

    friend bool operator==(const Refusals&, const Refusals&) = default;
    friend Refusals operator-(const Refusals& a, const Refusals& b) {
        return {a.hosts_by_max_hosts - b.hosts_by_max_hosts,
                a.hosts_by_mac - b.hosts_by_mac,
                a.hosts_by_max_groups - b.hosts_by_max_groups,
                a.reports - b.reports,
                a.prefixes - b.prefixes,
                a.hosts_evicted - b.hosts_evicted,
                a.groups_evicted - b.groups_evicted};
    }
};

/// Something that a person may want to read. The daemon words it; the core decides when, so that
/// nothing is said twice.
struct Notice {
    Notice(NoticeKind its_kind, std::string its_interface)
        : kind(its_kind), interface(std::move(its_interface)) {}

    NoticeKind kind;
    std::string interface;
    std::optional<SolicitedNodeGroup> group;
    std::optional<Ipv6Address> host;
    std::optional<Evidence> evidence;
    std::optional<MacAddress> mac;
    std::optional<Ipv6Prefix> prefix;
    std::optional<MldVersion> version;
    std::chrono::seconds interval{};  ///< of announcements, or that was summed up
    std::string_view reason;          ///< of static storage
    std::size_t count = 0;
    int error = 0;  ///< errno
    Refusals refusals;
};

}  // namespace solicitd
