#include "io/netlink_decode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace solicitd::io {
namespace {

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

Ipv6Address addr(const char* text) {
    return Ipv6Address::parse(text).value();
}

/// A message as the kernel would write it, built with libnl.
class Message {
public:
    template <typename Header>
    Message(int type, const Header& header) : message_(nlmsg_alloc()) {
        nlmsg_put(message_.get(), 0, 0, type, 0, 0);
        Header copy = header;
        nlmsg_append(message_.get(), &copy, sizeof(copy), NLMSG_ALIGNTO);
    }
    Message& put(int type, const Ipv6Address& address) {
        return put(type, address.bytes.data(), address.bytes.size());
    }
    Message& put(int type, const char* text) { return put(type, text, std::strlen(text) + 1); }
    Message& u32(int type, std::uint32_t value) { return put(type, &value, sizeof(value)); }
    Message& u8(int type, std::uint8_t value) { return put(type, &value, sizeof(value)); }
    Message& put(int type, const void* data, std::size_t size) {
        nla_put(message_.get(), type, static_cast<int>(size), data);
        return *this;
    }
    template <typename Fill>
    Message& nest(int type, Fill fill) {
        nlattr* start = nla_nest_start(message_.get(), type);
        fill(*this);
        nla_nest_end(message_.get(), start);
        return *this;
    }
    [[nodiscard]] nlmsghdr& header() { return *nlmsg_hdr(message_.get()); }
    [[nodiscard]] std::optional<Event> decode() { return decode_netlink(header()); }

    template <typename Expected>
    [[nodiscard]] Expected as() {
        const auto event = decode();
        if (!event || !std::holds_alternative<Expected>(*event)) {
            ADD_FAILURE() << "decoded to another event, or to none";
            return {};
        }
        return std::get<Expected>(*event);
    }

private:
    struct Free {
        void operator()(nl_msg* message) const { nlmsg_free(message); }
    };
    std::unique_ptr<nl_msg, Free> message_;
};

constexpr std::array<std::uint8_t, 6> kMac{2, 0, 0, 0xAA, 0xBB, 0xCC};

ifinfomsg link_header(unsigned flags = 0) {
    ifinfomsg header{};
    header.ifi_index = 7;
    header.ifi_flags = flags;
    return header;
}
ifaddrmsg address_header() {
    ifaddrmsg header{};
    header.ifa_family = AF_INET6;
    header.ifa_prefixlen = 64;
    header.ifa_index = 7;
    return header;
}
rtmsg route_header(std::uint8_t length = 64) {
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_dst_len = length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_type = RTN_UNICAST;
    return header;
}
ndmsg neighbor_header(std::uint16_t state = NUD_REACHABLE) {
    ndmsg header{};
    header.ndm_family = AF_INET6;
    header.ndm_ifindex = 7;
    header.ndm_state = state;
    return header;
}
Message neighbor(std::uint16_t state) {
    Message message(RTM_NEWNEIGH, neighbor_header(state));
    message.put(NDA_DST, addr("2001:db8::1")).put(NDA_LLADDR, kMac.data(), kMac.size());
    return message;
}

TEST(DecodeLink, TellsNameMacAndMtu) {
    const auto link = Message(RTM_NEWLINK, link_header(IFF_UP | IFF_LOWER_UP))
                          .put(IFLA_IFNAME, "eth9")
                          .put(IFLA_ADDRESS, kMac.data(), kMac.size())
                          .u32(IFLA_MTU, 1500)
                          .as<LinkSeen>();
    EXPECT_EQ(link.index, 7U);
    EXPECT_EQ(link.name, "eth9");
    EXPECT_EQ(link.mac.bytes, kMac);
    EXPECT_EQ(link.mtu, 1500U);
    EXPECT_TRUE(link.running);
    EXPECT_FALSE(link.snooping_bridge);
    EXPECT_EQ(link.bridge, 0U);
}

TEST(DecodeLink, RunsOnlyWhenUpAndWithCarrier) {
    for (const unsigned flags : {0U, unsigned{IFF_UP}, unsigned{IFF_LOWER_UP}}) {
        EXPECT_FALSE(Message(RTM_NEWLINK, link_header(flags))
                         .put(IFLA_IFNAME, "eth9")
                         .as<LinkSeen>()
                         .running);
    }
}

TEST(DecodeLink, KnowsASnoopingBridge) {
    for (const bool snooping : {false, true}) {
        const auto link = Message(RTM_NEWLINK, link_header())
                              .put(IFLA_IFNAME, "br0")
                              .nest(IFLA_LINKINFO,
                                    [&](Message& info) {
                                        info.put(IFLA_INFO_KIND, "bridge");
                                        info.nest(IFLA_INFO_DATA, [&](Message& data) {
                                            data.u8(IFLA_BR_MCAST_SNOOPING, snooping ? 1 : 0);
                                        });
                                    })
                              .as<LinkSeen>();
        EXPECT_EQ(link.snooping_bridge, snooping);
    }
}

TEST(DecodeLink, AnotherKindsDataIsNotTheBridges) {
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header())
                     .put(IFLA_IFNAME, "bond0")
                     .nest(IFLA_LINKINFO,
                           [&](Message& info) {
                               info.put(IFLA_INFO_KIND, "bond");
                               info.nest(IFLA_INFO_DATA, [&](Message& data) {
                                   data.u8(IFLA_BR_MCAST_SNOOPING, 1);
                               });
                           })
                     .as<LinkSeen>()
                     .snooping_bridge);
}

TEST(DecodeLink, TellsTheBridgeOfAPortButNoOtherMaster) {
    const auto port_of = [](const char* kind) {
        return Message(RTM_NEWLINK, link_header())
            .put(IFLA_IFNAME, "eth1")
            .u32(IFLA_MASTER, 3)
            .nest(IFLA_LINKINFO,
                  [&](Message& info) {
                      info.put(IFLA_INFO_KIND, "veth");
                      info.nest(IFLA_INFO_DATA, [](Message&) {});
                      info.put(IFLA_INFO_SLAVE_KIND, kind);
                  })
            .as<LinkSeen>()
            .bridge;
    };
    EXPECT_EQ(port_of("bridge"), 3U);
    EXPECT_EQ(port_of("bond"), 0U);
    EXPECT_EQ(port_of("vrf"), 0U);
}

TEST(DecodeLink, ALinkLayerAddressOfAnotherSizeIsNoMac) {
    const std::array<std::uint8_t, 20> infiniband{1, 2, 3};
    EXPECT_TRUE(Message(RTM_NEWLINK, link_header())
                    .put(IFLA_IFNAME, "ib0")
                    .put(IFLA_ADDRESS, infiniband.data(), infiniband.size())
                    .as<LinkSeen>()
                    .mac.is_none());
}

TEST(DecodeLink, OtherFamiliesSpeakOfSomethingElse) {
    for (const int family : {AF_BRIDGE, AF_INET6}) {
        ifinfomsg header = link_header();
        header.ifi_family = static_cast<unsigned char>(family);
        EXPECT_FALSE(Message(RTM_DELLINK, header).put(IFLA_IFNAME, "eth9").decode());
        EXPECT_FALSE(Message(RTM_NEWLINK, header).put(IFLA_IFNAME, "eth9").decode());
    }
    EXPECT_EQ(Message(RTM_DELLINK, link_header()).as<LinkGone>().index, 7U);
}

TEST(DecodeLink, AWirelessEventHasNoName) {
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).u32(IFLA_WIRELESS, 1).decode());
}

TEST(DecodeLink, ANameMustBeOne) {
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).put(IFLA_IFNAME, "", 0).decode());
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).put(IFLA_IFNAME, "eth9", 4).decode())
        << "not terminated";
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).put(IFLA_IFNAME, "a-name-of-16-byt").decode());
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).put(IFLA_IFNAME, "\0\0", 2).decode());
    EXPECT_FALSE(Message(RTM_NEWLINK, link_header()).put(IFLA_IFNAME, "../x").decode());
}

TEST(DecodeAddress, TellsAddressAndLength) {
    const auto seen = Message(RTM_NEWADDR, address_header())
                          .put(IFA_ADDRESS, addr("2001:db8::1"))
                          .as<AddressSeen>();
    EXPECT_EQ(seen.index, 7U);
    EXPECT_EQ(seen.address, addr("2001:db8::1"));
    EXPECT_EQ(seen.prefix_length, 64);
    EXPECT_EQ(Message(RTM_DELADDR, address_header())
                  .put(IFA_ADDRESS, addr("2001:db8::1"))
                  .as<AddressGone>()
                  .address,
              addr("2001:db8::1"));
}

TEST(DecodeAddress, WithAPeerTheLengthIsThePeers) {
    const auto seen = Message(RTM_NEWADDR, address_header())
                          .put(IFA_LOCAL, addr("2001:db8::1"))
                          .put(IFA_ADDRESS, addr("2001:db8:9::1"))
                          .as<AddressSeen>();
    EXPECT_EQ(seen.address, addr("2001:db8::1"));
    EXPECT_EQ(seen.prefix_length, 128);
}

TEST(DecodeAddress, AFailedDadMeansGoneAndTentativeMeansSeen) {
    const auto with = [](std::uint32_t flags) {
        return Message(RTM_NEWADDR, address_header())
            .put(IFA_ADDRESS, addr("2001:db8::1"))
            .u32(IFA_FLAGS, flags)
            .decode();
    };
    EXPECT_TRUE(
        std::holds_alternative<AddressGone>(with(IFA_F_DADFAILED | IFA_F_TENTATIVE).value()));
    EXPECT_TRUE(std::holds_alternative<AddressSeen>(with(IFA_F_TENTATIVE).value()));

    ifaddrmsg old_style = address_header();
    old_style.ifa_flags = IFA_F_DADFAILED;
    Message without(RTM_NEWADDR, old_style);
    without.put(IFA_ADDRESS, addr("2001:db8::1"));
    EXPECT_EQ(without.as<AddressGone>().index, 7U);
    EXPECT_EQ(without.u32(IFA_FLAGS, 0).as<AddressSeen>().index, 7U) << "IFA_FLAGS counts";
}

TEST(DecodeAddress, RefusesIpv4AndNonsense) {
    ifaddrmsg ipv4 = address_header();
    ipv4.ifa_family = AF_INET;
    EXPECT_FALSE(Message(RTM_NEWADDR, ipv4).put(IFA_ADDRESS, addr("2001:db8::1")).decode());
    ifaddrmsg too_long = address_header();
    too_long.ifa_prefixlen = 129;
    EXPECT_FALSE(Message(RTM_NEWADDR, too_long).put(IFA_ADDRESS, addr("2001:db8::1")).decode());
    EXPECT_FALSE(Message(RTM_NEWADDR, address_header()).decode()) << "no address";
    EXPECT_FALSE(Message(RTM_NEWADDR, address_header()).u32(IFA_ADDRESS, 1).decode()) << "short";
}

Message on_link_route(int type = RTM_NEWROUTE, const rtmsg& header = route_header(),
                      const char* destination = "2001:db8:0:1::") {
    Message message(type, header);
    message.put(RTA_DST, addr(destination)).u32(RTA_OIF, 7).u32(RTA_PRIORITY, 256);
    return message;
}

TEST(DecodeRoute, TellsAnOnLinkRoute) {
    const OnLinkRoute expected{7, Ipv6Prefix::parse("2001:db8:0:1::/64").value(), RT_TABLE_MAIN,
                               256};
    EXPECT_EQ(on_link_route().as<RouteSeen>().route, expected);
    EXPECT_EQ(on_link_route(RTM_DELROUTE).as<RouteGone>().route, expected);
    EXPECT_EQ(on_link_route().u32(RTA_TABLE, 1000).as<RouteSeen>().route.table, 1000U);
}

TEST(DecodeRoute, AGatewayOrATunnelIsNotOnLink) {
    EXPECT_FALSE(on_link_route().put(RTA_GATEWAY, addr("fe80::1")).decode());
    EXPECT_FALSE(on_link_route().u32(RTA_VIA, 0).decode());
    EXPECT_FALSE(on_link_route().u32(RTA_ENCAP, 0).decode());
}

TEST(DecodeRoute, OnlyUnicastOfUsefulLengthInANonLocalTable) {
    for (const std::uint8_t length : std::vector<std::uint8_t>{0, 128, 129, 255}) {
        EXPECT_FALSE(on_link_route(RTM_NEWROUTE, route_header(length)).decode()) << int{length};
    }
    for (const std::uint8_t length : std::vector<std::uint8_t>{1, 127}) {
        EXPECT_TRUE(on_link_route(RTM_NEWROUTE, route_header(length)).decode()) << int{length};
    }
    for (const unsigned char type : {RTN_LOCAL, RTN_ANYCAST, RTN_MULTICAST, RTN_UNREACHABLE}) {
        rtmsg header = route_header();
        header.rtm_type = type;
        EXPECT_FALSE(on_link_route(RTM_NEWROUTE, header).decode()) << int{type};
    }
    rtmsg cloned = route_header();
    cloned.rtm_flags = RTM_F_CLONED;
    EXPECT_FALSE(on_link_route(RTM_NEWROUTE, cloned).decode());
    rtmsg local = route_header();
    local.rtm_table = RT_TABLE_LOCAL;
    EXPECT_FALSE(on_link_route(RTM_NEWROUTE, local).decode());
    EXPECT_FALSE(on_link_route(RTM_NEWROUTE, route_header(), "fe80::").decode());
    EXPECT_FALSE(on_link_route(RTM_NEWROUTE, route_header(8), "ff00::").decode());
    rtmsg ipv4 = route_header();
    ipv4.rtm_family = AF_INET;
    EXPECT_FALSE(on_link_route(RTM_NEWROUTE, ipv4).decode());
}

struct NextHop {
    int index;
    bool gateway;
};
std::vector<std::uint8_t> multipath(const std::vector<NextHop>& hops) {
    std::vector<std::uint8_t> bytes;
    for (const NextHop& hop : hops) {
        rtnexthop header{};
        header.rtnh_ifindex = hop.index;
        header.rtnh_len = sizeof(header);
        nlattr gateway{};
        gateway.nla_type = RTA_GATEWAY;
        gateway.nla_len = NLA_HDRLEN + 16;
        if (hop.gateway) {
            header.rtnh_len = static_cast<unsigned short>(header.rtnh_len + gateway.nla_len);
        }
        const auto* from = reinterpret_cast<const std::uint8_t*>(&header);
        bytes.insert(bytes.end(), from, from + sizeof(header));
        if (hop.gateway) {
            from = reinterpret_cast<const std::uint8_t*>(&gateway);
            bytes.insert(bytes.end(), from, from + sizeof(gateway));
            bytes.insert(bytes.end(), 16, 0xFE);
        }
    }
    return bytes;
}
Message multipath_route(const std::vector<std::uint8_t>& hops) {
    Message message(RTM_NEWROUTE, route_header());
    message.put(RTA_DST, addr("2001:db8:0:1::")).put(RTA_MULTIPATH, hops.data(), hops.size());
    return message;
}

TEST(DecodeRoute, OfSeveralNexthopsTheFirstWithoutAGateway) {
    EXPECT_EQ(
        multipath_route(multipath({{4, true}, {5, false}, {6, false}})).as<RouteSeen>().route.index,
        5U);
    EXPECT_FALSE(multipath_route(multipath({{4, true}, {5, true}})).decode());
}

TEST(DecodeRoute, ANexthopThatLiesAboutItsLengthIsRefused) {
    for (const int length : {0, 1, 7, 100, 65535}) {
        std::vector<std::uint8_t> hops = multipath({{4, true}, {5, false}});
        const auto lie = static_cast<std::uint16_t>(length);
        std::memcpy(hops.data(), &lie, sizeof(lie));
        const auto event = multipath_route(hops).decode();
        EXPECT_FALSE(event) << length;
    }
}

TEST(DecodeRoute, ANexthopWhoseAttributesAreCutShortIsRefused) {
    std::vector<std::uint8_t> hops = multipath({{5, false}});
    const nlattr cut{NLA_HDRLEN + 1, RTA_OIF};  // of four bytes
    const auto* from = reinterpret_cast<const std::uint8_t*>(&cut);
    hops.insert(hops.end(), from, from + sizeof(cut));
    hops.insert(hops.end(), {5, 0, 0, 0});
    const auto length = static_cast<std::uint16_t>(hops.size());
    std::memcpy(hops.data(), &length, sizeof(length));
    EXPECT_FALSE(multipath_route(hops).decode());
}

TEST(DecodeLostGroup, TellsSolicitedNodeGroupsOfAnInterfaceOnly) {
    const auto lost = [](std::uint8_t family, unsigned index, const char* group) {
        ifaddrmsg header{};
        header.ifa_family = family;
        header.ifa_index = index;
        return Message(kDelMulticast, header).put(IFA_MULTICAST, addr(group)).decode();
    };
    const auto told = lost(AF_INET6, 7, "ff02::1:ff00:9");
    ASSERT_TRUE(told);
    EXPECT_EQ(std::get<GroupGone>(*told).index, 7U);
    EXPECT_EQ(std::get<GroupGone>(*told).group.low24, 9U);
    EXPECT_FALSE(lost(AF_INET, 7, "ff02::1:ff00:9"));
    EXPECT_FALSE(lost(AF_INET6, 0, "ff02::1:ff00:9"));
    EXPECT_FALSE(lost(AF_INET6, 7, "ff02::fb"));
}

TEST(DecodeNeighbor, TellsAddressMacAndState) {
    const auto seen = neighbor(NUD_REACHABLE).as<NeighborSeen>();
    EXPECT_EQ(seen.index, 7U);
    EXPECT_EQ(seen.address, addr("2001:db8::1"));
    EXPECT_EQ(seen.mac.bytes, kMac);
    EXPECT_EQ(seen.state, NeighborState::reachable);

    const std::vector<std::pair<std::uint16_t, NeighborState>> states{
        {NUD_NONE, NeighborState::none},           {NUD_INCOMPLETE, NeighborState::incomplete},
        {NUD_STALE, NeighborState::stale},         {NUD_DELAY, NeighborState::delay},
        {NUD_PROBE, NeighborState::probe},         {NUD_FAILED, NeighborState::failed},
        {NUD_PERMANENT, NeighborState::permanent}, {NUD_NOARP, NeighborState::none},
    };
    for (const auto& [nud, state] : states) {
        EXPECT_EQ(neighbor(nud).as<NeighborSeen>().state, state) << nud;
    }
}

TEST(DecodeNeighbor, MayHaveNoMac) {
    EXPECT_TRUE(Message(RTM_NEWNEIGH, neighbor_header(NUD_FAILED))
                    .put(NDA_DST, addr("2001:db8::1"))
                    .as<NeighborSeen>()
                    .mac.is_none());
    EXPECT_TRUE(Message(RTM_NEWNEIGH, neighbor_header())
                    .put(NDA_DST, addr("2001:db8::1"))
                    .u32(NDA_LLADDR, 1)
                    .as<NeighborSeen>()
                    .mac.is_none());
}

TEST(DecodeNeighbor, GoneIsGone) {
    EXPECT_EQ(Message(RTM_DELNEIGH, neighbor_header())
                  .put(NDA_DST, addr("2001:db8::1"))
                  .as<NeighborGone>()
                  .address,
              addr("2001:db8::1"));
}

TEST(DecodeNeighbor, ProxiesAndOtherFamiliesAreNoHosts) {
    ndmsg proxy = neighbor_header();
    proxy.ndm_flags = NTF_PROXY;
    for (const int type : {RTM_NEWNEIGH, RTM_DELNEIGH}) {
        EXPECT_FALSE(Message(type, proxy).put(NDA_DST, addr("2001:db8::1")).decode());
        for (const int family : {AF_INET, AF_BRIDGE, AF_UNSPEC}) {
            ndmsg other = neighbor_header();
            other.ndm_family = static_cast<unsigned char>(family);
            EXPECT_FALSE(Message(type, other).put(NDA_DST, addr("2001:db8::1")).decode());
        }
    }
    EXPECT_FALSE(Message(RTM_NEWNEIGH, neighbor_header()).decode()) << "no address";
    EXPECT_FALSE(Message(RTM_NEWNEIGH, neighbor_header()).u32(NDA_DST, 1).decode()) << "short";
}

TEST(DecodeNetlink, OtherTypesDoNotConcernUs) {
    for (const int type : {NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, int{RTM_NEWRULE}, 0xFFFF}) {
        EXPECT_FALSE(Message(type, neighbor_header()).put(NDA_DST, addr("2001:db8::1")).decode());
    }
}

std::vector<Message> samples() {
    std::vector<Message> all;
    all.push_back(neighbor(NUD_STALE));
    all.push_back(on_link_route());
    all.push_back(multipath_route(multipath({{4, true}, {5, false}})));
    all.emplace_back(RTM_NEWADDR, address_header());
    all.back().put(IFA_LOCAL, addr("2001:db8::1")).u32(IFA_FLAGS, IFA_F_PERMANENT);
    all.emplace_back(RTM_NEWLINK, link_header(IFF_UP));
    all.back().put(IFLA_IFNAME, "br0").nest(IFLA_LINKINFO, [](Message& info) {
        info.put(IFLA_INFO_KIND, "bridge");
        info.nest(IFLA_INFO_DATA, [](Message& data) { data.u8(IFLA_BR_MCAST_SNOOPING, 1); });
    });
    return all;
}

/// A copy that ends exactly where the message ends, so that a sanitizer sees a step too far.
std::optional<Event> decode_copy(const std::uint8_t* bytes, std::size_t size) {
    const std::unique_ptr<nlmsghdr[]> copy(
        new nlmsghdr[(size + sizeof(nlmsghdr) - 1) / sizeof(nlmsghdr)]);
    std::memcpy(copy.get(), bytes, size);
    copy[0].nlmsg_len = static_cast<std::uint32_t>(size);
    return decode_netlink(copy[0]);
}

TEST(DecodeNetlink, AMessageCutOffAnywhereLosesNothingButItself) {
    for (Message& message : samples()) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&message.header());
        ASSERT_TRUE(decode_copy(bytes, message.header().nlmsg_len));
        const std::size_t shortest_useful = sizeof(nlmsghdr) + sizeof(ifaddrmsg) + 20;
        for (std::size_t size = sizeof(nlmsghdr); size < message.header().nlmsg_len; ++size) {
            const auto event = decode_copy(bytes, size);
            if (size < shortest_useful && message.header().nlmsg_type != RTM_NEWLINK) {
                EXPECT_FALSE(event) << "type " << message.header().nlmsg_type << " size " << size;
            }
        }
    }
}

TEST(DecodeNetlink, NoiseInThePayloadNeverBreaksWhatAnEventPromises) {
    std::mt19937 random(1);  // NOLINT: the same noise each time
    std::uniform_int_distribution<int> byte(0, 255);
    std::size_t decoded = 0;
    for (Message& message : samples()) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&message.header());
        const std::vector<std::uint8_t> original(bytes, bytes + message.header().nlmsg_len);
        for (int round = 0; round < 20'000; ++round) {
            std::vector<std::uint8_t> noisy = original;
            for (int i = 0; i < 3; ++i) {
                noisy[sizeof(nlmsghdr) + random() % (noisy.size() - sizeof(nlmsghdr))] =
                    static_cast<std::uint8_t>(byte(random));
            }
            const auto event = decode_copy(noisy.data(), noisy.size());
            decoded += event ? 1U : 0U;
            if (!event) {
                continue;
            }
            if (const auto* link = std::get_if<LinkSeen>(&*event)) {
                EXPECT_NE(link->index, 0U);
                EXPECT_THAT(link->name, testing::SizeIs(testing::Lt(IFNAMSIZ)));
            } else if (const auto* route = std::get_if<RouteSeen>(&*event)) {
                EXPECT_NE(route->route.index, 0U);
                EXPECT_THAT(route->route.prefix.length(),
                            testing::AllOf(testing::Ge(1U), testing::Le(127U)));
            } else if (const auto* address = std::get_if<AddressSeen>(&*event)) {
                EXPECT_NE(address->index, 0U);
                EXPECT_LE(address->prefix_length, 128);
            }
        }
    }
    EXPECT_GT(decoded, 10'000U) << "the noise must leave something to look at";
}

}  // namespace
}  // namespace solicitd::io
