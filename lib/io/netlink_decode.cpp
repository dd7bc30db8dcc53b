#include "io/netlink_decode.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

// Absent from glibc's <net/if.h>, and <linux/if.h> does not mix with it.
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace solicitd::io {
namespace {

/// The attributes of one level, by type. nla_parse checks each against its policy and refuses the
/// whole level when one is shorter than that.
template <std::size_t Max>
class Attributes {
public:
    using Policy = std::array<nla_policy, Max + 1>;

    [[nodiscard]] bool parse(const nlmsghdr& message, int header_length, const Policy& policy) {
        return parse(nlmsg_attrdata(&message, header_length),
                     nlmsg_attrlen(&message, header_length), policy);
    }
    [[nodiscard]] bool parse_nested(const nlattr* nest, const Policy& policy) {
        return parse(static_cast<nlattr*>(nla_data(nest)), nla_len(nest), policy);
    }
    [[nodiscard]] bool parse(nlattr* first, int length, const Policy& policy) {
        // libnl takes it as const from 3.5 on, and has never written to it.
        return nla_parse(table_.data(), static_cast<int>(Max), first, length,
                         const_cast<nla_policy*>(policy.data())) >= 0;
    }
    [[nodiscard]] const nlattr* operator[](std::size_t type) const { return table_[type]; }

private:
    std::array<nlattr*, Max + 1> table_{};
};

template <std::size_t Max>
struct Rule {
    std::size_t attribute;
    nla_policy policy;
};
template <std::size_t Max, std::size_t Count>
constexpr std::array<nla_policy, Max + 1> policy(const Rule<Max> (&rules)[Count]) {
    std::array<nla_policy, Max + 1> all{};
    for (const Rule<Max>& rule : rules) {
        all[rule.attribute] = rule.policy;
    }
    return all;
}

// {type, least bytes, most bytes}; 0 stands for what the type asks, and for no limit.
constexpr nla_policy kU8{NLA_U8, 0, 0};
constexpr nla_policy kU32{NLA_U32, 0, 0};
constexpr nla_policy kString{NLA_STRING, 1, 0};
constexpr nla_policy kName{NLA_STRING, 2, IFNAMSIZ};
constexpr nla_policy kAddress{NLA_UNSPEC, sizeof(Ipv6Address::bytes), 0};

constexpr auto kLinkPolicy = policy<IFLA_LINKINFO>({
    {IFLA_IFNAME, kName},
    {IFLA_MTU, kU32},
    {IFLA_MASTER, kU32},
});
constexpr auto kLinkInfoPolicy = policy<IFLA_INFO_SLAVE_KIND>({
    {IFLA_INFO_KIND, kString},
    {IFLA_INFO_SLAVE_KIND, kString},
});
constexpr auto kBridgePolicy = policy<IFLA_BR_MCAST_SNOOPING>({{IFLA_BR_MCAST_SNOOPING, kU8}});
constexpr auto kAddressPolicy = policy<IFA_FLAGS>({
    {IFA_ADDRESS, kAddress},
    {IFA_LOCAL, kAddress},
    {IFA_FLAGS, kU32},
});
constexpr auto kMulticastPolicy = policy<IFA_MULTICAST>({
    {IFA_MULTICAST, kAddress},
});
constexpr auto kRoutePolicy = policy<RTA_ENCAP>({
    {RTA_DST, kAddress},
    {RTA_OIF, kU32},
    {RTA_PRIORITY, kU32},
    {RTA_TABLE, kU32},
});
constexpr auto kNextHopPolicy = policy<RTA_ENCAP>({{RTA_OIF, kU32}});
constexpr auto kNeighborPolicy = policy<NDA_LLADDR>({{NDA_DST, kAddress}});

/// The family's header behind nlmsghdr; null when the message is too short for it.
template <typename Header>
const Header* header_of(const nlmsghdr& message) {
    return nlmsg_valid_hdr(&message, sizeof(Header)) != 0
               ? static_cast<const Header*>(nlmsg_data(&message))
               : nullptr;
}

Ipv6Address ipv6_of(const nlattr* attribute) {
    Ipv6Address address;
    std::memcpy(address.bytes.data(), nla_data(attribute), address.bytes.size());
    return address;
}

/// None unless it is a MAC-48: infiniband, tunnels and the like have other addresses.
MacAddress mac_of(const nlattr* attribute) {
    MacAddress mac;
    if (attribute != nullptr && nla_len(attribute) == static_cast<int>(mac.bytes.size())) {
        std::memcpy(mac.bytes.data(), nla_data(attribute), mac.bytes.size());
    }
    return mac;
}

std::uint32_t u32_or(const nlattr* attribute, std::uint32_t fallback) {
    return attribute != nullptr ? nla_get_u32(attribute) : fallback;
}

bool is_text(const nlattr* attribute, const char* text) {
    return attribute != nullptr && nla_strcmp(attribute, text) == 0;
}

void decode_link_info(const nlattr* nest, Ifindex master, LinkSeen& link) {
    Attributes<IFLA_INFO_SLAVE_KIND> info;
    if (!info.parse_nested(nest, kLinkInfoPolicy)) {
        return;
    }
    if (is_text(info[IFLA_INFO_SLAVE_KIND], "bridge")) {
        link.bridge = master;
    }
    if (is_text(info[IFLA_INFO_KIND], "bridge") && info[IFLA_INFO_DATA] != nullptr) {
        Attributes<IFLA_BR_MCAST_SNOOPING> bridge;
        link.snooping_bridge = bridge.parse_nested(info[IFLA_INFO_DATA], kBridgePolicy) &&
                               bridge[IFLA_BR_MCAST_SNOOPING] != nullptr &&
                               nla_get_u8(bridge[IFLA_BR_MCAST_SNOOPING]) != 0;
    }
}

std::optional<Event> decode_link(const nlmsghdr& message) {
    const auto* header = header_of<ifinfomsg>(message);
    // AF_INET6 is about settings of the interface; AF_BRIDGE about a bridge port, and its
    // RTM_DELLINK only says that a port left its bridge.
    if (header == nullptr || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) {
        return std::nullopt;
    }
    const auto index = static_cast<Ifindex>(header->ifi_index);
    if (message.nlmsg_type == RTM_DELLINK) {
        return LinkGone{index};
    }
    Attributes<IFLA_LINKINFO> attributes;
    // Wireless extensions send an RTM_NEWLINK with nothing but IFLA_WIRELESS.
    if (!attributes.parse(message, sizeof(ifinfomsg), kLinkPolicy) ||
        attributes[IFLA_IFNAME] == nullptr ||
        !is_interface_name(nla_get_string(attributes[IFLA_IFNAME]))) {
        return std::nullopt;
    }
    constexpr unsigned kRunning = IFF_UP | IFF_LOWER_UP;
    LinkSeen link;
    link.index = index;
    link.name = nla_get_string(attributes[IFLA_IFNAME]);
    link.mac = mac_of(attributes[IFLA_ADDRESS]);
    link.mtu = u32_or(attributes[IFLA_MTU], 0);
    link.running = (header->ifi_flags & kRunning) == kRunning;
    if (attributes[IFLA_LINKINFO] != nullptr) {
        decode_link_info(attributes[IFLA_LINKINFO], u32_or(attributes[IFLA_MASTER], 0), link);
    }
    return link;
}

std::optional<Event> decode_address(const nlmsghdr& message) {
    const auto* header = header_of<ifaddrmsg>(message);
    if (header == nullptr || header->ifa_family != AF_INET6 || header->ifa_index == 0 ||
        header->ifa_prefixlen > 128) {
        return std::nullopt;
    }
    Attributes<IFA_FLAGS> attributes;
    if (!attributes.parse(message, sizeof(ifaddrmsg), kAddressPolicy)) {
        return std::nullopt;
    }
    const nlattr* local = attributes[IFA_LOCAL];
    const nlattr* own = local != nullptr ? local : attributes[IFA_ADDRESS];
    if (own == nullptr) {
        return std::nullopt;
    }
    const Ipv6Address address = ipv6_of(own);
    const std::uint32_t flags = u32_or(attributes[IFA_FLAGS], header->ifa_flags);
    if (message.nlmsg_type == RTM_DELADDR || (flags & IFA_F_DADFAILED) != 0) {
        return AddressGone{header->ifa_index, address};
    }
    // An optimistic one may be used meanwhile (kernel: ipv6_chk_addr_and_flags).
    const bool tentative = (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) == IFA_F_TENTATIVE;
    // With IFA_LOCAL, IFA_ADDRESS is the peer's and the length belongs to it: our own address
    // lies in no prefix then, and the peer's prefix comes as a route.
    return AddressSeen{header->ifa_index, address,
                       local != nullptr ? std::uint8_t{128} : header->ifa_prefixlen, tentative};
}

/// Interface of the first nexthop without a gateway; 0 when there is none.
Ifindex on_link_nexthop(const nlattr* multipath) {
    const auto* at = static_cast<const std::uint8_t*>(nla_data(multipath));
    auto left = static_cast<std::size_t>(nla_len(multipath));
    while (left >= sizeof(rtnexthop)) {
        rtnexthop hop;
        std::memcpy(&hop, at, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left) {
            return 0;
        }
        Attributes<RTA_ENCAP> attributes;
        // nla_parse wants a mutable pointer, and only reads.
        auto* first = reinterpret_cast<nlattr*>(const_cast<std::uint8_t*>(at) + sizeof(hop));
        if (!attributes.parse(first, static_cast<int>(hop.rtnh_len - sizeof(hop)),
                              kNextHopPolicy)) {
            return 0;
        }
        if (attributes[RTA_GATEWAY] == nullptr && attributes[RTA_VIA] == nullptr &&
            attributes[RTA_ENCAP] == nullptr && hop.rtnh_ifindex > 0) {
            return static_cast<Ifindex>(hop.rtnh_ifindex);
        }
        const std::size_t step = std::min<std::size_t>(left, NLMSG_ALIGN(hop.rtnh_len));
        at += step;
        left -= step;
    }
    return 0;
}

std::optional<Event> decode_route(const nlmsghdr& message) {
    const auto* header = header_of<rtmsg>(message);
    if (header == nullptr || header->rtm_family != AF_INET6 || header->rtm_type != RTN_UNICAST ||
        (header->rtm_flags & RTM_F_CLONED) != 0 || header->rtm_dst_len < 1 ||
        header->rtm_dst_len > 127) {
        return std::nullopt;
    }
    Attributes<RTA_ENCAP> attributes;
    if (!attributes.parse(message, sizeof(rtmsg), kRoutePolicy) || attributes[RTA_DST] == nullptr ||
        attributes[RTA_GATEWAY] != nullptr || attributes[RTA_VIA] != nullptr ||
        attributes[RTA_ENCAP] != nullptr) {
        return std::nullopt;
    }
    const Ipv6Address destination = ipv6_of(attributes[RTA_DST]);
    OnLinkRoute route;
    route.prefix = Ipv6Prefix(destination, header->rtm_dst_len);
    route.table = u32_or(attributes[RTA_TABLE], header->rtm_table);
    route.metric = u32_or(attributes[RTA_PRIORITY], 0);
    route.index = u32_or(attributes[RTA_OIF], 0);
    if (route.index == 0 && attributes[RTA_MULTIPATH] != nullptr) {
        route.index = on_link_nexthop(attributes[RTA_MULTIPATH]);
    }
    if (route.index == 0 || route.table == RT_TABLE_LOCAL || destination.is_link_local() ||
        destination.is_multicast()) {
        return std::nullopt;
    }
    if (message.nlmsg_type == RTM_DELROUTE) {
        return RouteGone{route};
    }
    return RouteSeen{route};
}

NeighborState neighbor_state(unsigned nud) {
    switch (nud) {
        case NUD_INCOMPLETE: return NeighborState::incomplete;
        case NUD_REACHABLE: return NeighborState::reachable;
        case NUD_STALE: return NeighborState::stale;
        case NUD_DELAY: return NeighborState::delay;
        case NUD_PROBE: return NeighborState::probe;
        case NUD_FAILED: return NeighborState::failed;
        case NUD_PERMANENT: return NeighborState::permanent;
        // On a link without Neighbor Discovery the kernel makes such an entry of whomever somebody
        // sends to: nobody answered, nobody vouches, and nobody can be asked.
        case NUD_NOARP:
        default: return NeighborState::none;
    }
}

std::optional<Event> decode_lost_group(const nlmsghdr& message) {
    const auto* header = header_of<ifaddrmsg>(message);
    if (header == nullptr || header->ifa_family != AF_INET6 || header->ifa_index == 0) {
        return std::nullopt;
    }
    Attributes<IFA_MULTICAST> attributes;
    if (!attributes.parse(message, sizeof(ifaddrmsg), kMulticastPolicy) ||
        attributes[IFA_MULTICAST] == nullptr) {
        return std::nullopt;
    }
    const auto group = SolicitedNodeGroup::from_address(ipv6_of(attributes[IFA_MULTICAST]));
    return group ? std::optional<Event>(GroupGone{header->ifa_index, *group}) : std::nullopt;
}

std::optional<Event> decode_neighbor(const nlmsghdr& message) {
    const auto* header = header_of<ndmsg>(message);
    if (header == nullptr || header->ndm_family != AF_INET6 || header->ndm_ifindex <= 0 ||
        (header->ndm_flags & NTF_PROXY) != 0) {
        return std::nullopt;
    }
    Attributes<NDA_LLADDR> attributes;
    if (!attributes.parse(message, sizeof(ndmsg), kNeighborPolicy) ||
        attributes[NDA_DST] == nullptr) {
        return std::nullopt;
    }
    const auto index = static_cast<Ifindex>(header->ndm_ifindex);
    const Ipv6Address address = ipv6_of(attributes[NDA_DST]);
    if (message.nlmsg_type == RTM_DELNEIGH) {
        return NeighborGone{index, address};
    }
    return NeighborSeen{index, address, mac_of(attributes[NDA_LLADDR]),
                        neighbor_state(header->ndm_state)};
}

}  // namespace

std::optional<Event> decode_netlink(const nlmsghdr& message) {
    switch (message.nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK: return decode_link(message);
        case RTM_NEWADDR:
        case RTM_DELADDR: return decode_address(message);
        case RTM_NEWROUTE:
        case RTM_DELROUTE: return decode_route(message);
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH: return decode_neighbor(message);
        case kDelMulticast: return decode_lost_group(message);
        default: return std::nullopt;
    }
}

}  // namespace solicitd::io
