#include "io/link_capture.hpp"

#include <gmock/gmock.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "fakes/allocations.hpp"
#include "fakes/mld_packets.hpp"
#include "io/bridge_mcast_router.hpp"
#include "io/capture_mode.hpp"
#include "io/wire.hpp"

namespace solicitd {

bool operator==(const HostSeen& a, const HostSeen& b) {
    return a.index == b.index && a.address == b.address && a.mac == b.mac &&
           a.evidence == b.evidence;
}
bool operator==(const GroupReported& a, const GroupReported& b) {
    return a.index == b.index && a.group == b.group && a.version == b.version && a.mac == b.mac;
}
void PrintTo(const HostSeen& seen, std::ostream* out) {
    *out << seen.address.to_string() << " by " << to_string(seen.evidence) << " from "
         << seen.mac.to_string() << " on " << seen.index;
}
void PrintTo(const GroupReported& reported, std::ostream* out) {
    *out << reported.group.address().to_string() << " by MLDv" << static_cast<int>(reported.version)
         << " from " << reported.mac.to_string() << " on " << reported.index;
}

namespace io {
namespace {

using namespace std::chrono_literals;
using test::address;
using test::Frame;
using test::Packet;
using test::Wire;
using testing::ElementsAre;

const Ipv6Address kHost = address("2001:db8::1234:5678");
const Ipv6Address kOther = address("2001:db8::abcd:ef01");
const Ipv6Address kHostGroup = address("ff02::1:ff34:5678");
const Ipv6Address kOtherGroup = address("ff02::1:ffcd:ef01");
const Ipv6Address kMdnsGroup = address("ff02::fb");
const Ipv6Address kReporter = address("fe80::51");
const Ipv6Address kAllNodes = address("ff02::1");
const MacAddress kMac{{2, 0, 0, 0, 0, 1}};

/// A padding, as it were, of 800 bytes: of no type that is known.
const Packet kLongOption = [] {
    Packet option(800, 0);
    option[0] = 250;
    option[1] = 100;
    return option;
}();

Packet listens(const Ipv6Address& group) {
    return test::group_record(test::kIsExclude, group);
}

/// Comes through every bridge, filter and mode, and tells that what was sent before it has come
/// or never will.
const Ipv6Address kFenceSource = address("fe80::f");
const Packet kFence = test::neighbor_solicitation(kFenceSource, kAllNodes, kOther);

class DownstreamCapture : public testing::Test {
protected:
    DownstreamCapture() { test::require_sandbox(); }
    ~DownstreamCapture() override { test::run("ip -all netns delete"); }

    /// What the engine asks for.
    [[nodiscard]] static StartCapture on(const std::string& interface, OnDownstream how = {}) {
        return {test::index_of(interface), interface, how};
    }
    [[nodiscard]] PacketCapture capture(const StartCapture& what) {
        return open_capture(loop_, what, counters_, [this](const Event& event) {
            if (const auto* host = std::get_if<HostSeen>(&event)) {
                take(*host);
            } else {
                take(std::get<GroupReported>(event));
            }
        });
    }
    [[nodiscard]] PacketCapture capture(const std::string& interface) {
        return capture(on(interface));
    }
    [[nodiscard]] PacketCapture capture_bridge(CaptureMode mode) {
        return capture(on("br0", {mode, true, true}));
    }

    void take(const HostSeen& host) {
        if (host.address == awaited_) {
            loop_.stop(0);
        }
        if (host.address != kFenceSource) {
            seen_.push_back(host);
        }
    }
    void take(const GroupReported& group) {
        if (group.group == awaited_group_) {
            loop_.stop(0);
        }
        reported_.push_back(group);
    }

    /// Runs the loop until evidence of the address comes.
    void await(const Ipv6Address& wanted) {
        awaited_ = wanted;
        ASSERT_TRUE(test::run_until_stopped(loop_))
            << "no evidence of " << wanted.to_string() << " in time";
    }
    void await(const SolicitedNodeGroup& wanted) {
        awaited_group_ = wanted;
        ASSERT_TRUE(test::run_until_stopped(loop_))
            << "no report of " << wanted.address().to_string() << " in time";
    }
    void fence(const Wire& wire) {
        wire.send(kFence);
        await(kFenceSource);
    }

    /// The CPU time of 300 ms of the loop: it is what spinning would take.
    [[nodiscard]] std::chrono::milliseconds busy_while_idle() {
        auto end = loop_.make_timer(1ms, [this] { loop_.stop(0); });
        end.set(EventLoop::now() + 300ms);
        const std::clock_t before = std::clock();
        loop_.run();
        return std::chrono::milliseconds((std::clock() - before) * 1000 / CLOCKS_PER_SEC);
    }

    [[nodiscard]] std::uint64_t defects(NdDefect defect) const {
        return counters_.nd.defects[static_cast<std::size_t>(defect)];
    }

    [[nodiscard]] std::uint64_t defects(MldDefect defect) const {
        return counters_.mld.defects[static_cast<std::size_t>(defect)];
    }

    EventLoop loop_;
    CaptureCounters counters_;
    Ipv6Address awaited_;
    std::optional<SolicitedNodeGroup> awaited_group_;
    std::vector<HostSeen> seen_;
    std::vector<GroupReported> reported_;
};

class DownstreamCaptureOnACable : public DownstreamCapture {
    const test::Cable cable_;
};

TEST_F(DownstreamCaptureOnACable, SeesTheKernelOfANewHostDoDad) {
    test::run("ip netns add host");
    test::run("ip link set dev far netns host");
    test::run("ip -n host link set dev far address 02:00:00:00:00:01");
    const PacketCapture capturing = capture("near");
    test::run("ip -n host link set dev far up");
    test::run("ip -n host address add 2001:db8::1234:5678/64 dev far");
    await(kHost);
    const HostSeen expected{test::index_of("near"), kHost, kMac, Evidence::dad_solicitation};
    EXPECT_THAT(seen_, testing::Contains(expected));
}

TEST_F(DownstreamCaptureOnACable, TellsWhatEachMessageProves) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    far.send(Frame{test::dad_solicitation(kHost), kMac});
    far.send(Frame{test::neighbor_solicitation(kHost, kOtherGroup, kOther), kMac});
    far.send(Frame{test::neighbor_advertisement(kOther, kAllNodes, kOther), kMac});
    fence(far);
    const Ifindex near = test::index_of("near");
    EXPECT_THAT(seen_, ElementsAre(HostSeen{near, kHost, kMac, Evidence::dad_solicitation},
                                   HostSeen{near, kHost, kMac, Evidence::solicitation},
                                   HostSeen{near, kOther, kMac, Evidence::advertisement}));
    EXPECT_EQ(counters_.nd.messages, 4U);
}

TEST_F(DownstreamCaptureOnACable, TellsTheSolicitedNodeGroupsOfAReport) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    far.send(Frame{test::report_v2(
                       kReporter, {listens(kHostGroup), listens(kMdnsGroup), listens(kOtherGroup)}),
                   kMac});
    far.send(Frame{test::report_v1(kReporter, kOtherGroup), kMac});
    far.send(Frame{test::report_v1(kReporter, kMdnsGroup), kMac});
    fence(far);
    const Ifindex near = test::index_of("near");
    const auto host = SolicitedNodeGroup::of(kHost);
    const auto other = SolicitedNodeGroup::of(kOther);
    EXPECT_THAT(reported_, ElementsAre(GroupReported{near, host, MldVersion::v2, kMac},
                                       GroupReported{near, other, MldVersion::v2, kMac},
                                       GroupReported{near, other, MldVersion::v1, kMac}));
    EXPECT_EQ(counters_.mld.messages, 3U);
    EXPECT_EQ(counters_.nd.messages, 1U);
}

TEST_F(DownstreamCaptureOnACable, ReadsNoReportsUnlessAsked) {
    const Wire far("far");
    const PacketCapture capturing = capture(on("near", {CaptureMode::automatic, false, false}));
    far.send(test::report_v2(kReporter, {listens(kHostGroup)}));
    far.send(test::report_v1(kReporter, kHostGroup));
    fence(far);
    EXPECT_THAT(reported_, testing::IsEmpty());
    EXPECT_EQ(counters_.mld.messages, 0U);
}

TEST_F(DownstreamCaptureOnACable, CountsWhatIsWrongWithReportsByReason) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    const Packet report = test::report_v2(kReporter, {listens(kHostGroup)});
    Packet broken = report;
    broken[test::kMldAt + 2] ^= 1;
    Packet without_options = report;
    without_options[test::kNextHeaderAt] = 58;
    without_options.erase(without_options.begin() + test::kIcmpAt,
                          without_options.begin() + test::kMldAt);
    test::fix_length(without_options);
    far.send(broken);
    far.send(broken);
    far.send(without_options);
    far.send(test::report_v2(kHost, {listens(kHostGroup)}));
    fence(far);
    EXPECT_THAT(reported_, testing::IsEmpty());
    EXPECT_EQ(counters_.mld.messages, 0U);
    EXPECT_EQ(defects(MldDefect::checksum), 2U);
    EXPECT_EQ(defects(MldDefect::router_alert), 1U);
    EXPECT_EQ(defects(MldDefect::source), 1U);
}

TEST_F(DownstreamCaptureOnACable, CountsWhatIsWrongByReason) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    Packet broken = test::dad_solicitation(kHost);
    broken[test::kIcmpAt + 2] ^= 1;
    far.send(broken);
    far.send(broken);
    far.send(test::fragmented(test::dad_solicitation(kHost)));
    far.send(test::dad_solicitation(kHost, Packet(8, 0)));
    fence(far);
    EXPECT_TRUE(seen_.empty());
    EXPECT_EQ(counters_.nd.messages, 1U);
    EXPECT_EQ(defects(NdDefect::checksum), 2U);
    EXPECT_EQ(defects(NdDefect::fragmented), 1U);
    EXPECT_EQ(defects(NdDefect::option_length), 1U);
}

TEST_F(DownstreamCaptureOnACable, ReadsLongMessagesAmongShortOnes) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    std::vector<Packet> records(60, listens(kMdnsGroup));
    records.push_back(listens(kOtherGroup));
    far.send(test::dad_solicitation(kHost, kLongOption));
    far.send(test::dad_solicitation(kHost));
    far.send(test::report_v2(kReporter, records));
    far.send(test::dad_solicitation(kOther, kLongOption));
    fence(far);
    ASSERT_EQ(seen_.size(), 3U);
    EXPECT_EQ(seen_[0].address, kHost);
    EXPECT_EQ(seen_[1].address, kHost);
    EXPECT_EQ(seen_[2].address, kOther);
    ASSERT_EQ(reported_.size(), 1U);
    EXPECT_EQ(reported_[0].group, SolicitedNodeGroup::of(kOther));
    EXPECT_EQ(counters_.dropped, 0U);
}

// The error that tells of it comes before the rest of the message.
TEST_F(DownstreamCaptureOnACable, ReadsALongMessageOfALinkThatWentDown) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    far.send(test::dad_solicitation(kHost, kLongOption));
    test::run("ip link set dev near down");
    await(kHost);
    EXPECT_LT(busy_while_idle(), 20ms);

    test::bring_up("near");
    far.send(test::dad_solicitation(kOther, kLongOption));
    await(kOther);
}

TEST_F(DownstreamCaptureOnACable, CountsLongMessagesThatFoundNoRoom) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    for (int i = 0; i < 1000; ++i) {
        far.send(test::dad_solicitation(kHost, kLongOption));
    }
    fence(far);
    EXPECT_GT(counters_.nd.messages, 10U);
    EXPECT_GT(counters_.dropped, 10U);
    EXPECT_EQ(counters_.nd.messages + counters_.dropped, 1001U);
}

TEST_F(DownstreamCaptureOnACable, CountsWhatIsTooLongAsTruncated) {
    test::run("ip link set dev near mtu 4000 && ip link set dev far mtu 4000");
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    far.send(test::dad_solicitation(kHost, Packet(3000, 1)));
    fence(far);
    EXPECT_TRUE(seen_.empty());
    EXPECT_EQ(defects(NdDefect::truncated), 1U);
}

// A packet of a container or a guest on this machine: its checksum is left to the hardware, which
// it never reaches.
TEST_F(DownstreamCaptureOnACable, TrustsAChecksumThatTheKernelHasNotFilledIn) {
    const PacketCapture capturing = capture("near");
    const Wire far("far");
    Packet unfinished = test::dad_solicitation(kHost);
    unfinished[test::kIcmpAt + 2] ^= 1;
    far.send(unfinished);
    fence(far);
    EXPECT_EQ(defects(NdDefect::checksum), 1U);

    far.send_unfinished(Frame{unfinished});
    fence(far);
    EXPECT_EQ(seen_.size(), 1U);
    EXPECT_EQ(defects(NdDefect::checksum), 1U);
}

TEST_F(DownstreamCaptureOnACable, TakesNoMemoryForAMessage) {
    const Wire far("far");
    std::size_t hosts = 0;
    std::size_t groups = 0;
    const PacketCapture capturing =
        open_capture(loop_, on("near"), counters_, [&, this](const Event& event) {
            if (const auto* host = std::get_if<HostSeen>(&event)) {
                ++hosts;
                if (host->address == kFenceSource) {
                    loop_.stop(0);
                }
            } else {
                ++groups;
            }
        });
    Packet broken = test::dad_solicitation(kHost);
    broken[test::kIcmpAt + 2] ^= 1;
    const Packet report = test::report_v2(kReporter, {listens(kHostGroup), listens(kOtherGroup)});
    for (int i = 0; i < 200; ++i) {
        far.send(test::dad_solicitation(kHost));
        far.send(broken);
        far.send(report);
    }
    far.send(kFence);
    const std::size_t before = test::allocations();
    loop_.run();
    const std::size_t after = test::allocations();
    EXPECT_GT(before, 0U);  // the counter counts
    EXPECT_EQ(after, before);
    EXPECT_EQ(hosts, 201U);
    EXPECT_EQ(groups, 400U);
    EXPECT_EQ(defects(NdDefect::checksum), 200U);
}

TEST_F(DownstreamCaptureOnACable, AFloodLeavesTheLoopTimeForOthers) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    for (int i = 0; i < 1000; ++i) {
        far.send(test::dad_solicitation(kHost));
    }
    std::uint64_t read_before_timer = 0;
    auto timer = loop_.make_timer(1us, [&] { read_before_timer = counters_.nd.messages; });
    timer.set(EventLoop::now());
    fence(far);
    EXPECT_EQ(counters_.nd.messages, 1001U);
    EXPECT_LT(read_before_timer, 300U);
}

TEST_F(DownstreamCaptureOnACable, CountsWhatTheKernelDropped) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    std::uint64_t sent = 20'000;
    for (std::uint64_t i = 0; i < sent; ++i) {
        far.send(test::dad_solicitation(kHost));
    }
    // A fence that comes while the queue is full is lost, too.
    EventLoop::Timer retry = loop_.make_timer(1us, [&] {
        far.send(kFence);
        ++sent;
        retry.set(EventLoop::now() + 20ms);
    });
    retry.set(EventLoop::now());
    await(kFenceSource);
    EXPECT_GT(counters_.dropped, 0U);
    EXPECT_EQ(counters_.nd.messages + counters_.dropped, sent);
}

TEST_F(DownstreamCaptureOnACable, ALinkThatGoesDownDoesNotSpinAndIsHeardAgain) {
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    fence(far);
    test::run("ip link set dev near down");

    EXPECT_LT(busy_while_idle(), 20ms);

    test::bring_up("near");
    far.send(test::dad_solicitation(kHost));
    await(kHost);
}

TEST_F(DownstreamCaptureOnACable, StaysSilentWhenTheInterfaceIsDeleted) {
    const PacketCapture capturing = capture("near");
    test::run("ip link delete near");
    EXPECT_LT(busy_while_idle(), 20ms);
}

TEST_F(DownstreamCaptureOnACable, TellsThatItHearsNothingAnyMoreWhenAnotherInterfaceHasTheIndex) {
    const Ifindex index = test::index_of("near");
    bool unbound = false;
    const PacketCapture capturing = open_capture(
        loop_, on("near"), counters_, [](const Event&) {},
        [&] {
            unbound = true;
            loop_.stop(0);
        });
    test::run("ip link delete near");
    test::run("ip link add name near index " + std::to_string(index) + " type veth peer name far");
    EXPECT_TRUE(test::run_until_stopped(loop_));
    EXPECT_TRUE(unbound);
}

TEST_F(DownstreamCaptureOnACable, IgnoresPacketsOfOtherVlansAndOfInterfacesOnTop) {
    const MacAddress top{{2, 0, 0, 0, 0, 0x77}};
    test::run("ip link add link near name top address " + top.to_string() + " type macvlan");
    test::run("ip link set dev top addrgenmode none up");
    const Wire far("far");
    const PacketCapture capturing = capture("near");
    test::Frame to_top{test::dad_solicitation(kOther)};
    to_top.destination = top;
    test::Frame tagged{test::dad_solicitation(kHost)};
    tagged.vlan = 20;
    far.send(to_top);
    far.send(tagged);
    fence(far);
    EXPECT_THAT(seen_, testing::IsEmpty());
}

TEST_F(DownstreamCaptureOnACable, AnInterfaceThatIsNotThereIsRefusedByName) {
    try {
        const PacketCapture capturing = capture(StartCapture{4711, "lan9", OnDownstream{}});
        FAIL() << "captures on nothing";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENODEV);
        EXPECT_THAT(error.what(), testing::HasSubstr("lan9"));
    }
}

TEST_F(DownstreamCaptureOnACable, StartsOnALinkThatIsDown) {
    test::run("ip link set dev near down");
    const PacketCapture capturing = capture("near");
    test::bring_up("near");
    const Wire far("far");
    far.send(test::dad_solicitation(kHost));
    await(kHost);
}

/// br0, where the daemon listens, snoops and has a querier; hosts at `host1` and `host2`.
class DownstreamCaptureOnASnoopingBridge : public DownstreamCapture {
protected:
    DownstreamCaptureOnASnoopingBridge() {
        test::run(
            "ip link add name br0 type bridge forward_delay 0 mcast_snooping 1 "
            "mcast_query_response_interval 10");
        test::run("ip link set dev br0 up");
        for (const std::string number : {"1", "2"}) {
            test::run("ip link add name port" + number + " type veth peer name host" + number);
            test::run("ip link set dev port" + number + " master br0 up");
            test::run("ip link set dev host" + number + " addrgenmode none up");
        }
        // A querier needs an address, and its timers set, before it starts: else it prunes late.
        test::run("ip address add fe80::1/64 dev br0 nodad");
        test::run("ip link set dev br0 type bridge mcast_querier 1");
        await_pruning();
    }
    ~DownstreamCaptureOnASnoopingBridge() override {
        test::run("ip link delete host1 && ip link delete host2 && ip link delete br0");
    }

    /// The fault that capturing is there for: a plain listener sees no DAD.
    void await_pruning() {
        const Wire host("host1");
        const Wire plain("br0");
        const auto pruned = [&] {
            host.send(dad_);
            host.send(kFence);
            return !plain.sees_before(dad_, kFence);
        };
        ASSERT_TRUE(test::eventually(pruned, 20s)) << "the bridge does not prune";
    }

    const Packet dad_ = test::dad_solicitation(kHost);
};

TEST_F(DownstreamCaptureOnASnoopingBridge, AllmultiSeesDad) {
    utsname system{};
    uname(&system);
    if (parse_kernel_release(system.release).value_or(KernelVersion{}) < kBridgeHonorsAllmulti) {
        GTEST_SKIP() << "bridges honor ALLMULTI from Linux 6.16 on, this is " << system.release;
    }
    const Wire host("host1");
    const PacketCapture capturing = capture_bridge(CaptureMode::automatic);
    EXPECT_EQ(capturing.mode(), CaptureMode::allmulti);
    host.send(dad_);
    fence(host);
    EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(DownstreamCaptureOnASnoopingBridge, McastRouterSeesDadAndIsPutBack) {
    const Wire host("host1");
    {
        const PacketCapture capturing = capture_bridge(CaptureMode::mcast_router);
        EXPECT_EQ(capturing.mode(), CaptureMode::mcast_router);
        EXPECT_EQ(read_mcast_router(test::index_of("br0")), McastRouter::always);
        host.send(dad_);
        fence(host);
        EXPECT_EQ(seen_.size(), 1U);
    }
    EXPECT_EQ(read_mcast_router(test::index_of("br0")), McastRouter::learn);
    await_pruning();
}

/// The kernel of a host behind `host1` that says nothing by ND, only by MLD in the given version.
class KernelReportsOnASnoopingBridge : public DownstreamCaptureOnASnoopingBridge,
                                       public testing::WithParamInterface<MldVersion> {
protected:
    KernelReportsOnASnoopingBridge() {
        const auto version = std::to_string(static_cast<int>(GetParam()));
        test::run("ip netns add host && ip link set dev host1 netns host");
        test::run("ip netns exec host sysctl -q -w net.ipv6.conf.host1.force_mld_version=" +
                  version);
        test::run("ip -n host link set dev host1 address 02:00:00:00:00:01 up");
    }
    ~KernelReportsOnASnoopingBridge() override {
        test::run("ip -n host link set dev host1 netns 1 && ip link set dev host1 up");
    }
};
INSTANTIATE_TEST_SUITE_P(DownstreamCapture, KernelReportsOnASnoopingBridge,
                         testing::Values(MldVersion::v1, MldVersion::v2), [](const auto& version) {
                             return "Version" + std::to_string(static_cast<int>(version.param));
                         });

TEST_P(KernelReportsOnASnoopingBridge, AreSeen) {
    const auto group = SolicitedNodeGroup::of(kHost);
    for (const CaptureMode mode : {CaptureMode::automatic, CaptureMode::mcast_router}) {
        const PacketCapture capturing = capture_bridge(mode);
        test::run("ip -n host address add " + kHost.to_string() + "/64 dev host1 nodad");
        await(group);
        // What it says of its link-local address is no matter here.
        EXPECT_THAT(seen_, testing::Each(testing::Field(&HostSeen::address, testing::Ne(kHost))));
        const GroupReported expected{test::index_of("br0"), group, GetParam(), kMac};
        EXPECT_THAT(reported_, testing::Contains(expected));
        test::run("ip -n host address delete " + kHost.to_string() + "/64 dev host1");
        reported_.clear();
    }
}

TEST_F(DownstreamCaptureOnASnoopingBridge, OnlyPromiscSeesWhatTwoHostsSayToEachOther) {
    const Wire host1("host1");
    const Wire host2("host2");
    const MacAddress mac2{{2, 0, 0, 0, 0, 2}};
    host2.send(Frame{kFence, mac2});  // the bridge learns where host2 is
    Frame answer{test::neighbor_advertisement(kHost, kOther, kHost, test::kSolicitedFlag), kMac};
    answer.destination = mac2;
    {
        const PacketCapture capturing = capture_bridge(CaptureMode::mcast_router);
        host1.send(answer);
        fence(host1);
        EXPECT_TRUE(seen_.empty());
    }
    const PacketCapture capturing = capture_bridge(CaptureMode::promisc);
    EXPECT_EQ(capturing.mode(), CaptureMode::promisc);
    host1.send(answer);
    host1.send(dad_);
    fence(host1);
    const Ifindex bridge = test::index_of("br0");
    EXPECT_EQ(seen_.size(), 2U);
    EXPECT_THAT(seen_, testing::Contains(HostSeen{bridge, kHost, kMac, Evidence::advertisement}));
}

TEST_F(DownstreamCaptureOnASnoopingBridge, McastRouterOnWhatIsNoBridgeIsAllmulti) {
    const PacketCapture capturing = capture(on("port1", {CaptureMode::mcast_router, false, true}));
    EXPECT_EQ(capturing.mode(), CaptureMode::allmulti);
}

}  // namespace
}  // namespace io
}  // namespace solicitd
