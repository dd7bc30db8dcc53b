#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/engine.hpp"
#include "engine_fixture.hpp"
#include "fakes/allocations.hpp"

/// What there is at most of hosts and groups, and who gives way to whom.
namespace solicitd::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Ipv6Address numbered(std::uint32_t number) {
    Ipv6Address each = address("2001:db8:1::7:0:0");
    for (std::size_t byte = 0; byte < 4; ++byte) {
        each.bytes[15 - byte] = static_cast<std::uint8_t>(number >> (8 * byte));
    }
    return each;
}

MacAddress forged(std::uint32_t number) {
    MacAddress mac{{6, 0, 0, 0, 0, 0}};
    for (std::size_t byte = 0; byte < 4; ++byte) {
        mac.bytes[5 - byte] = static_cast<std::uint8_t>(number >> (8 * byte));
    }
    return mac;
}

class CapsTest : public RunningEngineTest {
protected:
    explicit CapsTest(const Config& config) : RunningEngineTest(config) {}

    void forge(const Ipv6Address& host, const MacAddress& mac, Evidence evidence) {
        world.handle(HostSeen{kernel.index("br0"), host, mac, evidence});
    }
    /// So many claims, each of its own MAC.
    void flood(std::uint32_t first, std::uint32_t count,
               Evidence evidence = Evidence::dad_solicitation) {
        for (std::uint32_t i = first; i < first + count; ++i) {
            forge(numbered(i), forged(i), evidence);
        }
    }
    /// It speaks, and answers the kernel.
    void confirm(const Ipv6Address& host) {
        appear(host);
        kernel.set_neighbor("br0", host, NeighborState::reachable, FakeKernel::mac_of(host));
        world.pump();
    }
    [[nodiscard]] std::uint64_t counter(const char* name) {
        return world.snapshot().counters.at(name);
    }
    [[nodiscard]] std::size_t hosts() { return world.engine->summary().hosts; }
    [[nodiscard]] std::size_t groups() { return world.snapshot().upstreams[0].groups.size(); }
};

// Claims

using ClaimTest = RunningEngineTest;

TEST_F(ClaimTest, AClaimThatNobodyAnswersForIsProbedOnceAndDropped) {
    hear(kHost, Evidence::dad_solicitation);
    world.run_for(HostLife::kConfirmWithin - seconds(10));
    EXPECT_TRUE(held(kHost));
    world.run_for(seconds(15));
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_FALSE(held(kHost));
    EXPECT_THAT(world.all<ProbeHost>(), SizeIs(1));
}

TEST_F(ClaimTest, AClaimOfAHostThatAnswersIsKept) {
    kernel.host_lives(kHost, "br0");
    hear(kHost, Evidence::dad_solicitation);
    world.run_for(HostLife::kConfirmWithin + seconds(1));
    EXPECT_EQ(state(kHost), "confirmed");
    kernel.host_dies(kHost);
    world.run_for(seconds(330));
    EXPECT_EQ(state(kHost), "absent") << "it lingers: it was more than a claim";
    EXPECT_TRUE(held(kHost));
    hear(kHost, Evidence::dad_solicitation);  // anybody may say that
    world.run_for(minutes(3));
    EXPECT_EQ(state(kHost), "absent");
}

TEST_F(ClaimTest, RepeatingAClaimDoesNotPutOffItsProbe) {
    for (int i = 0; i < 10; ++i) {
        hear(kHost, Evidence::dad_solicitation);
        world.run_for(seconds(5));
    }
    world.run_for(seconds(15));
    EXPECT_EQ(state(kHost), "unknown");
}

TEST_F(ClaimTest, WhatLaterNdConfirmedLingersAsAnyHost) {
    hear(kHost, Evidence::dad_solicitation);
    hear(kHost, Evidence::advertisement);
    world.run_for(minutes(7));
    EXPECT_EQ(state(kHost), "absent");
    EXPECT_TRUE(held(kHost));
}

// max-hosts

class MaxHostsTest : public CapsTest {
protected:
    static Config capped() {
        Config config = default_config();
        config.max_hosts = 10;
        return config;
    }
    MaxHostsTest() : CapsTest(capped()) {}
};

TEST_F(MaxHostsTest, AFloodOfClaimsHurtsNobodyAndIsToldOnceAMinute) {
    appear(kHost);
    confirm(kOther);
    for (std::uint32_t second = 0; second < 150; ++second) {
        flood(second * 20, 20);
        world.run_for(seconds(1));
        ASSERT_EQ(hosts(), 10U);
        ASSERT_TRUE(held(kHost));
        ASSERT_TRUE(held(kOther));
    }
    EXPECT_EQ(counter("hosts.refused.max-hosts") + counter("hosts.evicted"), 3000U - 8);
    EXPECT_GT(counter("hosts.evicted"), 8U * 60) << "claims give way after two seconds";
    EXPECT_EQ(world.count(NoticeKind::refused), 3U);
    EXPECT_EQ(world.count(NoticeKind::left), 0U) << "who is evicted is only counted";
    world.run_for(hours(1));
    EXPECT_EQ(hosts(), 2U) << "the flood is gone";
    std::uint64_t told = 0;
    for (const Notice& notice : world.notices()) {
        if (notice.kind == NoticeKind::refused) {
            EXPECT_TRUE(notice.host);
            EXPECT_TRUE(notice.mac);
            told += notice.refusals.hosts_by_max_hosts + notice.refusals.hosts_evicted;
        }
    }
    EXPECT_EQ(told, 3000U - 8) << "nothing is told twice, and nothing left out";
}

TEST_F(MaxHostsTest, WhoSpeaksDuringTheFloodIsJoinedAtOnce) {
    flood(0, 10'000);
    hear(kHost, Evidence::dad_solicitation);
    EXPECT_FALSE(held(kHost)) << "a claim like the others, and they are younger than two seconds";
    hear(kHost, Evidence::solicitation);
    EXPECT_TRUE(held(kHost));
    flood(10'000, 10'000);
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(hosts(), 10U);
}

TEST_F(MaxHostsTest, TheKernelsWordBeatsMadeUpAdvertisements) {
    appear(kOther);
    flood(0, 100, Evidence::advertisement);
    EXPECT_EQ(hosts(), 10U);
    hear(kHost, Evidence::solicitation);
    EXPECT_EQ(state(kHost), "unknown") << "as good as the others";
    kernel.set_neighbor("br0", kHost, NeighborState::reachable, FakeKernel::mac_of(kHost));
    world.pump();
    EXPECT_TRUE(held(kHost));
    flood(100, 1000, Evidence::advertisement);
    EXPECT_TRUE(held(kHost));
    EXPECT_FALSE(held(kOther)) << "the longest unseen of those that were only heard";
}

TEST_F(MaxHostsTest, AnAbsentHostThatWasOnlyHeardGivesWayToWhoSpeaksAndToNoClaim) {
    hear(kHost, Evidence::solicitation);
    world.run_for(seconds(330));
    ASSERT_EQ(state(kHost), "absent");
    flood(0, 9, Evidence::advertisement);
    world.run_for(seconds(5));
    flood(100, 50);
    EXPECT_EQ(state(kHost), "absent");
    hear(kOther);
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_TRUE(held(kOther));
}

// It may sleep: whoever is heard meanwhile, it has its time.
TEST_F(MaxHostsTest, AnAbsentHostThatAnsweredOnceIsKeptForAsLongAsItLingers) {
    confirm(kHost);
    kernel.host_dies(kHost);
    world.run_for(seconds(330));
    ASSERT_EQ(state(kHost), "absent");
    for (std::uint32_t round = 0; round < 25; ++round) {
        flood(round * 100, 100, Evidence::advertisement);
        world.run_for(minutes(1));
        ASSERT_TRUE(held(kHost)) << "minute " << round;
    }
    world.run_for(minutes(10));
    EXPECT_EQ(state(kHost), "unknown");
}

TEST_F(MaxHostsTest, WhoSpeaksFromAMacThatTheKernelKnowsBeatsMadeUpAdvertisements) {
    flood(0, 100, Evidence::advertisement);
    kernel.set_neighbor("br0", address("fe80::1:1"), NeighborState::stale,
                        FakeKernel::mac_of(kHost));
    world.pump();
    hear(kHost, Evidence::solicitation);
    EXPECT_TRUE(held(kHost));
    flood(100, 1000, Evidence::advertisement);
    EXPECT_TRUE(held(kHost));
}

TEST_F(MaxHostsTest, AForgedFrameMovesNoHostThatWasHeardToAnotherMac) {
    hear(kHost, Evidence::solicitation);
    forge(kHost, forged(1), Evidence::advertisement);
    EXPECT_EQ(world.snapshot().hosts.at(0).mac, FakeKernel::mac_of(kHost).to_string());
}

TEST_F(MaxHostsTest, TheRoutersOwnAddressesAlwaysFindRoom) {
    flood(0, 100, Evidence::advertisement);
    kernel.add_address("br0", address("2001:db8:1::ff"), 64);
    world.pump();
    EXPECT_EQ(state(address("2001:db8:1::ff")), "own");
    EXPECT_EQ(hosts(), 11U);
}

TEST_F(MaxHostsTest, ARefusedPacketAllocatesNothing) {
    flood(0, 100, Evidence::advertisement);
    std::vector<Event> events;
    for (std::uint32_t i = 1000; i < 2000; ++i) {
        events.emplace_back(
            HostSeen{kernel.index("br0"), numbered(i), forged(i), Evidence::dad_solicitation});
    }
    Actions actions;
    const std::size_t before = allocations();
    for (const Event& event : events) {
        world.engine->handle(event, world.now, actions);
    }
    EXPECT_EQ(allocations(), before);
    EXPECT_THAT(actions, IsEmpty());
}

// max-hosts-per-mac

class PerMacTest : public CapsTest {
protected:
    static Config capped() {
        Config config = default_config();
        config.upstreams[0].downstreams = {"br0", "br1"};
        config.max_hosts_per_mac = 5;
        config.downstreams = {{"br1", 20}};
        return config;
    }
    PerMacTest() : CapsTest(capped()) {
        kernel.create_link("br1");
        world.run_for(seconds(5));
    }
};

TEST_F(PerMacTest, OneMachineCannotFillTheTable) {
    for (std::uint32_t i = 0; i < 1000; ++i) {
        forge(numbered(i), forged(1), Evidence::advertisement);
    }
    EXPECT_EQ(hosts(), 5U);
    EXPECT_EQ(counter("hosts.refused.max-hosts-per-mac"), 995U);
    EXPECT_EQ(counter("hosts.refused.max-hosts"), 0U);
    world.run_for(seconds(2));
    EXPECT_EQ(world.count(NoticeKind::refused), 1U);
    appear(kHost);
    EXPECT_TRUE(held(kHost));
}

TEST_F(PerMacTest, ADownstreamHasACapOfItsOwnWhichAReloadChanges) {
    const auto fill = [&] {
        for (std::uint32_t i = 0; i < 100; ++i) {
            world.handle(
                HostSeen{kernel.index("br1"), numbered(i), forged(1), Evidence::advertisement});
        }
        return hosts();
    };
    EXPECT_EQ(fill(), 20U);
    Config config = world.config;
    config.downstreams[0].max_hosts_per_mac = 30;
    world.reload(config);
    EXPECT_EQ(fill(), 30U);
    config.downstreams.clear();
    world.reload(config);
    EXPECT_EQ(fill(), 30U) << "nobody is evicted";
}

TEST_F(PerMacTest, AForgerWithTheMacOfAHostTakesNothingFromIt) {
    const MacAddress mac = FakeKernel::mac_of(kHost);
    confirm(kHost);
    for (std::uint32_t i = 0; i < 100; ++i) {
        forge(numbered(i), mac, Evidence::advertisement);
    }
    EXPECT_TRUE(held(kHost));
    forge(kOther, mac, Evidence::advertisement);
    EXPECT_EQ(state(kOther), "unknown");
    kernel.set_neighbor("br0", kOther, NeighborState::reachable, mac);  // a privacy address
    world.pump();
    EXPECT_TRUE(held(kOther));
    EXPECT_TRUE(held(kHost));
}

TEST_F(PerMacTest, AForgerCannotMoveAConfirmedHostToAnotherMac) {
    confirm(kHost);
    forge(kHost, forged(1), Evidence::advertisement);
    EXPECT_EQ(world.host(kHost)->mac, FakeKernel::mac_of(kHost).to_string());
    kernel.set_neighbor("br0", kHost, NeighborState::stale, forged(1));
    world.pump();
    EXPECT_EQ(world.host(kHost)->mac, FakeKernel::mac_of(kHost).to_string());
    kernel.set_neighbor("br0", kHost, NeighborState::reachable, forged(1));
    world.pump();
    EXPECT_EQ(world.host(kHost)->mac, forged(1).to_string()) << "it answers there";
}

TEST_F(PerMacTest, AFrameFromNobodyIsNoEvidence) {
    forge(kHost, MacAddress{}, Evidence::advertisement);
    EXPECT_EQ(state(kHost), "unknown");
}

// max-groups

class MaxGroupsTest : public CapsTest {
protected:
    static Config capped() {
        Config config = default_config();
        config.max_groups = 4;
        return config;
    }
    MaxGroupsTest() : CapsTest(capped()) {}
    void report(std::uint32_t low24) {
        world.handle(GroupReported{kernel.index("br0"), SolicitedNodeGroup{low24}, MldVersion::v2,
                                   forged(low24)});
    }
    [[nodiscard]] bool joined(const Ipv6Address& host) { return world.host(host)->joined; }
};

TEST_F(MaxGroupsTest, ABetterKnownHostTakesAGroupsPlaceWithinASecond) {
    flood(0, 4);
    EXPECT_EQ(groups(), 4U);
    hear(kHost, Evidence::dad_solicitation);
    EXPECT_FALSE(joined(kHost)) << "a claim like the others";
    EXPECT_EQ(counter("groups.refused.hosts"), 1U);
    EXPECT_THAT(world.snapshot().upstreams[0].problems, Contains("no-room"));
    hear(kHost, Evidence::solicitation);
    world.run_for(seconds(1));
    EXPECT_TRUE(joined(kHost));
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(groups(), 4U);
    EXPECT_EQ(counter("groups.evicted"), 1U);
    EXPECT_EQ(counter("groups.refused.hosts"), 2U) << "the one that lost its group, too";
    EXPECT_THAT(kernel.memberships(), SizeIs(4));
    EXPECT_EQ(world.count(NoticeKind::refused), 1U);
}

TEST_F(MaxGroupsTest, AmongEqualsWhoIsServedStaysAndTheOthersWaitForRoom) {
    for (std::uint32_t i = 0; i < 6; ++i) {
        confirm(numbered(i));
        world.run_for(seconds(2));
    }
    for (std::uint32_t i = 0; i < 6; ++i) {
        EXPECT_EQ(joined(numbered(i)), i < 4) << i;
    }
    EXPECT_EQ(counter("groups.evicted"), 0U);
    kernel.host_dies(numbered(1));
    world.run_for(seconds(340));  // silent, asked and absent: it is worth less than who waits
    EXPECT_FALSE(joined(numbered(1)));
    EXPECT_EQ(joined(numbered(4)) + joined(numbered(5)), 1);
    EXPECT_EQ(groups(), 4U);
    world.run_for(hours(1));
    EXPECT_EQ(state(numbered(1)), "unknown");
}

TEST_F(MaxGroupsTest, RoomThatComesFreeIsGivenToWhoWaits) {
    kernel.host_lives(kHost, "br0");
    flood(0, 4);
    hear(kHost, Evidence::dad_solicitation);
    EXPECT_FALSE(joined(kHost));
    world.run_for(seconds(80));
    EXPECT_EQ(hosts(), 1U);
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.snapshot().upstreams[0].problems, Not(Contains("no-room")));
}

TEST_F(MaxGroupsTest, WhoWaitsAndGoesIsNotWaitedForAnyLonger) {
    for (std::uint32_t i = 0; i < 4; ++i) {
        confirm(numbered(i));
    }
    flood(10, 1);
    EXPECT_THAT(world.snapshot().upstreams[0].problems, Contains("no-room"));
    world.run_for(seconds(80));
    ASSERT_EQ(hosts(), 4U);
    EXPECT_THAT(world.snapshot().upstreams[0].problems, Not(Contains("no-room")));
}

TEST_F(MaxGroupsTest, WhoSpeaksTakesTheGroupOfOneThatFellSilentBefore) {
    for (std::uint32_t i = 0; i < 3; ++i) {
        confirm(numbered(i));
    }
    hear(numbered(3));
    kernel.add_route("eth9", Ipv6Prefix(address("2001:db8:7::"), 64));  // all is shared out anew
    world.run_for(seconds(340));
    ASSERT_EQ(state(numbered(3)), "absent");
    hear(kHost);
    world.run_for(seconds(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_FALSE(joined(numbered(3)));
}

// One that went down with its interface is a host like another.
TEST_F(MaxGroupsTest, WhatWasTheRoutersOwnAddressPushesOutNobody) {
    const Ipv6Address own = address("2001:db8:9::ff");
    kernel.add_address("br0", own, 64);
    world.pump();
    for (std::uint32_t i = 0; i < 4; ++i) {
        confirm(numbered(i));
    }
    kernel.set_up("br0", false);
    world.pump();
    ASSERT_EQ(state(own), "confirmed");
    kernel.add_route("eth9", Ipv6Prefix(own, 64));
    world.run_for(seconds(1));
    EXPECT_FALSE(joined(own));
    for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(held(numbered(i))) << i;
    }
    kernel.set_up("br0", true);
    kernel.add_address("br0", own, 64);
    world.run_for(seconds(1));
    EXPECT_TRUE(held(own)) << "it is the router's again";
}

TEST_F(MaxGroupsTest, AReportOfAGroupThatIsWantedNeedsNoRoom) {
    for (std::uint32_t i = 1; i <= 4; ++i) {
        report(i);
    }
    world.run_for(seconds(200));
    report(1);
    world.run_for(seconds(100));
    EXPECT_TRUE(kernel.holds({kernel.index("eth9"), SolicitedNodeGroup{1}}));
    EXPECT_EQ(groups(), 1U);
    EXPECT_EQ(counter("groups.refused.reports"), 0U);
}

TEST_F(MaxGroupsTest, AClaimTakesTheGroupOfOneThatHadItsTime) {
    flood(0, 4);
    world.run_for(seconds(1));
    hear(kHost, Evidence::dad_solicitation);
    world.run_for(milliseconds(900));
    EXPECT_FALSE(joined(kHost)) << "they have two seconds to speak";
    for (int i = 0; i < 4; ++i) {  // which nobody prolongs by saying the same
        flood(0, 4);
        world.run_for(milliseconds(200));
    }
    EXPECT_TRUE(joined(kHost));
    EXPECT_EQ(groups(), 4U);
    world.run_for(seconds(20));
    EXPECT_TRUE(joined(kHost)) << "nobody new wants it";
    EXPECT_EQ(counter("groups.evicted"), 1U);
}

TEST_F(MaxGroupsTest, AHostOfAHeldGroupNeedsNoRoom) {
    for (std::uint32_t i = 0; i < 4; ++i) {
        appear(numbered(i));
    }
    Ipv6Address twin = numbered(2);
    twin.bytes[8] = 0x55;
    hear(twin, Evidence::dad_solicitation);
    EXPECT_TRUE(joined(twin));
}

TEST_F(MaxGroupsTest, ReportedGroupsGiveWayToEveryHost) {
    for (std::uint32_t i = 1; i <= 10; ++i) {
        report(i);
        world.run_for(milliseconds(10));
    }
    EXPECT_EQ(groups(), 4U);
    EXPECT_EQ(counter("groups.refused.reports"), 6U);
    world.run_for(seconds(1));
    hear(kHost, Evidence::dad_solicitation);
    world.run_for(seconds(0));
    EXPECT_TRUE(held(kHost)) << "at once: nothing was shared out lately";
    EXPECT_FALSE(kernel.holds({kernel.index("eth9"), SolicitedNodeGroup{1}}))
        << "of those, the one that was not reported for longest";
    EXPECT_TRUE(kernel.holds({kernel.index("eth9"), SolicitedNodeGroup{2}}));
    report(1);
    EXPECT_EQ(groups(), 4U);
}

TEST_F(MaxGroupsTest, AFloodChangesGroupsTwiceASecondAtMost) {
    for (std::uint32_t i = 1; i <= 4; ++i) {
        report(i);
    }
    world.log.clear();
    for (std::uint32_t i = 0; i < 10; ++i) {
        forge(numbered(i), forged(i), Evidence::advertisement);
        world.run_for(milliseconds(100));
    }
    std::size_t joins = 0;
    for (const auto& [when, action] : world.log) {
        joins += std::holds_alternative<JoinGroup>(action) ? 1 : 0;
    }
    EXPECT_LE(joins, 2U * 4);
    EXPECT_EQ(groups(), 4U);
}

TEST_F(MaxGroupsTest, WhatAnEarlierRunHeldBeatsClaims) {
    for (std::uint32_t i = 10; i < 13; ++i) {
        appear(numbered(i));
    }
    world.restart({});
    world.run_for(seconds(5));
    flood(100, 10);
    world.run_for(seconds(5));
    for (std::uint32_t i = 10; i < 13; ++i) {
        EXPECT_TRUE(held(numbered(i))) << i;
    }
    EXPECT_EQ(groups(), 4U);
}

TEST_F(MaxGroupsTest, ALowerLimitKeepsTheBestAndAHigherOneServesWhoWaits) {
    flood(0, 2);
    confirm(kHost);
    appear(kOther);
    Config config = world.config;
    config.max_groups = 1;
    world.reload(config);
    world.run_for(seconds(3));
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(groups(), 1U);
    config.max_groups = 3;
    world.reload(config);
    world.run_for(seconds(3));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(held(kOther));
    EXPECT_EQ(groups(), 3U);
    EXPECT_EQ(world.snapshot().max_groups, 3U);
}

// A flood of claims, against one host that has sent nothing but its DAD

class FloodTest : public CapsTest {
protected:
    static constexpr std::uint32_t kHosts = 400;
    static constexpr std::uint32_t kGroups = 100;
    static Config capped() {
        Config config = default_config();
        config.max_hosts = kHosts;
        config.max_groups = kGroups;
        return config;
    }
    FloodTest() : CapsTest(capped()) {}

    /// Claims that come evenly, each of its own MAC unless one is given.
    void flood_for(Duration duration, std::uint32_t in_a_second,
                   std::optional<MacAddress> mac = std::nullopt) {
        const Duration pause = Duration(seconds(1)) / in_a_second;
        for (const TimePoint end = world.now + duration; world.now < end; world.run_for(pause)) {
            forge(numbered(claims_), mac.value_or(forged(claims_)), Evidence::dad_solicitation);
            ++claims_;
            kept_ = kept_ && held(kHost);
        }
    }
    /// Whether its group is held within a second of its DAD, and for the second after that, by
    /// which it has spoken.
    [[nodiscard]] bool is_served_in_time(std::uint32_t in_a_second,
                                         std::optional<MacAddress> mac = std::nullopt) {
        hear(kHost, Evidence::dad_solicitation);
        flood_for(seconds(1), in_a_second, mac);
        kept_ = true;
        flood_for(milliseconds(900), in_a_second, mac);
        return kept_;
    }

    std::uint32_t claims_ = 0;
    bool kept_ = true;
};

TEST_F(FloodTest, AClaimGetsAGroupAtOnceAndKeepsItUntilItCanSpeakAtModestRates) {
    // What fits: a group for each claim of the last two seconds, and of those that wait for it.
    flood_for(seconds(60), kGroups / 3);
    ASSERT_EQ(groups(), kGroups);
    EXPECT_TRUE(is_served_in_time(kGroups / 3));
    appear(kHost);
    flood_for(seconds(60), 10 * kGroups);
    EXPECT_TRUE(held(kHost));
}

TEST_F(FloodTest, NoRateKeepsOutAMachineThatTheKernelKnows) {
    kernel.set_neighbor("br0", address("fe80::5"), NeighborState::stale, FakeKernel::mac_of(kHost));
    world.pump();
    flood_for(seconds(10), 5000);
    ASSERT_EQ(hosts(), kHosts);
    ASSERT_EQ(groups(), kGroups);
    EXPECT_TRUE(is_served_in_time(5000));
    world.run_for(HostLife::kConfirmWithin + seconds(20));
    EXPECT_EQ(state(kHost), "unknown") << "nobody answered: it was a claim, too";
}

TEST_F(FloodTest, NoRateKeepsOutANewAddressOfAConfirmedHost) {
    confirm(kOther);
    flood_for(seconds(10), 5000);
    forge(kHost, FakeKernel::mac_of(kOther), Evidence::dad_solicitation);
    flood_for(seconds(1), 5000);
    kept_ = true;
    flood_for(milliseconds(900), 5000);
    EXPECT_TRUE(kept_);
}

TEST_F(FloodTest, OneMacCannotFillWhatOthersNeed) {
    flood_for(seconds(5), 5000, forged(1));
    EXPECT_EQ(hosts(), default_config().max_hosts_per_mac);
    hear(kHost, Evidence::dad_solicitation);
    EXPECT_TRUE(held(kHost)) << "at once";
    EXPECT_TRUE(is_served_in_time(5000, forged(1)));
}

TEST_F(FloodTest, BeyondAnyHopeItsFirstWordIsEnough) {
    flood_for(seconds(10), 5000);
    appear(kHost);
    flood_for(seconds(1), 5000);
    kept_ = true;
    flood_for(seconds(30), 5000);
    EXPECT_TRUE(kept_);
}

TEST_F(FloodTest, JoinsAndLeavesAreToldSingly60TimesAMinuteAtMost) {
    world.log.clear();
    flood_for(seconds(125), 500);
    world.run_for(seconds(60));
    std::size_t summed = 0;
    std::size_t singly = 0;
    std::size_t joined = 0;
    for (const Notice& notice : world.notices()) {
        if (notice.kind == NoticeKind::joined || notice.kind == NoticeKind::joined_many ||
            notice.kind == NoticeKind::left || notice.kind == NoticeKind::left_many) {
            const bool sum = notice.interval > seconds(0);
            ++(sum ? summed : singly);
            joined += notice.kind == NoticeKind::joined        ? 1
                      : notice.kind == NoticeKind::joined_many ? notice.count
                                                               : 0;
        }
    }
    EXPECT_LE(singly, 4U * ChangeTeller::kToldInAMinute);
    EXPECT_LE(summed, 2U * 4);
    std::size_t joins = 0;
    for (const auto& [when, action] : world.log) {
        joins += std::holds_alternative<JoinGroup>(action) ? 1 : 0;
    }
    EXPECT_GT(joins, 1000U);
    EXPECT_LE(joined, joins) << "nothing is told twice";
    EXPECT_GT(joined, joins * 9 / 10) << "only what was left again at once is left out";
}

TEST_F(FloodTest, WhatWasNotToldYetIsToldWhenAReloadDropsTheUpstream) {
    world.log.clear();
    for (std::uint32_t i = 0; i < kGroups; ++i) {
        appear(numbered(i));
    }
    ASSERT_EQ(world.count(NoticeKind::joined),
              static_cast<std::size_t>(ChangeTeller::kToldInAMinute));
    Config other = world.config;
    other.upstreams = {{"eth8", {"br1"}, {}}};
    world.reload(other);
    std::size_t joined = world.count(NoticeKind::joined);
    std::size_t left = world.count(NoticeKind::left);
    for (const Notice& notice : world.notices()) {
        joined += notice.kind == NoticeKind::joined_many ? notice.count : 0;
        left += notice.kind == NoticeKind::left_many ? notice.count : 0;
    }
    EXPECT_EQ(joined, kGroups);
    EXPECT_EQ(left, kGroups);
}

TEST_F(FloodTest, AQuietLanHasEachJoinTold) {
    for (std::uint32_t i = 0; i < 90; ++i) {  // 30 a minute
        appear(numbered(i));
        world.run_for(seconds(2));
    }
    EXPECT_EQ(world.count(NoticeKind::joined), 90U);
    EXPECT_EQ(world.count(NoticeKind::joined_many), 0U);
}

TEST_F(FloodTest, MadeUpAdvertisementsNeverCostAnEstablishedHost) {
    std::vector<Ipv6Address> established;
    for (std::uint32_t i = 0; i < 50; ++i) {
        established.push_back(numbered(0xE00000 + i));
        confirm(established.back());
    }
    for (std::uint32_t minute = 0; minute < 30; ++minute) {  // asked and answered several times
        flood(minute * 1000, 1000, Evidence::advertisement);
        flood(minute * 1000, 1000, Evidence::solicitation);
        world.run_for(seconds(60));
        ASSERT_LE(hosts(), kHosts);
        ASSERT_LE(groups(), kGroups);
        for (const Ipv6Address& host : established) {
            ASSERT_TRUE(held(host)) << host.to_string() << " in minute " << minute;
        }
    }
    world.run_for(hours(2));
    EXPECT_EQ(hosts(), established.size());
    EXPECT_EQ(groups(), established.size());
}

// Across a restart

TEST_F(FloodTest, ARestartInAFloodPrefersWhatWasHeldToNewClaims) {
    std::vector<Ipv6Address> before;
    for (std::uint32_t i = 0; i < kGroups; ++i) {
        before.push_back(numbered(0xE00000 + i));
        appear(before.back());
    }
    std::vector<SavedHost> saved = world.engine->saved_hosts(world.now);
    saved.resize(saved.size() / 2);  // it died between two writes
    world.between_dumps = seconds(1);
    world.restart(saved);
    flood_for(seconds(6), 500);  // it knows the interfaces and the prefix before all else
    ASSERT_TRUE(world.engine->ready());
    for (const Ipv6Address& host : before) {
        EXPECT_TRUE(held(host)) << host.to_string();
    }
    EXPECT_EQ(groups(), kGroups);
}

TEST_F(FloodTest, AmongEqualsARestartKeepsThoseThatWereServed) {
    for (std::uint32_t i = 0; i < 2 * kGroups; ++i) {
        hear(numbered(0xE00000 + i * 7919 % 0x10000));  // none answers: equals they stay
    }
    const auto before = kernel.memberships();
    ASSERT_EQ(before.size(), kGroups);
    world.restart(world.engine->saved_hosts(world.now));
    world.run_for(seconds(3));
    EXPECT_EQ(kernel.memberships(), before);
    EXPECT_EQ(world.count(NoticeKind::groups_inherited), 0U) << "each has a host that is known";
}

// Phones sleep through a restart, too: made-up Advertisements are no better known than those.
TEST_F(FloodTest, WhoAnsweredBeforeARestartKeepsItsPlaceThoughItSleeps) {
    confirm(kHost);
    confirm(kOther);
    kernel.host_dies(kHost);
    kernel.collect_neighbors();  // whoever is asleep is not in the neighbor table
    world.run_for(seconds(330));
    ASSERT_EQ(state(kHost), "absent");
    kernel.host_dies(kOther);
    kernel.collect_neighbors();
    world.restart(world.engine->saved_hosts(world.now));
    world.run_for(seconds(3));
    for (std::uint32_t minute = 0; minute < 20; ++minute) {
        flood(minute * 1000, 1000, Evidence::advertisement);
        world.run_for(minutes(1));
        ASSERT_TRUE(held(kHost)) << minute;
        ASSERT_TRUE(held(kOther)) << minute;
    }
    world.run_for(hours(1));
    EXPECT_EQ(state(kHost), "unknown") << "nobody is kept for longer than the linger";
}

TEST_F(FloodTest, AClaimIsStillAClaimAfterARestart) {
    flood_for(seconds(2), 500);
    appear(kHost);
    world.restart(world.engine->saved_hosts(world.now));
    world.run_for(seconds(3));
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(hosts(), kHosts);
    world.run_for(HostLife::kConfirmWithin + seconds(20));
    EXPECT_EQ(hosts(), 1U) << "asked once each, and dropped";
    EXPECT_EQ(groups(), 1U);
}

// Who spoke and finds no room is asked: what was made up by a packet each keeps nobody out that
// lives

TEST_F(PerMacTest, MadeUpHostsOfItsMacDoNotKeepAMachinesNextAddressOut) {
    for (std::uint32_t i = 0; i < 5; ++i) {
        forge(numbered(i), FakeKernel::mac_of(kHost), Evidence::advertisement);
    }
    appear(kHost);
    world.run_for(seconds(2));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_TRUE(held(kHost));
}

TEST_F(MaxHostsTest, MadeUpHostsDoNotKeepALivingOneOut) {
    flood(0, 10, Evidence::advertisement);
    appear(kHost);
    world.run_for(seconds(2));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(hosts(), 10U);
}

TEST_F(MaxHostsTest, MadeUpHostsDoNotKeepAKnownMachinesNextAddressOutThoughItSaysNothingElse) {
    kernel.set_neighbor("br0", address("fe80::11"), NeighborState::reachable,
                        FakeKernel::mac_of(kHost));
    world.pump();
    flood(0, 10, Evidence::advertisement);
    kernel.host_lives(kHost, "br0");
    hear(kHost, Evidence::dad_solicitation);
    world.run_for(seconds(3));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_TRUE(held(kHost));
}

TEST_F(MaxHostsTest, WhoAnswersAndFindsNoRoomAllTheSameIsNotAskedAgainAndAgain) {
    for (std::uint32_t i = 0; i < 10; ++i) {
        confirm(numbered(i));
    }
    world.log.clear();
    appear(kHost);
    world.run_for(seconds(5));
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty()) << "it would not help";
}

TEST_F(MaxHostsTest, WhoFindsNoRoomIsAskedOnceAMinute) {
    flood(0, 10, Evidence::advertisement);
    for (int i = 0; i < 50; ++i) {
        hear(kHost, Evidence::advertisement);
        world.run_for(seconds(1));
    }
    EXPECT_THAT(world.all<ProbeHost>(), SizeIs(1));
}

TEST_F(MaxGroupsTest, MadeUpHostsDoNotKeepALivingOnesGroupOut) {
    flood(0, 4, Evidence::advertisement);
    appear(kHost);
    EXPECT_FALSE(held(kHost));
    world.run_for(seconds(2));
    EXPECT_EQ(state(kHost), "confirmed");
    EXPECT_TRUE(held(kHost));
}

TEST_F(MaxHostsTest, OfAFloodTenASecondAreAskedAndNoClaims) {
    flood(0, 10, Evidence::advertisement);
    world.run_for(seconds(3));
    world.log.clear();
    flood(100, 1000, Evidence::dad_solicitation);
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
    for (std::uint32_t i = 0; i < 100; ++i) {
        flood(2000 + 100 * i, 100, Evidence::advertisement);
        world.run_for(milliseconds(100));
    }
    EXPECT_GE(world.all<ProbeHost>().size(), 80U);
    EXPECT_LE(world.all<ProbeHost>().size(), 110U);
}

}  // namespace
}  // namespace solicitd::test
