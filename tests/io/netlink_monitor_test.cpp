#include "io/netlink_monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "io/event_loop.hpp"
#include "io/fd.hpp"
#include "io/kernel.hpp"
#include "io/multicast_pool.hpp"
#include "io/netlink_decode.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::ElementsAre;

Ipv6Address addr(const std::string& text) {
    return Ipv6Address::parse(text).value();
}

/// The kernel's tables as told by the events: what the core would make of them.
struct World {
    std::map<Ifindex, LinkSeen> links;
    std::map<std::pair<Ifindex, Ipv6Address>, AddressSeen> addresses;
    std::vector<OnLinkRoute> routes;
    std::map<std::pair<Ifindex, Ipv6Address>, NeighborSeen> neighbors;
    std::vector<std::string> brackets;  // "links{", "links}", ...
    std::optional<DumpKind> open;
    std::vector<std::pair<Ifindex, SolicitedNodeGroup>> gone_groups;

    void handle(const Event& event) {
        std::visit([this](const auto& e) { on(e); }, event);
    }
    void on(const LinkSeen& e) { links[e.index] = e; }
    void on(const LinkGone& e) { links.erase(e.index); }
    void on(const AddressSeen& e) { addresses[{e.index, e.address}] = e; }
    void on(const AddressGone& e) { addresses.erase({e.index, e.address}); }
    void on(const RouteSeen& e) {
        if (std::find(routes.begin(), routes.end(), e.route) == routes.end()) {
            routes.push_back(e.route);
        }
    }
    void on(const RouteGone& e) { std::erase(routes, e.route); }
    void on(const NeighborSeen& e) { neighbors[{e.index, e.address}] = e; }
    void on(const NeighborGone& e) { neighbors.erase({e.index, e.address}); }
    void on(const DumpBegin& e) {
        EXPECT_FALSE(open) << "a dump begins inside another";
        open = e.kind;
        brackets.push_back(name(e.kind) + "{");
        switch (e.kind) {  // the dump tells all there is
            case DumpKind::links: links.clear(); break;
            case DumpKind::addresses: addresses.clear(); break;
            case DumpKind::routes: routes.clear(); break;
            case DumpKind::neighbors: neighbors.clear(); break;
        }
    }
    void on(const DumpEnd& e) {
        EXPECT_EQ(open, e.kind);
        open.reset();
        brackets.push_back(name(e.kind) + "}");
    }
    void on(const GroupGone& e) { gone_groups.emplace_back(e.index, e.group); }
    template <typename Other>
    void on(const Other&) {
        ADD_FAILURE() << "netlink tells no such event";
    }

    static std::string name(DumpKind kind) {
        static const char* const kNames[]{"links", "addresses", "routes", "neighbors"};
        return kNames[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] const LinkSeen* link(const std::string& wanted) const {
        for (const auto& [index, seen] : links) {
            if (seen.name == wanted) {
                return &seen;
            }
        }
        return nullptr;
    }
    [[nodiscard]] bool has_address(const std::string& address) const {
        return std::any_of(addresses.begin(), addresses.end(),
                           [&](const auto& entry) { return entry.first.second == addr(address); });
    }
    [[nodiscard]] bool has_route(const std::string& prefix) const {
        return std::any_of(routes.begin(), routes.end(), [&](const OnLinkRoute& route) {
            return route.prefix.to_string() == prefix;
        });
    }
    [[nodiscard]] std::optional<NeighborState> neighbor(const std::string& address) const {
        for (const auto& [key, seen] : neighbors) {
            if (key.second == addr(address)) {
                return seen.state;
            }
        }
        return std::nullopt;
    }
};

class NetlinkMonitorTest : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("ip link add eth9 type veth peer name far9");
    }

    void start(int buffer = NetlinkMonitor::kReceiveBuffer) {
        monitor_.emplace(
            loop_,
            [this](const Event& event) {
                world_.handle(event);
                if (until_ && until_()) {
                    loop_.stop(0);
                }
            },
            buffer);
    }
    /// Runs the loop until an event makes the condition true.
    [[nodiscard]] bool wait(const std::function<bool()>& condition) {
        until_ = condition;
        const bool came = condition() || run_until_stopped(loop_);
        until_ = nullptr;
        return came;
    }
    /// For what comes without an event.
    [[nodiscard]] bool poll(const std::function<bool()>& condition) {
        EventLoop::Timer timer;
        timer = loop_.make_timer(1ms, [&] {
            if (condition()) {
                loop_.stop(0);
            } else {
                timer.set(EventLoop::now() + 1ms);
            }
        });
        timer.set(EventLoop::now());
        return run_until_stopped(loop_);
    }
    [[nodiscard]] bool wait_for_rounds(std::uint64_t rounds) {
        return wait([this, rounds] { return monitor_->counters().dumps >= rounds; });
    }
    void start_and_dump() {
        start();
        monitor_->resync();
        ASSERT_TRUE(wait_for_rounds(1));
    }

    EventLoop loop_;
    World world_;
    std::function<bool()> until_;
    std::optional<NetlinkMonitor> monitor_;
};

TEST_F(NetlinkMonitorTest, ARoundTellsWhatThereIsBracketedAndInOrder) {
    run("ip link set eth9 up; ip link set far9 up;"
        "ip addr add 2001:db8::1/64 dev eth9 nodad;"
        "ip -6 route add 2001:db8:5::/64 dev eth9 proto ra metric 7;"
        "ip -6 route add 2001:db8:6::/64 via 2001:db8::2 dev eth9;"
        "ip -6 neigh add 2001:db8::77 lladdr 02:00:00:00:00:77 dev eth9 nud stale;"
        "ip -6 neigh add proxy 2001:db8::78 dev eth9");
    start_and_dump();

    EXPECT_THAT(world_.brackets, ElementsAre("links{", "links}", "addresses{", "addresses}",
                                             "routes{", "routes}", "neighbors{", "neighbors}"));
    const LinkSeen* link = world_.link("eth9");
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->index, if_nametoindex("eth9"));
    EXPECT_TRUE(link->running);
    EXPECT_EQ(link->mtu, 1500U);
    EXPECT_THAT(output("ip link show eth9"), testing::HasSubstr(link->mac.to_string()));
    EXPECT_TRUE(world_.has_address("2001:db8::1"));
    EXPECT_TRUE(world_.has_route("2001:db8::/64")) << "the address's own";
    EXPECT_TRUE(world_.has_route("2001:db8:5::/64"));
    EXPECT_FALSE(world_.has_route("2001:db8:6::/64")) << "behind a gateway";
    EXPECT_FALSE(world_.has_route("fe80::/64"));
    EXPECT_EQ(world_.neighbor("2001:db8::77"), NeighborState::stale);
    EXPECT_FALSE(world_.neighbor("2001:db8::78")) << "a proxy is no host";
    EXPECT_EQ(monitor_->counters().errors, 0U);
    EXPECT_EQ(monitor_->counters().overruns, 0U);
}

TEST_F(NetlinkMonitorTest, APingIsAnswered) {
    start();
    EXPECT_TRUE(monitor_->answered()) << "nothing was asked";
    for (int i = 0; i < 3; ++i) {
        monitor_->ping();
        EXPECT_FALSE(monitor_->answered()) << "the loop has not run";
        EXPECT_TRUE(poll([this] { return monitor_->answered(); }));
    }
    EXPECT_EQ(monitor_->counters().errors, 0U);
}

TEST_F(NetlinkMonitorTest, APingBesideADumpDisturbsNeither) {
    start();
    monitor_->resync();
    monitor_->ping();
    monitor_->ping();
    ASSERT_TRUE(wait_for_rounds(1));
    EXPECT_TRUE(poll([this] { return monitor_->answered(); }));
    EXPECT_EQ(monitor_->counters().errors, 0U);
}

TEST_F(NetlinkMonitorTest, APingIsAnsweredAfterAnOverrunToo) {
    start(/*buffer=*/1);  // the kernel's minimum: a few messages
    run("ip link set eth9 up; ip link set far9 up");
    run("for i in $(seq 100); do echo route add 2001:db8:$i::/64 dev eth9; done | ip -6 -batch -");
    monitor_->ping();  // its answer finds no room
    EXPECT_TRUE(poll([this] { return monitor_->answered(); }));
    EXPECT_GE(monitor_->counters().overruns, 1U);
}

/// Opens sockets for memberships on eth9, below which nothing else happens.
class GroupGoneTest : public NetlinkMonitorTest {
protected:
    void SetUp() override {
        NetlinkMonitorTest::SetUp();
        const Fd probe(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
        const int group = kMcaddrGroup;
        if (::setsockopt(probe.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) !=
            0) {
            GTEST_SKIP() << "the kernel has no RTNLGRP_IPV6_MCADDR (Linux 6.14)";
        }
        eth9_ = if_nametoindex("eth9");
        start_and_dump();
    }
    /// All that the kernel had to tell until now is read.
    [[nodiscard]] bool catch_up() {
        const std::string marker = "marker" + std::to_string(++markers_);
        run("ip link add " + marker + " type bridge");
        return wait([&] { return world_.link(marker) != nullptr; });
    }

    static constexpr SolicitedNodeGroup kGroup{0xAB0001};
    Ifindex eth9_ = 0;
    MulticastPool pool_;
    int markers_ = 0;
};

TEST_F(GroupGoneTest, AGroupThatNobodyHoldsAnyMoreIsTold) {
    MulticastPool other;
    ASSERT_EQ(pool_.join(eth9_, kGroup), 0);
    ASSERT_EQ(other.join(eth9_, kGroup), 0);
    pool_.leave(eth9_, kGroup);
    ASSERT_TRUE(catch_up());
    EXPECT_THAT(world_.gone_groups, testing::IsEmpty()) << "another socket holds it";
    other.leave(eth9_, kGroup);
    ASSERT_TRUE(catch_up());
    EXPECT_THAT(world_.gone_groups, ElementsAre(testing::Pair(eth9_, kGroup)));
}

TEST_F(GroupGoneTest, OurOwnJoinsWakeNobody) {
    ASSERT_TRUE(catch_up());
    const std::uint64_t before = monitor_->counters().messages;
    ASSERT_TRUE(catch_up());
    const std::uint64_t of_a_marker = monitor_->counters().messages - before;
    for (std::uint32_t i = 0; i < 100; ++i) {
        ASSERT_EQ(pool_.join(eth9_, SolicitedNodeGroup{0xAB0000 + i}), 0);
    }
    ASSERT_TRUE(catch_up());
    EXPECT_EQ(monitor_->counters().messages, before + 2 * of_a_marker);
    EXPECT_THAT(world_.gone_groups, testing::IsEmpty());
}

TEST_F(NetlinkMonitorTest, FollowsALinkThroughItsLife) {
    start_and_dump();
    const auto link_is = [this](const std::function<bool(const LinkSeen&)>& so) {
        return wait([&] {
            const LinkSeen* link = world_.link("eth9");
            return link != nullptr && so(*link);
        });
    };
    EXPECT_FALSE(world_.link("eth9")->running);
    run("ip link set eth9 up; ip link set far9 up");
    EXPECT_TRUE(link_is([](const LinkSeen& link) { return link.running; }));
    run("ip link set far9 down");  // carrier lost
    EXPECT_TRUE(link_is([](const LinkSeen& link) { return !link.running; }));
    run("ip link set eth9 mtu 1200");
    EXPECT_TRUE(link_is([](const LinkSeen& link) { return link.mtu == 1200; }));
    run("ip link set eth9 address 02:00:00:00:00:09");
    EXPECT_TRUE(link_is([](const LinkSeen& link) { return link.mac.bytes[5] == 9; }));
    run("ip link set eth9 down; ip link set eth9 name wan9");
    EXPECT_TRUE(wait([this] { return world_.link("wan9") != nullptr; }));
    run("ip link del wan9");
    EXPECT_TRUE(wait([this] { return world_.link("wan9") == nullptr; }));
}

TEST_F(NetlinkMonitorTest, KnowsBridgesTheirSnoopingAndTheirPorts) {
    run("ip link add br0 type bridge mcast_snooping 1; ip link set br0 up");
    start_and_dump();
    EXPECT_TRUE(world_.link("br0")->snooping_bridge);
    EXPECT_FALSE(world_.link("eth9")->snooping_bridge);

    run("ip link set br0 type bridge mcast_snooping 0");
    EXPECT_TRUE(wait([this] { return !world_.link("br0")->snooping_bridge; }));
    run("ip link set eth9 master br0");
    EXPECT_TRUE(wait([this] { return world_.link("eth9")->bridge == if_nametoindex("br0"); }));
    run("ip link set eth9 nomaster");
    EXPECT_TRUE(wait([this] {
        const LinkSeen* link = world_.link("eth9");
        return link != nullptr && link->bridge == 0;
    })) << "leaving a bridge is not the end of a link";
}

TEST_F(NetlinkMonitorTest, FollowsAddressesRoutesAndNeighbors) {
    run("ip link set eth9 up; ip link set far9 up");
    start_and_dump();
    run("ip addr add 2001:db8::1/64 dev eth9");
    EXPECT_TRUE(wait(
        [this] { return world_.has_address("2001:db8::1") && world_.has_route("2001:db8::/64"); }));
    run("ip -6 neigh add 2001:db8::77 lladdr 02:00:00:00:00:77 dev eth9 nud reachable");
    EXPECT_TRUE(
        wait([this] { return world_.neighbor("2001:db8::77") == NeighborState::reachable; }));
    run("ip -6 neigh del 2001:db8::77 dev eth9");
    EXPECT_TRUE(wait([this] { return !world_.neighbor("2001:db8::77"); }));
    run("ip -6 route add 2001:db8:5::/64 dev eth9 proto ra");
    EXPECT_TRUE(wait([this] { return world_.has_route("2001:db8:5::/64"); }));
    run("ip -6 route del 2001:db8:5::/64 dev eth9 proto ra");
    EXPECT_TRUE(wait([this] { return !world_.has_route("2001:db8:5::/64"); }));
    run("ip addr del 2001:db8::1/64 dev eth9");
    EXPECT_TRUE(wait([this] {
        return !world_.has_address("2001:db8::1") && !world_.has_route("2001:db8::/64");
    }));
}

TEST_F(NetlinkMonitorTest, AnAddressThatFailsDadIsGone) {
    run("ip link set eth9 up; ip link set far9 up;"
        "sysctl -qw net.ipv6.conf.far9.accept_dad=0;"
        "ip addr add 2001:db8::1/64 dev far9 nodad");
    start_and_dump();
    run("ip addr add 2001:db8::1/64 dev eth9");
    const auto on_eth9 = [this] {
        return world_.addresses.count({if_nametoindex("eth9"), addr("2001:db8::1")}) != 0;
    };
    EXPECT_TRUE(wait(on_eth9)) << "tentative";
    EXPECT_TRUE(wait([&] { return !on_eth9(); }));
    EXPECT_THAT(output("ip -6 addr show dev eth9 dadfailed"), testing::HasSubstr("2001:db8::1"));
}

TEST_F(NetlinkMonitorTest, Ipv4AndBridgeNoiseDoesNotReachUs) {
    run("ip link add br0 type bridge; ip link set eth9 master br0; ip link set br0 up;"
        "ip link set eth9 up; ip link set far9 up");
    start_and_dump();
    ASSERT_TRUE(eventually([] {  // IPv6 has come up and says no more
        return output("ip -6 addr show tentative").empty();
    }));
    run("ip -6 neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev br0");
    ASSERT_TRUE(wait([this] { return world_.neighbor("2001:db8::1").has_value(); }));

    const auto before = monitor_->counters().messages;
    run("for i in $(seq 50); do"
        "  echo neigh add 10.0.0.$i lladdr 02:00:00:00:01:01 dev br0;"
        "done | ip -batch -;"
        "for i in $(seq 10 59); do"
        "  echo fdb add 02:00:00:00:02:$i dev eth9 master static;"
        "done | bridge -batch -;"
        "ip -6 neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev br0");
    ASSERT_TRUE(wait([this] { return world_.neighbor("2001:db8::2").has_value(); }));
    EXPECT_LT(monitor_->counters().messages - before, 10U);
}

TEST_F(NetlinkMonitorTest, AnotherResyncMeansAnotherRoundASecondLater) {
    start_and_dump();
    const TimePoint first = EventLoop::now();
    monitor_->resync();
    monitor_->resync();
    ASSERT_TRUE(wait_for_rounds(2));
    EXPECT_GE(EventLoop::now() - first, 500ms);
    EXPECT_EQ(world_.brackets.size(), 16U) << "two wishes, one round";
}

TEST_F(NetlinkMonitorTest, AResyncDuringARoundIsRemembered) {
    start();
    monitor_->resync();
    ASSERT_TRUE(wait([this] { return world_.open == DumpKind::routes; }));
    monitor_->resync();
    ASSERT_TRUE(wait_for_rounds(2));
    EXPECT_EQ(world_.brackets.size(), 16U);
}

std::string neighbor_batch(int count, const std::string& verb) {
    return "for i in $(seq " + std::to_string(count) + "); do printf 'neigh " + verb +
           " 2001:db8::%x lladdr 02:00:00:00:00:01 dev eth9\\n' $i; done | ip -6 -batch -";
}

class NetlinkOverrunTest : public NetlinkMonitorTest {
protected:
    static constexpr int kSmall = 16 * 1024;
    static constexpr int kHosts = 600;

    void SetUp() override {
        NetlinkMonitorTest::SetUp();
        run("ip link set eth9 up; ip link set far9 up");
    }
    [[nodiscard]] std::set<Ipv6Address> told() const {
        std::set<Ipv6Address> all;
        for (const auto& [key, seen] : world_.neighbors) {
            if (seen.state == NeighborState::permanent && key.second.is_global_unicast()) {
                all.insert(key.second);
            }
        }
        return all;
    }
    [[nodiscard]] static std::set<Ipv6Address> kernels() {
        std::set<Ipv6Address> all;
        std::istringstream lines(output("ip -6 neigh show dev eth9 nud permanent"));
        for (std::string line; std::getline(lines, line);) {
            all.insert(addr(line.substr(0, line.find(' '))));
        }
        return all;
    }
};

TEST_F(NetlinkOverrunTest, IsCountedAndEndsEqualToTheKernel) {
    start(kSmall);
    monitor_->resync();
    ASSERT_TRUE(wait_for_rounds(1));
    run(neighbor_batch(kHosts, "add"));  // while nobody reads
    ASSERT_TRUE(wait_for_rounds(2));
    EXPECT_GE(monitor_->counters().overruns, 1U);
    EXPECT_EQ(told(), kernels());
    EXPECT_EQ(told().size(), static_cast<std::size_t>(kHosts));
}

TEST_F(NetlinkOverrunTest, ForgetsWhatWentAwayUnheard) {
    run(neighbor_batch(kHosts, "add"));
    start(kSmall);
    monitor_->resync();
    ASSERT_TRUE(wait_for_rounds(1));
    ASSERT_EQ(told().size(), static_cast<std::size_t>(kHosts));
    run(neighbor_batch(kHosts - 10, "del"));
    ASSERT_TRUE(wait_for_rounds(2));
    EXPECT_GE(monitor_->counters().overruns, 1U);
    EXPECT_EQ(told(), kernels());
    EXPECT_EQ(told().size(), 10U);
}

TEST_F(NetlinkOverrunTest, DuringEachDumpOfARoundDoesNotHangIt) {
    run(neighbor_batch(kHosts, "add"));
    for (const DumpKind kind :
         {DumpKind::links, DumpKind::addresses, DumpKind::routes, DumpKind::neighbors}) {
        SCOPED_TRACE(World::name(kind));
        world_ = World{};
        start(kSmall);
        monitor_->resync();
        ASSERT_TRUE(wait([&] { return world_.open == kind; }));
        run(neighbor_batch(kHosts - 10, "del"));
        run(neighbor_batch(kHosts - 20, "add"));
        ASSERT_TRUE(wait_for_rounds(2));
        EXPECT_GE(monitor_->counters().overruns, 1U);
        EXPECT_EQ(told(), kernels());
        monitor_.reset();
        run(neighbor_batch(kHosts, "replace"));
    }
}

TEST_F(NetlinkOverrunTest, OneASecondHoweverManyOverruns) {
    start(kSmall);
    monitor_->resync();
    ASSERT_TRUE(wait_for_rounds(1));
    const TimePoint begin = EventLoop::now();
    for (int i = 0; i < 5; ++i) {
        run(neighbor_batch(kHosts, i % 2 == 0 ? "add" : "del"));
        const auto before = monitor_->counters().overruns;
        auto turn = loop_.make_timer(1ms, [&] { loop_.stop(0); });
        turn.set(EventLoop::now() + 50ms);
        (void)loop_.run();
        EXPECT_GT(monitor_->counters().overruns, before);
    }
    std::size_t brackets = 0;
    ASSERT_TRUE(wait([&] {  // after the end of some dump of neighbors
        const bool ended =
            world_.brackets.size() != std::exchange(brackets, world_.brackets.size());
        return ended && world_.brackets.back() == "neighbors}" && told() == kernels();
    }));
    const auto seconds = std::chrono::duration<double>(EventLoop::now() - begin).count();
    EXPECT_LE(static_cast<double>(monitor_->counters().dumps), 2.0 + seconds);
    EXPECT_EQ(told().size(), static_cast<std::size_t>(kHosts));
}

}  // namespace
}  // namespace solicitd::io
