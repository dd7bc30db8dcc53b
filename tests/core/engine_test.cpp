#include "core/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <set>
#include <vector>

#include "engine_fixture.hpp"
#include "fakes/allocations.hpp"

namespace solicitd::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Ipv6Address kTwin = address("2001:db8:1::9934:5678");  // of the same group
const Ipv6Address kForeign = address("2001:db8:9::42");

Ipv6Prefix prefix(std::string_view text) {
    return Ipv6Prefix::parse(text).value();
}

// Evidence

TEST_F(EngineTest, JoinsNothingBeforeTheFirstRoundOfDumpsIsThrough) {
    kernel.set_neighbor("br0", kHost, NeighborState::stale, FakeKernel::mac_of(kHost));
    kernel.notifications.clear();
    for (const DumpKind kind :
         {DumpKind::links, DumpKind::addresses, DumpKind::routes, DumpKind::neighbors}) {
        kernel.dump(kind);
        const Event last = kernel.notifications.back();
        kernel.notifications.pop_back();
        world.pump();
        EXPECT_THAT(world.all<JoinGroup>(), IsEmpty());
        EXPECT_FALSE(world.engine->ready());
        world.handle(last);
    }
    EXPECT_THAT(world.all<JoinGroup>(), SizeIs(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(world.engine->ready());
}

TEST_F(RunningEngineTest, ADadSolicitationIsJoinedAtOnce) {
    hear(kHost, Evidence::dad_solicitation);
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(state(kHost), "tentative");
    EXPECT_EQ(world.count(NoticeKind::joined), 1U);
    EXPECT_EQ(world.count(NoticeKind::host_confirmed), 0U);
    hear(kHost, Evidence::advertisement);
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_EQ(world.count(NoticeKind::host_confirmed), 1U);
    EXPECT_THAT(world.all<JoinGroup>(), SizeIs(1));
}

TEST_F(RunningEngineTest, NeighborStatesProveWhatTheyProve) {
    const auto admits = [&](const char* host, NeighborState neighbor) {
        kernel.set_neighbor("br0", address(host), neighbor);
        world.pump();
        return state(address(host));
    };
    EXPECT_EQ(admits("2001:db8:1::1:1", NeighborState::reachable), "confirmed");
    EXPECT_EQ(admits("2001:db8:1::1:2", NeighborState::permanent), "confirmed");
    EXPECT_EQ(admits("2001:db8:1::1:3", NeighborState::stale), "confirmed");
    EXPECT_EQ(admits("2001:db8:1::1:4", NeighborState::incomplete), "unknown");
    EXPECT_EQ(admits("2001:db8:1::1:5", NeighborState::failed), "unknown");
    EXPECT_EQ(admits("fe80::1:6", NeighborState::reachable), "unknown");
}

TEST_F(EngineTest, AStaleEntryOfADumpIsOnlyAClaim) {
    kernel.set_neighbor("br0", kHost, NeighborState::stale);
    world.start();
    EXPECT_EQ(state(kHost), "tentative");
    EXPECT_TRUE(held(kHost));
    world.run_for(HostLife::kConfirmWithin + seconds(1));
    EXPECT_FALSE(world.all<ProbeHost>().empty());
}

TEST_F(RunningEngineTest, ADumpThatWasGivenUpEndsWithTheNext) {
    world.handle(DumpBegin{DumpKind::neighbors});
    world.handle(DumpBegin{DumpKind::links});
    kernel.set_neighbor("br0", kHost, NeighborState::stale);
    world.pump();
    EXPECT_EQ(state(kHost), "confirmed") << "a notification, though no dump of neighbors has ended";
}

TEST_F(RunningEngineTest, AJoinIsNotToldForAHostThatHasGone) {
    Ipv6Address twin = kHost;
    twin.bytes[8] = 9;
    kernel.set_neighbor("br0", kHost, NeighborState::permanent);
    world.pump();
    appear(twin);
    kernel.remove_neighbor("br0", kHost);
    world.run_for(hours(1));
    ASSERT_EQ(state(kHost), "unknown");
    ASSERT_TRUE(held(twin));
    world.log.clear();
    kernel.delete_link("eth9");
    kernel.create_link("eth9");
    kernel.add_address("eth9", kRouter, 64);
    world.run_for(seconds(3));
    ASSERT_EQ(world.count(NoticeKind::joined), 1U);
    for (const Notice& told : world.notices()) {
        EXPECT_NE(told.host, kHost);
    }
}

TEST_F(RunningEngineTest, NothingIsLearnedFromOurOwnMacOrTheUpstream) {
    kernel.frame("br0", kHost, kernel.link("br0")->mac, Evidence::advertisement);
    world.pump();
    world.handle(
        HostSeen{kernel.index("eth9"), kHost, FakeKernel::mac_of(kHost), Evidence::solicitation});
    world.handle(NeighborSeen{kernel.index("eth9"), kHost, {}, NeighborState::reachable});
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_THAT(kernel.memberships(), IsEmpty());
    EXPECT_EQ(world.snapshot().counters.at("evidence.own-mac"), 1U);
}

TEST_F(RunningEngineTest, TheRoutersOwnAddressIsAHostWhileItExists) {
    const Ipv6Address own = address("2001:db8:1::2");
    kernel.add_address("br0", own, 64);
    world.pump();
    EXPECT_EQ(state(own), "own");
    EXPECT_TRUE(held(own));
    world.run_for(hours(24));
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
    EXPECT_TRUE(held(own));
    kernel.remove_address("br0", own);
    world.pump();
    EXPECT_EQ(state(own), "unknown");
    EXPECT_FALSE(held(own));
}

TEST_F(RunningEngineTest, AKnownHostsPacketAllocatesNothing) {
    appear(kHost);
    const Event event =
        HostSeen{kernel.index("br0"), kHost, FakeKernel::mac_of(kHost), Evidence::solicitation};
    Actions actions;
    const std::size_t before = allocations();
    for (int i = 0; i < 1000; ++i) {
        world.engine->handle(event, world.now + milliseconds(i), actions);
    }
    EXPECT_EQ(allocations(), before);
    EXPECT_GT(before, 0U) << "they are counted";
    EXPECT_THAT(actions, IsEmpty());
}

// Prefixes

TEST_F(RunningEngineTest, AForeignHostIsRememberedAndJoinedWhenItsPrefixComes) {
    appear(kForeign);
    EXPECT_EQ(state(kForeign), "confirmed");
    EXPECT_FALSE(held(kForeign));
    kernel.add_route("eth9", prefix("2001:db8:9::/64"));
    world.pump();
    EXPECT_TRUE(held(kForeign));
    EXPECT_EQ(world.count(NoticeKind::prefix_added), 1U);
    kernel.add_route("eth9", prefix("2001:db8:9::/64"));
    world.pump();
    EXPECT_EQ(world.count(NoticeKind::prefix_added), 1U) << "the same RA again is no news";
    kernel.remove_route("eth9", prefix("2001:db8:9::/64"));
    world.pump();
    EXPECT_FALSE(held(kForeign));
    EXPECT_EQ(world.count(NoticeKind::prefix_removed), 1U);
    EXPECT_EQ(state(kForeign), "confirmed");
}

TEST_F(RunningEngineTest, ARenumberingActsAtOnceAndAFlapFourTimesASecond) {
    const Ipv6Prefix flapping = prefix("2001:db8:9::/64");
    appear(kForeign);
    world.run_for(minutes(1));
    world.log.clear();
    kernel.add_route("eth9", prefix("2001:db8:7::/64"));
    kernel.add_route("eth9", flapping);
    world.pump();
    EXPECT_TRUE(held(kForeign));
    for (int i = 0; i < 1000; ++i) {
        kernel.remove_route("eth9", flapping);
        kernel.add_route("eth9", flapping);
        world.run_for(milliseconds(1));
    }
    EXPECT_LE(world.all<JoinGroup>().size(), 5U);
    EXPECT_LE(world.count(NoticeKind::prefix_added), 6U);
    kernel.remove_route("eth9", flapping);
    world.run_for(seconds(1));
    EXPECT_FALSE(held(kForeign)) << "the last word counts";
    EXPECT_EQ(world.count(NoticeKind::prefix_added), world.count(NoticeKind::prefix_removed) + 1);
    kernel.add_route("eth9", flapping);
    world.pump();
    EXPECT_TRUE(held(kForeign)) << "at once again";
}

TEST_F(RunningEngineTest, NoSecondHasMoreThanFourLooksAtAllHosts) {
    appear(kForeign);
    for (int i = 0; i < 5000; ++i) {
        kernel.add_route("eth9", prefix("2001:db8:9::/64"));
        world.run_for(milliseconds(1));
        kernel.remove_route("eth9", prefix("2001:db8:9::/64"));
        world.run_for(milliseconds(1));
    }
    std::deque<TimePoint> looks;
    std::size_t most = 0;
    for (const auto& [when, action] : world.log) {
        if (std::holds_alternative<JoinGroup>(action) ||
            std::holds_alternative<LeaveGroup>(action)) {
            looks.push_back(when);
            while (looks.front() <= when - seconds(1)) {
                looks.pop_front();
            }
            most = std::max(most, looks.size());
        }
    }
    EXPECT_EQ(most, 4U);
}

TEST_F(RunningEngineTest, FlappingPrefixesAreToldThirtyTimesAMinuteAtMostAndRightInTheEnd) {
    std::vector<Ipv6Prefix> flapping;
    for (std::uint8_t i = 0; i < 60; ++i) {
        Ipv6Address base = address("2001:db8:8::");
        base.bytes[7] = i;
        flapping.emplace_back(base, 64);
    }
    for (int i = 0; i < 600; ++i) {
        for (const Ipv6Prefix& each : flapping) {
            i % 2 == 0 ? kernel.add_route("eth9", each) : kernel.remove_route("eth9", each);
        }
        world.run_for(milliseconds(300));
    }
    for (const Ipv6Prefix& each : flapping) {
        kernel.add_route("eth9", each);
    }
    world.run_for(minutes(5));

    std::set<Ipv6Prefix> told = {prefix("2001:db8:1::/64")};
    std::deque<TimePoint> lines;
    for (const auto& [when, action] : world.log) {
        const auto* notice = std::get_if<Notice>(&action);
        if (notice == nullptr || !notice->prefix || notice->kind == NoticeKind::refused) {
            continue;
        }
        const bool changed = notice->kind == NoticeKind::prefix_added
                                 ? told.insert(*notice->prefix).second
                                 : told.erase(*notice->prefix) == 1;
        EXPECT_TRUE(changed) << notice->prefix->to_string() << " is no news";
        lines.push_back(when);
        if (lines.size() > 30) {
            EXPECT_GE(when - lines.front(), minutes(1));
            lines.pop_front();
        }
    }
    EXPECT_EQ(told.size(), flapping.size() + 1) << "all that is on-link was told";
    EXPECT_EQ(world.snapshot().upstreams[0].prefixes.size(), told.size());
}

TEST_F(RunningEngineTest, PrefixesThatFindNoRoomAreCountedAndToldOnceAMinute) {
    for (std::uint8_t i = 0; i < 100; ++i) {
        Ipv6Address made_up = address("2001:db8:8::");
        made_up.bytes[7] = i;
        kernel.add_route("eth9", Ipv6Prefix(made_up, 64));
    }
    world.run_for(seconds(30));
    EXPECT_EQ(world.snapshot().counters.at("prefixes.refused"), 100 - OnLinkPrefixes::kMostRoutes);
    ASSERT_EQ(world.count(NoticeKind::refused), 1U);
    const auto notices = world.notices();
    const auto told = std::find_if(notices.begin(), notices.end(), [](const Notice& notice) {
        return notice.kind == NoticeKind::refused;
    });
    EXPECT_EQ(told->refusals.prefixes, 100 - OnLinkPrefixes::kMostRoutes);
    EXPECT_EQ(told->prefix, prefix("2001:db8:8:63::/64"));
    EXPECT_EQ(told->interface, "eth9");
}

TEST_F(RunningEngineTest, ARouteThatFoundNoRoomIsReadAgainWhenThereIsSome) {
    const auto made_up = [](std::size_t number) {
        Ipv6Address base = address("2001:db8:8::");
        base.bytes[7] = static_cast<std::uint8_t>(number);
        return Ipv6Prefix(base, 64);
    };
    for (std::size_t i = 0; i < OnLinkPrefixes::kMostRoutes; ++i) {
        kernel.add_route("eth9", made_up(i));
    }
    kernel.add_route("eth9", prefix("2001:db8:9::/64"));
    appear(kForeign);
    world.run_for(minutes(1));
    EXPECT_FALSE(held(kForeign));
    EXPECT_THAT(world.all<Resync>(), IsEmpty()) << "which would find no room either";
    kernel.remove_route("eth9", made_up(0));
    world.run_for(seconds(5));
    EXPECT_TRUE(held(kForeign));
    EXPECT_THAT(world.all<Resync>(), SizeIs(1));
}

TEST_F(RunningEngineTest, AnUpstreamThatIsDownKeepsItsPrefixes) {
    appear(kHost);
    kernel.set_up("eth9", false);
    world.run_for(hours(1));
    kernel.set_up("eth9", true);
    world.run_for(seconds(30));
    kernel.set_up("eth9", false);  // again, before the prefix is back
    world.run_for(hours(1));
    kernel.set_up("eth9", true);
    world.run_for(seconds(30));
    kernel.add_address("eth9", kRouter, 64);
    world.run_for(minutes(5));
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    EXPECT_EQ(world.count(NoticeKind::prefix_removed), 0U);
}

TEST_F(RunningEngineTest, APrefixThatDoesNotReturnIsGivenUp) {
    appear(kHost);
    kernel.set_up("eth9", false);
    kernel.set_up("eth9", true);
    world.run_for(Engine::kOrphanedPrefix - seconds(1));
    EXPECT_TRUE(held(kHost));
    world.run_for(seconds(2));
    EXPECT_FALSE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::no_prefix), 1U);
}

TEST_F(RunningEngineTest, APrefixLostWhileTheMtuIsTooSmallIsGivenUpToo) {
    appear(kHost);
    kernel.set_mtu("eth9", 1000);
    world.pump();
    kernel.add_route("eth9", prefix("2001:db8:1::/64"));  // somebody tries meanwhile
    world.pump();
    kernel.remove_route("eth9", prefix("2001:db8:1::/64"));
    kernel.set_mtu("eth9", 1500);
    world.run_for(Engine::kOrphanedPrefix + seconds(1));
    EXPECT_THAT(kernel.memberships(), IsEmpty());
    EXPECT_THAT(world.snapshot().upstreams[0].prefixes, IsEmpty());
}

TEST(Engine, AnUpstreamThatComesLateWithoutPrefixIsToldOnce) {
    World late(default_config());
    late.start();
    EXPECT_EQ(late.count(NoticeKind::no_prefix), 0U) << "it is absent, that is all";
    late.kernel.create_link("eth9");
    late.run_for(minutes(2));
    EXPECT_EQ(late.count(NoticeKind::no_prefix), 1U);
}

// Interfaces

TEST(Engine, WaitsForInterfacesThatAreAbsent) {
    World empty(default_config());
    empty.start();
    EXPECT_EQ(empty.count(NoticeKind::interface_waiting), 2U);
    EXPECT_TRUE(empty.engine->ready());
    empty.kernel.create_link("br0");
    empty.run_for(seconds(2));
    empty.kernel.host_says(kHost, "br0", Evidence::solicitation);
    empty.kernel.create_link("eth9");
    empty.kernel.add_address("eth9", kRouter, 64);
    empty.run_for(seconds(2));
    EXPECT_TRUE(empty.kernel.holds("eth9", kHost));
    EXPECT_EQ(empty.count(NoticeKind::interface_usable), 2U);
}

TEST_F(RunningEngineTest, ADeletedUpstreamIsJoinedAgainWithTheSameOrAnotherIndex) {
    appear(kHost);
    for (const Ifindex index : {kernel.index("eth9"), Ifindex{77}}) {
        kernel.delete_link("eth9");
        world.pump();
        EXPECT_FALSE(held(kHost));
        kernel.create_link("eth9", index);
        kernel.add_address("eth9", kRouter, 64);
        world.run_for(seconds(3));
        EXPECT_TRUE(held(kHost)) << index;
    }
    EXPECT_EQ(world.count(NoticeKind::interface_lost), 2U);
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
}

TEST_F(RunningEngineTest, AnUpstreamReplacedInAnOverrunIsJoinedAgain) {
    appear(kHost);
    kernel.lose_notifications(true);
    kernel.delete_link("eth9");
    kernel.create_link("eth9");
    kernel.add_address("eth9", kRouter, 64);
    world.overrun_ends();
    world.run_for(seconds(3));
    EXPECT_TRUE(held(kHost));
}

TEST_F(RunningEngineTest, AnMtuBelow1280LosesMembershipsAndIsRepaired) {
    appear(kHost);
    kernel.set_mtu("eth9", 1279);
    world.pump();
    EXPECT_FALSE(held(kHost));
    kernel.set_mtu("eth9", 1280);
    kernel.add_address("eth9", kRouter, 64);
    world.run_for(seconds(1));
    EXPECT_TRUE(held(kHost));
}

TEST_F(RunningEngineTest, ARenamedUpstreamIsLostAndADownstreamIsCapturedAgain) {
    appear(kHost);
    kernel.rename_link("eth9", "wan");
    kernel.rename_link("br0", "lan");
    world.pump();
    EXPECT_THAT(kernel.memberships(), IsEmpty());
    EXPECT_FALSE(kernel.captured("lan"));
    kernel.rename_link("wan", "eth9");
    kernel.rename_link("lan", "br0");
    world.run_for(seconds(3));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(kernel.captured("br0"));
}

TEST_F(RunningEngineTest, ABridgeThatBeginsToSnoopIsCapturedAnew) {
    kernel.set_snooping_bridge("br0", true);
    world.pump();
    EXPECT_THAT(world.all<StopCapture>(), SizeIs(1));
    ASSERT_THAT(world.all<StartCapture>(), SizeIs(1));
    EXPECT_TRUE(std::get<OnDownstream>(world.all<StartCapture>()[0].side).snooping_bridge);
}

TEST_F(RunningEngineTest, WhileTheDownstreamIsDownNobodyIsAskedOrLeft) {
    appear(kHost);
    kernel.set_carrier("br0", false);
    world.run_for(hours(48));
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
    kernel.set_carrier("br0", true);
    world.run_for(seconds(1));
    EXPECT_FALSE(world.all<ProbeHost>().empty());
    EXPECT_EQ(state(kHost), "confirmed");
}

TEST_F(RunningEngineTest, HostsOfADeletedDownstreamWaitForItAndAreAskedThen) {
    appear(kHost);
    kernel.host_dies(kHost);
    world.run_for(minutes(10));
    ASSERT_EQ(state(kHost), "absent");
    kernel.delete_link("br0");
    world.run_for(hours(48));
    EXPECT_TRUE(held(kHost));
    kernel.create_link("br0");
    kernel.host_lives(kHost, "br0");
    world.run_for(seconds(5));
    EXPECT_EQ(state(kHost), "confirmed");
}

// Memberships

TEST_F(RunningEngineTest, ASharedGroupIsLeftWithItsLastHost) {
    appear(kHost);
    appear(kTwin);
    EXPECT_THAT(world.all<JoinGroup>(), SizeIs(1));
    kernel.host_dies(kHost);
    world.run_for(hours(2));
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_TRUE(held(kTwin));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    kernel.host_dies(kTwin);
    world.run_for(hours(2));
    EXPECT_FALSE(held(kTwin));
    EXPECT_THAT(world.all<LeaveGroup>(), SizeIs(1));
    EXPECT_EQ(world.count(NoticeKind::left), 1U);
}

TEST_F(RunningEngineTest, AFailedJoinIsRetriedWithBackOffAndToldOnce) {
    kernel.refuse_joins(ENOMEM);
    appear(kHost);
    appear(kOther);
    world.run_for(minutes(10));
    std::vector<TimePoint> tries;
    for (const auto& [when, action] : world.log) {
        const auto* join = std::get_if<JoinGroup>(&action);
        if (join != nullptr && join->group == SolicitedNodeGroup::of(kHost)) {
            tries.push_back(when);
        }
    }
    ASSERT_GT(tries.size(), 8U);
    for (std::size_t i = 1; i < tries.size(); ++i) {
        EXPECT_EQ(tries[i] - tries[i - 1],
                  std::min<Duration>(seconds(1) * (1U << std::min<std::size_t>(i - 1, 6)),
                                     MembershipPlan::kLastRetry));
    }
    EXPECT_EQ(world.count(NoticeKind::join_failed), 1U);
    EXPECT_TRUE(world.engine->ready()) << "each join was answered";
    kernel.refuse_joins(0);
    world.run_for(minutes(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(held(kOther));
    EXPECT_EQ(world.count(NoticeKind::join_recovered), 1U);
}

TEST_F(RunningEngineTest, AJoinOnAnInterfaceThatIsAboutToGoIsNoFailure) {
    kernel.refuse_joins(ENODEV);
    appear(kHost);
    appear(kOther);
    EXPECT_EQ(world.count(NoticeKind::join_failed), 0U);
    kernel.delete_link("eth9");
    world.pump();
    world.run_for(minutes(1));
    EXPECT_EQ(world.count(NoticeKind::join_failed), 0U);
}

TEST_F(RunningEngineTest, AJoinThatFindsNoDeviceWhereOneStaysIsAFailure) {
    kernel.refuse_joins(ENODEV);
    appear(kHost);
    appear(kOther);
    world.run_for(MembershipPlan::kFirstRetry);
    EXPECT_EQ(world.count(NoticeKind::join_failed), 1U);
    world.run_for(minutes(1));
    EXPECT_EQ(world.count(NoticeKind::join_failed), 1U);
    kernel.refuse_joins(0);
    world.run_for(minutes(1));
    EXPECT_EQ(world.count(NoticeKind::join_recovered), 1U);
}

TEST_F(RunningEngineTest, RecoveryIsNotClaimedWhileTheInterfaceIsAway) {
    kernel.refuse_joins(ENOMEM);
    appear(kHost);
    const Ipv6Address own = address("2001:db8:1::2");
    kernel.add_address("br0", own, 64);
    world.pump();
    kernel.delete_link("eth9");
    kernel.remove_address("br0", own);
    world.pump();
    EXPECT_EQ(world.count(NoticeKind::join_recovered), 0U);
}

TEST_F(EngineTest, ManyJoinsAndLeavesAreToldAsOne) {
    for (unsigned i = 0; i < 20; ++i) {
        Ipv6Address host = address("2001:db8:1::2:0");
        host.bytes[15] = static_cast<std::uint8_t>(i);
        kernel.set_neighbor("br0", host, NeighborState::permanent);
    }
    world.start();
    EXPECT_THAT(kernel.memberships(), SizeIs(20));
    EXPECT_EQ(world.count(NoticeKind::joined), 0U);
    EXPECT_EQ(world.count(NoticeKind::joined_many), 1U);
    kernel.remove_address("eth9", kRouter);
    world.pump();
    EXPECT_THAT(kernel.memberships(), IsEmpty());
    EXPECT_EQ(world.count(NoticeKind::left), 0U);
    EXPECT_EQ(world.count(NoticeKind::left_many), 1U);
}

// Life

TEST_F(RunningEngineTest, AHostThatAnswersStays) {
    appear(kHost);
    world.run_for(hours(24));
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    const auto probes = world.all<ProbeHost>().size();
    EXPECT_GT(probes, 24U * 12 - 5);
    EXPECT_LT(probes, 24U * 14);
}

TEST_F(RunningEngineTest, AHostThatSpeaksIsNotAsked) {
    appear(kHost);
    for (int i = 0; i < 100; ++i) {
        world.run_for(minutes(4));
        hear(kHost);
    }
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
}

TEST_F(RunningEngineTest, ADeadHostIsAskedThenLingersAndIsLeft) {
    appear(kHost);
    kernel.host_dies(kHost);
    const TimePoint died = world.now;
    world.run_for(seconds(300 * 7 / 8));
    EXPECT_EQ(state(kHost), "confirmed");
    world.run_for(seconds(60));
    EXPECT_EQ(state(kHost), "absent");
    EXPECT_EQ(world.count(NoticeKind::host_silent), 1U);
    EXPECT_THAT(world.all<ProbeHost>(), SizeIs(HostLife::kProbes));
    world.run_for(seconds(1700));
    EXPECT_TRUE(held(kHost));
    world.run_for(seconds(200));
    EXPECT_FALSE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::host_gone), 1U);
    EXPECT_GE(world.all<ProbeHost>().size(), HostLife::kProbes + 6U) << "asked while it lingers";
    EXPECT_LT(world.now - died, seconds(300 + 1800 + 60 + 200));
}

TEST_F(RunningEngineTest, AnAbsentHostThatReturnsIsConfirmed) {
    appear(kHost);
    kernel.host_dies(kHost);
    world.run_for(minutes(20));
    ASSERT_EQ(state(kHost), "absent");
    kernel.host_lives(kHost, "br0");  // silently: the spaced probes find it
    world.run_for(minutes(6));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
}

TEST_F(RunningEngineTest, StaleAndDeletedEntriesRemoveNobody) {
    appear(kHost);
    kernel.set_neighbor("br0", kHost, NeighborState::reachable);
    for (int i = 0; i < 200; ++i) {
        world.run_for(seconds(31));
        kernel.collect_neighbors();
        world.pump();
    }
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::host_silent), 0U);
}

TEST_F(RunningEngineTest, AFailedEntryThatNobodyAskedForOnlyStartsProbes) {
    appear(kHost);
    kernel.set_neighbor("br0", kHost, NeighborState::failed);
    world.pump();
    EXPECT_EQ(state(kHost), "probing");
    world.run_for(seconds(1));
    EXPECT_EQ(state(kHost), "confirmed");
}

TEST_F(RunningEngineTest, APermanentEntryIsNeverAskedUntilItIsRemoved) {
    kernel.set_neighbor("br0", kHost, NeighborState::permanent);
    world.run_for(hours(48));
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
    EXPECT_TRUE(held(kHost));
    kernel.remove_neighbor("br0", kHost);
    world.run_for(hours(1));
    EXPECT_FALSE(held(kHost));
}

TEST_F(RunningEngineTest, APermanentEntryRemovedInAnOverrunPinsNobody) {
    kernel.set_neighbor("br0", kHost, NeighborState::permanent);
    world.pump();
    kernel.lose_notifications(true);
    kernel.remove_neighbor("br0", kHost);
    world.overrun_ends();
    world.run_for(hours(1));
    EXPECT_FALSE(held(kHost));
}

TEST_F(RunningEngineTest, ProbesThatTheKernelRefusesCountForNothing) {
    appear(kHost);
    kernel.host_dies(kHost);
    kernel.refuse_probes(ENOBUFS);
    world.run_for(hours(10));
    EXPECT_TRUE(held(kHost));
    std::vector<Notice> told = world.notices();
    std::erase_if(told, [](const Notice& each) { return each.kind != NoticeKind::probe_failed; });
    ASSERT_THAT(told, SizeIs(testing::AllOf(testing::Ge(9), testing::Le(10)))) << "each hour";
    EXPECT_EQ(told[0].interface, "br0");
    EXPECT_EQ(told[0].host, kHost);
    EXPECT_EQ(told[0].error, ENOBUFS);
    kernel.refuse_probes(0);
    world.run_for(hours(1));
    EXPECT_FALSE(held(kHost));
}

TEST_F(RunningEngineTest, AHostIsAskedFromOurLinkLocalAddressThere) {
    const Ipv6Address ours = address("fe80::1");
    const Ipv6Address tentative = address("fe80::2");
    world.handle(AddressSeen{kernel.index("br0"), tentative, 64, true});
    appear(kHost);
    world.run_for(minutes(10));
    const auto asked_from = [this](const Ipv6Address& source) {
        const auto probes = world.all<ProbeHost>();
        return std::any_of(probes.begin(), probes.end(), [&](const ProbeHost& probe) {
            return probe.source == source && probe.mac == kernel.link("br0")->mac;
        });
    };
    EXPECT_TRUE(asked_from(Ipv6Address{}));  // the kernel chooses
    EXPECT_FALSE(asked_from(tentative));
    kernel.add_address("br0", ours, 64);
    world.run_for(minutes(10));
    EXPECT_TRUE(asked_from(ours));
    world.log.clear();
    kernel.remove_address("br0", ours);
    world.run_for(minutes(10));
    EXPECT_FALSE(asked_from(ours));
}

TEST_F(RunningEngineTest, NobodyIsLeftUnaskedAfterASuspend) {
    appear(kHost);
    kernel.host_dies(kHost);
    // To just after each of the probes, up to the last of the linger; the host is back meanwhile.
    for (int i = 0; i < 8; ++i) {
        const std::size_t probes = world.all<ProbeHost>().size();
        while (world.all<ProbeHost>().size() == probes) {
            world.run_for(milliseconds(100));
            ASSERT_TRUE(held(kHost));
        }
        world.suspend(hours(12));
        kernel.host_lives(kHost, "br0");
        world.run_for(seconds(20));
        ASSERT_EQ(state(kHost), "confirmed") << i;
        kernel.host_dies(kHost);
        world.run_for(seconds(290 * i));
    }
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
}

TEST_F(RunningEngineTest, AThousandHostsDueTogetherAreAskedAHundredASecond) {
    for (unsigned i = 0; i < 1000; ++i) {
        Ipv6Address host = address("2001:db8:1::5:0");
        host.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        host.bytes[15] = static_cast<std::uint8_t>(i);
        appear(host);
    }
    world.suspend(hours(1));
    world.log.clear();
    const TimePoint began = world.now;
    world.run_for(seconds(12));
    std::deque<TimePoint> asked;
    std::size_t all_asked = 0;
    for (const auto& [when, action] : world.log) {
        if (std::holds_alternative<ProbeHost>(action)) {
            ++all_asked;
            asked.push_back(when);
            if (asked.size() > 100) {
                ASSERT_GE(when - asked.front(), seconds(1));
                asked.pop_front();
            }
        }
    }
    EXPECT_EQ(all_asked, 1000U);
    EXPECT_LE(asked.back() - began, seconds(11));
}

TEST_F(RunningEngineTest, ASavedHostIsJoinedAndThenAsked) {
    world.restart({{"br0", kHost, {}}, {"br0", kOther, {}}, {"gone0", kTwin, {}}});
    kernel.host_lives(kHost, "br0");
    world.run_for(seconds(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(held(kOther));
    EXPECT_EQ(state(kTwin), "unknown");
    world.run_for(minutes(2));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_EQ(state(kOther), "absent");
}

// Configuration

TEST_F(RunningEngineTest, AReloadKeepsWhatBothWantAndLeavesTheRest) {
    kernel.create_link("eth8");
    kernel.create_link("br1");
    kernel.add_address("eth8", address("2001:db8:8::1"), 64);
    appear(kHost);
    Config both = world.config;
    both.upstreams.insert(both.upstreams.begin(), {"eth8", {"br1"}, {}});
    both.host_timeout = seconds(30);
    world.reload(both);
    world.run_for(seconds(2));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(kernel.captured("br1"));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    EXPECT_THAT(world.all<ForgetMemberships>(), IsEmpty());
    EXPECT_THAT(world.all<JoinGroup>(), SizeIs(1));
    EXPECT_THAT(world.all<StopCapture>(), IsEmpty());

    Config other = world.config;
    other.upstreams = {{"eth8", {"br1"}, {}}};
    world.reload(other);
    EXPECT_THAT(kernel.memberships(), IsEmpty());
    EXPECT_FALSE(kernel.captured("br0"));
    EXPECT_EQ(world.engine->summary().hosts, 0U);
}

TEST_F(RunningEngineTest, AReloadOfPrefixesLeavesOnlyWhatIsOutside) {
    appear(kHost);
    appear(kForeign);
    Config config = world.config;
    config.upstreams[0].prefixes = {prefix("2001:db8:1::/64"), prefix("2001:db8:9::/64")};
    world.reload(config);
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(held(kForeign));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    config.upstreams[0].prefixes = {prefix("2001:db8:9::/64")};
    world.reload(config);
    EXPECT_FALSE(held(kHost));
    EXPECT_TRUE(held(kForeign));
}

TEST_F(RunningEngineTest, AReloadTellsOfAPrefixChangeThatWasPutOff) {
    world.run_for(seconds(2));
    for (int i = 0; i < 2; ++i) {
        kernel.add_route("eth9", prefix("2001:db8:9::/64"));
        world.pump();
        kernel.remove_route("eth9", prefix("2001:db8:9::/64"));
        world.pump();
    }
    kernel.add_route("eth9", prefix("2001:db8:9::/64"));
    world.pump();
    ASSERT_EQ(world.count(NoticeKind::prefix_added), world.count(NoticeKind::prefix_removed));
    world.reload(world.config);
    world.run_for(minutes(2));
    EXPECT_EQ(world.count(NoticeKind::prefix_added), world.count(NoticeKind::prefix_removed) + 1);
}

TEST_F(RunningEngineTest, ANewCaptureModeCapturesAnew) {
    Config config = world.config;
    config.capture = CaptureMode::promisc;
    world.reload(config);
    EXPECT_THAT(world.all<StopCapture>(), SizeIs(1));
    ASSERT_THAT(world.all<StartCapture>(), SizeIs(1));
    EXPECT_EQ(std::get<OnDownstream>(world.all<StartCapture>()[0].side).mode, CaptureMode::promisc);
}

TEST(Engine, PairsAreServedEachForItself) {
    Config pairs;
    pairs.upstreams = {{"eth9", {"br0"}, {}}, {"eth8", {"br1", "br0"}, {}}};
    World two(pairs);
    for (const char* name : {"eth9", "eth8", "br0", "br1"}) {
        two.kernel.create_link(name);
    }
    two.kernel.add_address("eth9", kRouter, 64);
    two.kernel.add_address("eth8", address("2001:db8:9::1"), 64);
    two.kernel.add_route("eth8", prefix("2001:db8:1::/64"));
    two.start();
    two.kernel.host_says(kHost, "br0", Evidence::solicitation);
    two.kernel.host_says(kForeign, "br1", Evidence::solicitation);
    two.kernel.host_says(kOther, "br1", Evidence::solicitation);
    two.pump();
    EXPECT_TRUE(two.kernel.holds("eth9", kHost));
    EXPECT_TRUE(two.kernel.holds("eth8", kHost)) << "br0 is behind both";
    EXPECT_FALSE(two.kernel.holds("eth9", kForeign));
    EXPECT_TRUE(two.kernel.holds("eth8", kForeign));
    EXPECT_FALSE(two.kernel.holds("eth9", kOther));
    EXPECT_TRUE(two.kernel.holds("eth8", kOther));
}

}  // namespace
}  // namespace solicitd::test
