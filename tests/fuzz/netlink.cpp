#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "fuzz/fuzz.hpp"
#include "io/netlink_decode.hpp"

// Input: what one recv() of a netlink socket yields, messages one behind the other.

namespace solicitd {
namespace {

using fuzz::require;

void check_prefix(const Ipv6Prefix& prefix) {
    require(prefix.length() >= 1 && prefix.length() <= 127, "a prefix has 1 to 127 bits");
    require(Ipv6Prefix(prefix.address(), prefix.length()) == prefix, "a prefix has no host bits");
    require(Ipv6Prefix::parse(prefix.to_string()) == prefix, "a prefix is read as it was written");
}

void check_route(const OnLinkRoute& route) {
    require(route.index != 0, "a route has an interface");
    require(route.table != RT_TABLE_LOCAL, "a route is not of the local table");
    require(!route.prefix.address().is_link_local(), "a route is not of link-local addresses");
    check_prefix(route.prefix);
}

/// What may follow from a message of each type, and what the core relies on.
struct Check {
    std::uint16_t type;

    void operator()(const LinkSeen& link) const {
        require(type == RTM_NEWLINK && link.index != 0, "a link is seen by RTM_NEWLINK");
        require(is_interface_name(link.name), "a link has an interface's name");
    }
    void operator()(const LinkGone& link) const {
        require(type == RTM_DELLINK && link.index != 0, "a link goes by RTM_DELLINK");
    }
    void operator()(const AddressSeen& seen) const {
        require(type == RTM_NEWADDR && seen.index != 0, "an address is seen by RTM_NEWADDR");
        require(seen.prefix_length <= 128, "an address has a length of 128 bits at most");
    }
    void operator()(const AddressGone& gone) const {
        require((type == RTM_DELADDR || type == RTM_NEWADDR) && gone.index != 0,
                "an address goes by RTM_DELADDR, or by failed DAD");
    }
    void operator()(const RouteSeen& seen) const {
        require(type == RTM_NEWROUTE, "a route is seen by RTM_NEWROUTE");
        check_route(seen.route);
    }
    void operator()(const RouteGone& gone) const {
        require(type == RTM_DELROUTE, "a route goes by RTM_DELROUTE");
        check_route(gone.route);
    }
    void operator()(const NeighborSeen& seen) const {
        require(type == RTM_NEWNEIGH && seen.index != 0, "a neighbor is seen by RTM_NEWNEIGH");
    }
    void operator()(const NeighborGone& gone) const {
        require(type == RTM_DELNEIGH && gone.index != 0, "a neighbor goes by RTM_DELNEIGH");
    }
    void operator()(const GroupGone& gone) const {
        require(type == io::kDelMulticast && gone.index != 0, "a group goes by RTM_DELMULTICAST");
        require(SolicitedNodeGroup::from_address(gone.group.address()) == gone.group,
                "a group is a solicited-node group");
    }
    template <typename Other>
    void operator()(const Other& /*event*/) const {
        require(false, "netlink tells of links, addresses, routes, neighbors and groups");
    }
};

void decode(const std::uint8_t* data, std::size_t size) {
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[size]);
    std::copy_n(data, size, exact.get());
    const auto& message = *reinterpret_cast<const nlmsghdr*>(exact.get());
    if (const auto event = io::decode_netlink(message)) {
        std::visit(Check{message.nlmsg_type}, *event);
    }
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    while (size >= sizeof(nlmsghdr)) {
        nlmsghdr header;
        std::memcpy(&header, data, sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size) {
            break;
        }
        solicitd::decode(data, header.nlmsg_len);
        const std::size_t step = std::min<std::size_t>(size, NLMSG_ALIGN(header.nlmsg_len));
        data += step;
        size -= step;
    }
    return 0;
}
