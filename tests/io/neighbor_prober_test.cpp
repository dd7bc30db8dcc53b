#include "io/neighbor_prober.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "core/ipv6_packet.hpp"
#include "fakes/nd_packets.hpp"
#include "io/fd.hpp"
#include "io/kernel.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::HasSubstr;

/// A Neighbor Solicitation on its way out.
struct Solicitation {
    bool unicast = false;
    Ipv6Address source;
    std::uint8_t hop_limit = 0;
    std::vector<std::uint8_t> message;
};

/// Sees what leaves through an interface.
class Wire {
public:
    explicit Wire(const std::string& interface)
        : fd_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_protocol = htons(ETH_P_ALL);
        to.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    }

    /// The next NS for the target that we send; nullopt at the deadline.
    [[nodiscard]] std::optional<Solicitation> next(const Ipv6Address& target,
                                                   std::chrono::milliseconds deadline = 3s) const {
        const auto end = std::chrono::steady_clock::now() + deadline;
        for (;;) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd wait{fd_.get(), POLLIN, 0};
            if (left <= 0ms || ::poll(&wait, 1, static_cast<int>(left.count())) != 1) {
                return std::nullopt;
            }
            std::array<std::uint8_t, 2048> packet{};
            sockaddr_ll from{};
            socklen_t from_size = sizeof(from);
            const ssize_t size = ::recvfrom(fd_.get(), packet.data(), packet.size(), 0,
                                            reinterpret_cast<sockaddr*>(&from), &from_size);
            constexpr std::size_t kSource = 8;
            constexpr std::size_t kDestination = 24;
            constexpr std::size_t kIcmp = 40;
            constexpr std::size_t kTarget = kIcmp + 8;
            if (size < 64 || from.sll_pkttype != PACKET_OUTGOING || packet[6] != IPPROTO_ICMPV6 ||
                packet[kIcmp] != ND_NEIGHBOR_SOLICIT ||
                std::memcmp(&packet[kTarget], target.bytes.data(), 16) != 0) {
                continue;
            }
            return Solicitation{packet[kDestination] != 0xFF,
                                load_address(&packet[kSource]),
                                packet[7],
                                {&packet[kIcmp], packet.data() + size}};
        }
    }

private:
    Fd fd_;
};

const Ipv6Address kRouter = address("fe80::1");
constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};

/// lan0 is ours, with fe80::1 and 2001:db8::1; the host is at the other end, in a namespace of its
/// own.
class NeighborProberTest : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("ip netns add host; ip link add lan0 type veth peer name eth0 netns host;"
            "ip link set lan0 address 02:00:00:00:00:01 addrgenmode none;"
            "ip link set lan0 up; ip addr add 2001:db8::1/64 dev lan0 nodad;"
            "ip -n host link set eth0 address 02:00:00:00:00:99;"
            "ip -n host link set eth0 up; ip -n host addr add 2001:db8::99/64 dev eth0 nodad");
        lan_ = if_nametoindex("lan0");
        // Three tries of 1 s, 5 s after the first use, is the kernel's way; less does here.
        run("echo 100 > /proc/sys/net/ipv6/neigh/lan0/retrans_time_ms;"
            "echo 1 > /proc/sys/net/ipv6/neigh/lan0/delay_first_probe_time;"
            "ip addr add fe80::1/64 dev lan0 nodad");
        ASSERT_TRUE(eventually([] { return output("ip -6 addr show tentative").empty(); }));
    }
    void TearDown() override { run("ip netns del host"); }

    /// "STALE", "REACHABLE" or "DELAY", as if the host had been heard of.
    void set_entry(const std::string& state) const {
        const std::string command = "ip -6 neigh replace 2001:db8::99 dev lan0 ";
        const std::string given = state == "REACHABLE" ? "reachable" : "stale";
        run(command + "lladdr 02:00:00:00:00:99 nud " + given);
        if (state == "DELAY") {
            run(command + "use");  // what a packet to a STALE neighbor does
        }
        ASSERT_THAT(entry(), HasSubstr(state));
    }
    void take_host_away() const { run("ip -n host addr del 2001:db8::99/64 dev eth0"); }
    [[nodiscard]] static std::string entry() {
        return output("ip -6 neigh show 2001:db8::99 dev lan0");
    }
    [[nodiscard]] static bool becomes(const std::string& state) {
        return eventually([&] { return entry().find(state) != std::string::npos; });
    }

    /// FAILED, or collected after that: the kernel's table is one for all namespaces, and when
    /// others fill it the collector takes FAILED entries first (kernel: neigh_periodic_work).
    [[nodiscard]] static bool fails() {
        return eventually([] {
            const std::string left = entry();
            return left.empty() || left.find("FAILED") != std::string::npos;
        });
    }

    [[nodiscard]] int probe() { return prober().probe({lan_, host_, kRouter, kMac, {}}); }

    const Ipv6Address host_ = address("2001:db8::99");
    Ifindex lan_ = 0;
    NeighborProber& prober() {
        if (!prober_) {
            prober_.emplace();  // a socket belongs to the namespace in which it is opened
        }
        return *prober_;
    }

private:
    std::optional<NeighborProber> prober_;
};

class KnownNeighbor : public NeighborProberTest, public testing::WithParamInterface<const char*> {};

TEST_P(KnownNeighbor, IsAskedByUnicastAtOnceAndBecomesReachable) {
    set_entry(GetParam());
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    const auto asked = wire.next(host_);
    ASSERT_TRUE(asked);
    EXPECT_TRUE(asked->unicast);
    EXPECT_TRUE(becomes("REACHABLE")) << entry();
}

INSTANTIATE_TEST_SUITE_P(States, KnownNeighbor, testing::Values("STALE", "REACHABLE", "DELAY"));

TEST_F(NeighborProberTest, OneThatIsAwayIsAskedByTheKernelTooAndFails) {
    set_entry("STALE");
    take_host_away();
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    for (int i = 0; i < 1 + 3; ++i) {
        const auto asked = wire.next(host_);
        ASSERT_TRUE(asked) << i;
        EXPECT_TRUE(asked->unicast) << i;
    }
    EXPECT_TRUE(fails()) << entry();
}

// RFC 4861 4.3, 7.1.1, 7.2.2
TEST_F(NeighborProberTest, TheQuestionIsAsTheKernelsOwn) {
    set_entry("STALE");
    take_host_away();
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    const auto ours = wire.next(host_);
    const auto the_kernels = wire.next(host_);
    ASSERT_TRUE(ours && the_kernels);
    EXPECT_EQ(ours->source, kRouter);
    EXPECT_EQ(ours->hop_limit, 255);
    EXPECT_EQ(ours->message, the_kernels->message) << "the source link-layer option included";
    EXPECT_EQ(the_kernels->source, kRouter);
}

TEST_F(NeighborProberTest, WithoutASourceTheKernelChoosesOne) {
    set_entry("STALE");
    const Wire wire("lan0");
    EXPECT_EQ(prober().probe({lan_, host_, Ipv6Address{}, kMac, {}}), 0);
    const auto asked = wire.next(host_);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->source, address("2001:db8::1"));
    EXPECT_TRUE(becomes("REACHABLE")) << entry();
}

TEST_F(NeighborProberTest, AnUnknownHostIsAskedByMulticast) {
    ASSERT_EQ(entry(), "");
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    const auto asked = wire.next(host_);
    ASSERT_TRUE(asked);
    EXPECT_FALSE(asked->unicast);
    EXPECT_TRUE(becomes("REACHABLE")) << entry();
}

TEST_F(NeighborProberTest, AnUnknownHostThatIsAwayFails) {
    take_host_away();
    EXPECT_EQ(probe(), 0);
    EXPECT_THAT(entry(), HasSubstr("INCOMPLETE"));
    EXPECT_TRUE(fails()) << entry();
}

TEST_F(NeighborProberTest, AFailedEntryIsAskedByMulticastAgain) {
    take_host_away();
    ASSERT_EQ(probe(), 0);
    ASSERT_TRUE(fails());
    run("ip -n host addr add 2001:db8::99/64 dev eth0 nodad");
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    const auto asked = wire.next(host_);
    ASSERT_TRUE(asked);
    EXPECT_FALSE(asked->unicast);
    EXPECT_TRUE(becomes("REACHABLE")) << entry();
}

TEST_F(NeighborProberTest, AnEntryBeingResolvedIsLeftToIt) {
    take_host_away();
    ASSERT_EQ(probe(), 0);
    ASSERT_THAT(entry(), HasSubstr("INCOMPLETE"));
    EXPECT_EQ(probe(), 0);
    EXPECT_TRUE(fails()) << entry();
}

TEST_F(NeighborProberTest, APermanentEntryStaysAsItIs) {
    for (const char* state : {"permanent", "noarp"}) {
        run(std::string("ip -6 neigh replace 2001:db8::99 lladdr 02:00:00:00:00:42 dev lan0 nud ") +
            state);
        const std::string before = output("ip -6 neigh show 2001:db8::99 dev lan0 nud all");
        ASSERT_THAT(before, HasSubstr("02:00:00:00:00:42"));
        const Wire wire("lan0");
        EXPECT_EQ(probe(), 0);
        EXPECT_TRUE(wire.next(host_));
        EXPECT_EQ(output("ip -6 neigh show 2001:db8::99 dev lan0 nud all"), before);
    }
}

TEST_F(NeighborProberTest, AProxyEntryIsNoHost) {
    run("ip -6 neigh add proxy 2001:db8::99 dev lan0");
    EXPECT_EQ(probe(), 0);
    EXPECT_TRUE(becomes("REACHABLE")) << entry();
    EXPECT_THAT(output("ip -6 neigh show proxy"), HasSubstr("2001:db8::99"));
}

TEST_F(NeighborProberTest, AHostIsAskedWhereItIsThoughTheRouteLeadsElsewhere) {
    run("ip link add lan1 type veth peer name far1; ip link set lan1 up; ip link set far1 up;"
        "ip route add 2001:db8::/65 dev lan1");
    set_entry("STALE");
    const Wire wire("lan0");
    EXPECT_EQ(probe(), 0);
    EXPECT_TRUE(wire.next(host_));
    EXPECT_TRUE(becomes("REACHABLE")) << entry();

    run("ip route del 2001:db8::/64 dev lan0");
    EXPECT_EQ(probe(), ENETUNREACH);
    EXPECT_EQ(output("ip -6 neigh show dev lan1"), "");
}

// RFC 4861 7.2.2
TEST_F(NeighborProberTest, PastRoutesTheHostItselfIsAskedOrItsGroup) {
    run("ip route del 2001:db8::/64 dev lan0");
    const Wire wire("lan0");
    const MacAddress hosts{{2, 0, 0, 0, 0, 0x99}};
    for (const MacAddress& known : {hosts, MacAddress{}}) {
        SCOPED_TRACE(known.to_string());
        set_entry("STALE");
        EXPECT_EQ(prober().probe_past_routes({lan_, host_, kRouter, kMac, known}), 0);
        const auto asked = wire.next(host_);
        ASSERT_TRUE(asked);
        EXPECT_EQ(asked->unicast, !known.is_none());
        EXPECT_EQ(asked->source, kRouter);
        EXPECT_EQ(asked->hop_limit, 255);
        EXPECT_TRUE(becomes("REACHABLE")) << "the host's Advertisement: " << entry();
    }
    EXPECT_EQ(prober().probe_past_routes({lan_, host_, Ipv6Address{}, kMac, hosts}), EADDRNOTAVAIL);
    EXPECT_EQ(prober().probe_past_routes({9999, host_, kRouter, kMac, hosts}), ENXIO);
    run("ip link set lan0 down");
    EXPECT_EQ(prober().probe_past_routes({lan_, host_, kRouter, kMac, hosts}), ENETDOWN);
}

TEST_F(NeighborProberTest, AnInterfaceThatIsMadeAnewIsAnother) {
    set_entry("STALE");
    EXPECT_EQ(probe(), 0);
    run("ip link del lan0");
    EXPECT_EQ(probe(), ENODEV);
    run("ip link add lan0 type veth peer name far0; ip link set far0 up; ip link set lan0 up;"
        "ip addr add 2001:db8::1/64 dev lan0 nodad; ip addr add fe80::1/64 dev lan0 nodad");
    lan_ = if_nametoindex("lan0");
    EXPECT_EQ(probe(), 0);
}

TEST_F(NeighborProberTest, TellsTheErrno) {
    EXPECT_EQ(prober().probe({9999, host_, kRouter, kMac, {}}), ENODEV);
    EXPECT_EQ(prober().probe({lan_, address("2001:db8:1::1"), kRouter, kMac, {}}), ENETUNREACH);
    EXPECT_EQ(prober().probe({lan_, host_, address("fe80::2"), kMac, {}}), EINVAL);
    run("ip link set lan0 down");
    EXPECT_NE(probe(), 0);
}

}  // namespace
}  // namespace solicitd::io
