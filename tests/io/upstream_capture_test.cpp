#include "io/link_capture.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "fakes/allocations.hpp"
#include "fakes/mld_packets.hpp"
#include "io/neighbor_prober.hpp"
#include "io/wire.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;
using test::address;
using test::Frame;
using test::Packet;
using test::Wire;
using testing::ElementsAre;
using testing::HasSubstr;

const Ipv6Address kHost = address("2001:db8::1234:5678");
const Ipv6Address kHostGroup = address("ff02::1:ff34:5678");
const Ipv6Address kGateway = address("2001:db8::ffff");
const Ipv6Address kQuerier = address("fe80::1");
const Ipv6Address kReporter = address("fe80::51");

/// Asked for last: what was sent before it has come or never will.
const Ipv6Address kFenceTarget = address("2001:db8::f");
const Packet kFence =
    test::neighbor_solicitation(kGateway, address("ff02::1:ff00:f"), kFenceTarget);

std::string text(const QueryHeard& heard) {
    std::ostringstream text;
    text << "MLDv" << static_cast<int>(heard.query.version) << " query by "
         << heard.query.source.to_string() << " for " << heard.query.group.to_string() << " within "
         << heard.query.max_response.count() << " ms, robustness "
         << static_cast<int>(heard.query.robustness) << ", every " << heard.query.interval.count()
         << " s";
    return text.str();
}
std::string text(const GroupReported& reported) {
    return "MLDv" + std::to_string(static_cast<int>(reported.version)) + " report of " +
           reported.group.address().to_string() + " by " + reported.mac.to_string();
}
std::string text(const NeighborAsked& asked) {
    return "NS for " + asked.target.to_string();
}
template <typename Other>
std::string text(const Other& /*event*/) {
    return "an event of another kind";
}

/// One cable: the daemon's upstream is `near`, a gateway or a switch is at `far`.
class UpstreamCapture : public testing::Test {
protected:
    /// What the engine asks for.
    [[nodiscard]] static StartCapture on_near() {
        return {test::index_of("near"), "near", OnUpstream{}};
    }
    [[nodiscard]] PacketCapture capture() {
        const StartCapture what = on_near();
        return open_capture(loop_, what, counters_, [this, near = what.index](const Event& e) {
            std::visit([&](const auto& event) { take(event, near); }, e);
        });
    }

    template <typename Fact>
    void take(const Fact& event, [[maybe_unused]] Ifindex near) {  // as g++ 10 has it
        const std::string what = text(event);
        if constexpr (requires { event.index; }) {
            EXPECT_EQ(event.index, near) << what;
        }
        if (what == awaited_) {
            loop_.stop(0);
        }
        if (what != kFenceText) {
            told_.push_back(what);
        }
    }

    void await(const std::string& wanted) {
        awaited_ = wanted;
        ASSERT_TRUE(test::run_until_stopped(loop_)) << "not told in time: " << wanted;
    }
    void fence(const Wire& wire) {
        wire.send(kFence);
        await(kFenceText);
    }

    const std::string kFenceText = text(NeighborAsked{0, kFenceTarget});
    const test::Cable cable_;
    EventLoop loop_;
    CaptureCounters counters_;
    std::string awaited_;
    std::vector<std::string> told_;
};

TEST_F(UpstreamCapture, TellsWhatOthersAskAndReport) {
    const Wire far("far");
    const PacketCapture capturing = capture();
    far.send(test::query_v2(kQuerier, {}, 4000, 3, 90));
    far.send(test::query_v1(Ipv6Address{}, {}, 2500));
    far.send(Frame{test::report_v1(kReporter, kHostGroup), MacAddress{{2, 0, 0, 0, 0, 7}}});
    far.send(test::neighbor_solicitation(kGateway, kHostGroup, kHost));
    fence(far);
    EXPECT_THAT(
        told_, ElementsAre("MLDv2 query by fe80::1 for :: within 4000 ms, robustness 3, every 90 s",
                           "MLDv1 query by :: for :: within 2500 ms, robustness 0, every 0 s",
                           "MLDv1 report of ff02::1:ff34:5678 by 02:00:00:00:00:07",
                           "NS for 2001:db8::1234:5678"));
    EXPECT_EQ(counters_.mld.messages, 3U);
    EXPECT_EQ(counters_.nd.messages, 2U);
}

TEST_F(UpstreamCapture, PassesOverWhatIsNoConcernThere) {
    const Wire far("far");
    const PacketCapture capturing = capture();
    far.send(test::dad_solicitation(kHost));
    far.send(test::neighbor_advertisement(kHost, address("ff02::1"), kHost));
    far.send(test::report_v1(kReporter, address("ff02::fb")));
    far.send(test::report_v2(kReporter, {test::group_record(test::kIsExclude, kHostGroup)}));
    fence(far);
    EXPECT_THAT(told_, ElementsAre());
}

TEST_F(UpstreamCapture, CountsWhatIsWrongByReason) {
    const Wire far("far");
    const PacketCapture capturing = capture();
    Packet solicitation = test::neighbor_solicitation(kGateway, kHostGroup, kHost);
    solicitation[test::kIcmpAt + 2] ^= 1;
    Packet query = test::query_v2(kQuerier);
    query[test::kMldAt + 2] ^= 1;
    far.send(solicitation);
    far.send(query);
    far.send(test::query_v2(kGateway));
    fence(far);
    EXPECT_THAT(told_, ElementsAre());
    EXPECT_EQ(counters_.nd.defects[static_cast<std::size_t>(NdDefect::checksum)], 1U);
    EXPECT_EQ(counters_.mld.defects[static_cast<std::size_t>(MldDefect::checksum)], 1U);
    EXPECT_EQ(counters_.mld.defects[static_cast<std::size_t>(MldDefect::source)], 1U);
}

// A bridge tells its own settings. In hundredths of a second: an interval of 40 s, a response
// within 5 s.
TEST_F(UpstreamCapture, HearsTheQuerierOfALinuxBridge) {
    test::run("ip netns add switch && ip link set dev far netns switch");
    test::run(
        "ip -n switch link add name br1 type bridge mcast_snooping 1 mcast_query_interval 4000 "
        "mcast_query_response_interval 500 mcast_mld_version 2");
    test::run("ip -n switch link set dev br1 addrgenmode none up");
    test::run("ip -n switch link set dev far master br1 up");
    test::run("ip -n switch address add fe80::1/64 dev br1 nodad");
    const PacketCapture capturing = capture();
    test::run("ip -n switch link set dev br1 type bridge mcast_querier 1");
    await("MLDv2 query by fe80::1 for :: within 5000 ms, robustness 2, every 40 s");
    test::run("ip -n switch link set dev br1 type bridge mcast_querier 0 mcast_mld_version 1");
    test::run("ip -n switch link set dev br1 type bridge mcast_querier 1");
    await("MLDv1 query by fe80::1 for :: within 5000 ms, robustness 0, every 0 s");
}

// What our own kernel says there: a question for a neighbor, and reports of its groups.
TEST_F(UpstreamCapture, HearsNothingOfOurOwn) {
    const Wire far("far");
    const PacketCapture capturing = capture();
    test::run("sysctl -q -w net.ipv6.conf.near.force_mld_version=1");
    test::run("ip address add fe80::2/64 dev near nodad");
    NeighborProber prober;
    test::run("ip route add 2001:db8::/32 dev near");
    ASSERT_EQ(prober.probe({test::index_of("near"), kHost, {}, {}, {}}), 0);
    bool asked = false;
    bool reported = false;
    while (!asked || !reported) {
        const auto packet = far.receive(10s);
        ASSERT_TRUE(packet) << "asked: " << asked << ", reported: " << reported;
        asked = asked || packet->at(test::kIcmpAt) == 135;
        reported = reported || packet->at(test::kMldAt) == test::kMldV1Report;
    }
    fence(far);
    EXPECT_THAT(told_, ElementsAre());
    EXPECT_EQ(counters_.nd.messages, 1U);
    EXPECT_EQ(counters_.mld.messages, 0U);
}

TEST_F(UpstreamCapture, HasTheInterfaceReceiveAllMulticast) {
    const auto link = [] { return test::output("ip -d -o link show dev near"); };
    {
        const PacketCapture capturing = capture();
        EXPECT_EQ(capturing.mode(), CaptureMode::allmulti);
        EXPECT_THAT(link(), HasSubstr(" allmulti 1 "));
    }
    EXPECT_THAT(link(), HasSubstr(" allmulti 0 "));
}

TEST_F(UpstreamCapture, TakesNoMemoryForAMessage) {
    const Wire far("far");
    std::size_t events = 0;
    const PacketCapture capturing =
        open_capture(loop_, on_near(), counters_, [&, this](const Event& event) {
            ++events;
            const auto* asked = std::get_if<NeighborAsked>(&event);
            if (asked != nullptr && asked->target == kFenceTarget) {
                loop_.stop(0);
            }
        });
    const std::vector<Packet> packets = {test::query_v2(kQuerier),
                                         test::report_v1(kReporter, kHostGroup),
                                         test::neighbor_solicitation(kGateway, kHostGroup, kHost),
                                         test::dad_solicitation(kHost), test::query_v2(kGateway)};
    for (int i = 0; i < 60; ++i) {  // fewer than the ring holds
        for (const Packet& packet : packets) {
            far.send(packet);
        }
    }
    far.send(kFence);
    const std::size_t before = test::allocations();
    loop_.run();
    const std::size_t after = test::allocations();
    EXPECT_GT(before, 0U);  // the counter counts
    EXPECT_EQ(after, before);
    EXPECT_EQ(events, 181U);
}

}  // namespace
}  // namespace solicitd::io
