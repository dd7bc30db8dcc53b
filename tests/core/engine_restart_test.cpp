#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "engine_fixture.hpp"

/// What an earlier run left, and what the kernel loses without a word.
namespace solicitd::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineRestartTest : public RunningEngineTest {
protected:
    explicit EngineRestartTest(const Config& config = default_config())
        : RunningEngineTest(config) {
        world.run_for(seconds(1));
        world.log.clear();
    }

    void restart(const std::vector<SavedHost>& saved) {
        world.log.clear();
        world.restart(saved);
        world.run_for(milliseconds(10));
    }
    [[nodiscard]] std::vector<StateSnapshot::Group> groups() {
        return world.snapshot().upstreams.at(0).groups;
    }
    [[nodiscard]] std::size_t audits() { return world.all<AuditGroups>().size(); }
};

// Saved hosts

TEST_F(EngineRestartTest, AThousandSavedHostsAreJoinedAtOnceAndAskedWithinAMinute) {
    std::vector<SavedHost> saved;
    for (unsigned i = 1; i <= 1000; ++i) {
        Ipv6Address host = kHost;
        host.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        host.bytes[15] = static_cast<std::uint8_t>(i);
        kernel.host_lives(host, "br0");
        saved.push_back({"br0", host, {}, seconds(200)});
    }
    world.log.clear();
    world.restart_without_sockets(saved);
    world.run_for(milliseconds(10));
    EXPECT_THAT(kernel.memberships(), SizeIs(1000));
    EXPECT_EQ(world.count(NoticeKind::joined_many), 1U);

    const TimePoint began = world.now;
    world.run_for(minutes(2));
    std::map<Ipv6Address, TimePoint> asked;
    std::vector<TimePoint> when;
    for (const auto& [at, action] : world.log) {
        if (const auto* probe = std::get_if<ProbeHost>(&action)) {
            asked.emplace(probe->address, at);
            when.push_back(at);
        }
    }
    EXPECT_THAT(asked, SizeIs(1000));
    ASSERT_THAT(when, SizeIs(1000));
    // The jitter spreads them over 7.5 s, the budget over 10.
    EXPECT_LE(when.back() - began, HostLife::kConfirmWithin + seconds(5));
    for (std::size_t i = 100; i < when.size(); ++i) {
        EXPECT_GE(when[i] - when[i - 100], seconds(1)) << "over 100 in a second";
    }
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
}

TEST_F(EngineRestartTest, ASavedHostThatStaysSilentIsLeftAfterTheLinger) {
    world.restart_without_sockets({{"br0", kHost, {}, seconds(100)}});
    world.run_for(minutes(2));
    EXPECT_EQ(state(kHost), "absent");
    EXPECT_TRUE(held(kHost));
    world.run_for(world.config.linger - minutes(1));
    EXPECT_TRUE(held(kHost));
    world.run_for(minutes(2));
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_FALSE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::left), 1U);
}

TEST_F(EngineRestartTest, SavedAgesGoOnAndOwnAddressesAreNotSaved) {
    kernel.add_address("br0", kOther, 64);
    restart({{"br0", kHost, {}, seconds(200)}});
    world.run_for(seconds(10));
    const std::vector<SavedHost> saved = world.engine->saved_hosts(world.now);
    ASSERT_THAT(saved, SizeIs(1));
    EXPECT_EQ(saved[0].address, kHost);
    EXPECT_EQ(saved[0].downstream, "br0");
    EXPECT_EQ(saved[0].silent, seconds(210));
}

// Inherited groups

TEST_F(EngineRestartTest, NoGroupIsWithoutASocketAtAnyMomentOfARestart) {
    appear(kHost);
    appear(kOther);
    const auto look = [this] {
        EXPECT_TRUE(held(kHost));
        EXPECT_TRUE(held(kOther));
    };
    world.on_event = [&](const Event&) { look(); };
    world.on_action = [&](const Action&) { look(); };
    restart({{"br0", kHost, {}, {}}});  // it died before it could write down kOther
    EXPECT_TRUE(world.engine->ready());
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    const Ifindex eth9 = kernel.index("eth9");
    EXPECT_TRUE(kernel.joined({eth9, SolicitedNodeGroup::of(kHost)}));
    EXPECT_TRUE(kernel.joined({eth9, SolicitedNodeGroup::of(kOther)}));
}

TEST_F(EngineRestartTest, InheritedGroupsOfNoKnownHostAreKeptForTheLingerAndLeftThen) {
    appear(kHost);
    kernel.host_dies(kHost);
    restart({});
    ASSERT_THAT(groups(), SizeIs(1));
    EXPECT_TRUE(groups()[0].leased);
    EXPECT_EQ(groups()[0].hosts, 0U);
    EXPECT_EQ(world.count(NoticeKind::groups_inherited), 1U);
    world.run_for(world.config.linger - seconds(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    world.run_for(seconds(2));
    EXPECT_FALSE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::left), 1U);
    EXPECT_THAT(groups(), IsEmpty());
}

TEST_F(EngineRestartTest, TheOldSocketsStayUntilTheNewOnesHoldAll) {
    appear(kHost);
    kernel.refuse_joins(EMFILE);
    restart(world.engine->saved_hosts(world.now));
    EXPECT_TRUE(world.engine->ready()) << "each join was answered";
    EXPECT_FALSE(world.engine->holds_all());
    world.run_for(minutes(10));
    EXPECT_TRUE(held(kHost));
    kernel.refuse_joins(0);
    world.run_for(minutes(2));
    EXPECT_TRUE(world.engine->holds_all());
    EXPECT_TRUE(kernel.joined({kernel.index("eth9"), SolicitedNodeGroup::of(kHost)}));
    EXPECT_TRUE(held(kHost));
}

TEST_F(EngineRestartTest, AnInheritedGroupWhoseHostIsSeenStaysAsLongAsTheHost) {
    appear(kHost);
    restart({});
    world.run_for(minutes(10));
    hear(kHost);
    world.run_for(world.config.linger * 2);
    EXPECT_TRUE(held(kHost));
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    EXPECT_THAT(world.all<JoinGroup>(), SizeIs(1));
    kernel.host_dies(kHost);
    world.run_for(world.config.host_timeout + world.config.linger + minutes(1));
    EXPECT_FALSE(held(kHost));
}

/// Of the host, of the upstream's own address, and of the anycast address that a router has.
TEST_F(EngineRestartTest, NothingIsClaimedThatIsExplained) {
    appear(kHost);
    ASSERT_THAT(kernel.groups_held(kernel.index("eth9")), SizeIs(3));
    restart({{"br0", kHost, {}, {}}});
    ASSERT_THAT(groups(), SizeIs(1));
    EXPECT_FALSE(groups()[0].leased);
    EXPECT_EQ(world.count(NoticeKind::groups_inherited), 0U);
}

TEST_F(EngineRestartTest, WithoutLingerAClaimStillLivesForAListenerInterval) {
    Config config = world.config;
    config.linger = seconds(0);
    world.reload(config);
    world.run_for(seconds(2));
    appear(kHost);
    restart({});
    world.run_for(Engine::kListenerInterval - seconds(1));
    EXPECT_TRUE(held(kHost)) << "it may be wanted for reports alone";
    world.run_for(seconds(2));
    EXPECT_THAT(groups(), IsEmpty());
    EXPECT_FALSE(held(kHost));
}

TEST_F(EngineRestartTest, GroupsOfInterfacesThatAreNoUpstreamAreNobodysClaim) {
    appear(kHost);
    world.restart({});
    world.handle(GroupsInherited{kernel.index("br0"), {SolicitedNodeGroup::of(kOther)}});
    world.handle(GroupsInherited{999, {SolicitedNodeGroup::of(kOther)}});
    world.run_for(seconds(1));
    ASSERT_THAT(groups(), SizeIs(1));
    EXPECT_EQ(groups()[0].group, SolicitedNodeGroup::of(kHost).address().to_string());
}

TEST_F(EngineRestartTest, ASleepDoesNotUseUpTheTimeInWhichInheritedGroupsMayBeExplained) {
    appear(kHost);
    restart({});
    world.suspend(hours(10));
    world.run_for(world.config.linger - minutes(1));
    EXPECT_TRUE(held(kHost));
    world.run_for(minutes(2));
    EXPECT_FALSE(held(kHost));
}

// Audit

TEST_F(EngineRestartTest, AnAuditFollowsTheStart) {
    restart({});
    EXPECT_EQ(audits(), 1U) << "before the joins, for the counters";
    world.run_for(seconds(1));
    EXPECT_EQ(audits(), 2U);
}

TEST_F(EngineRestartTest, AuditsComeEveryInterval) {
    world.run_for(minutes(10));
    EXPECT_EQ(audits(), 10U);
    EXPECT_EQ(world.snapshot().counters.at("groups.audits"), 12U) << "and those of the start";
    EXPECT_THAT(world.all<JoinGroup>(), IsEmpty());
}

TEST_F(EngineRestartTest, AnIntervalOfZeroAuditsOnlyForAReason) {
    Config config = world.config;
    config.audit_interval = seconds(0);
    world.reload(config);
    world.run_for(minutes(2));
    world.log.clear();
    world.run_for(hours(2));
    EXPECT_EQ(audits(), 0U);
    kernel.set_mac("eth9", {{2, 0, 0, 0, 9, 9}});
    world.run_for(seconds(1));
    EXPECT_EQ(audits(), 1U);
    world.run_for(hours(2));
    EXPECT_EQ(audits(), 1U);

    config.audit_interval = seconds(30);
    world.reload(config);
    world.log.clear();
    world.run_for(minutes(5));
    EXPECT_GE(audits(), 10U);
}

TEST_F(EngineRestartTest, AnAbsentUpstreamIsNotAuditedUntilItIsBack) {
    kernel.delete_link("eth9");
    world.run_for(seconds(2));
    world.log.clear();
    world.run_for(minutes(10));
    EXPECT_EQ(audits(), 0U);
    kernel.create_link("eth9");
    world.run_for(seconds(1));
    EXPECT_GE(audits(), 1U);
}

TEST_F(EngineRestartTest, WhatTheKernelLostSilentlyIsJoinedAgain) {
    appear(kHost);
    appear(kOther);
    world.log.clear();
    kernel.lose_memberships("eth9");
    world.run_for(world.config.audit_interval + seconds(1));
    EXPECT_TRUE(held(kHost));
    EXPECT_TRUE(held(kOther));
    ASSERT_EQ(world.count(NoticeKind::groups_lost), 1U);
    for (const Notice& notice : world.notices()) {
        if (notice.kind == NoticeKind::groups_lost) {
            EXPECT_EQ(notice.count, 2U);
            EXPECT_EQ(notice.interface, "eth9");
        }
    }
    world.log.clear();
    world.run_for(minutes(5));
    EXPECT_THAT(world.all<JoinGroup>(), IsEmpty());
    EXPECT_EQ(world.count(NoticeKind::groups_lost), 0U);
}

TEST_F(EngineRestartTest, LinkEventsAreAuditedWithinASecond) {
    appear(kHost);
    const auto healed = [&] {
        kernel.lose_memberships("eth9");
        world.run_for(milliseconds(1));
        EXPECT_FALSE(held(kHost)) << "not yet";
        world.run_for(seconds(1));
        return held(kHost);
    };
    kernel.set_mac("eth9", {{2, 0, 0, 0, 9, 9}});
    EXPECT_TRUE(healed()) << "another MAC";
    kernel.set_mtu("eth9", 1400);
    EXPECT_TRUE(healed()) << "another MTU";
    kernel.set_carrier("eth9", false);
    EXPECT_TRUE(healed()) << "no carrier";
    kernel.set_carrier("eth9", true);
    EXPECT_TRUE(healed()) << "carrier";
    kernel.add_address("eth9", address("2001:db8:1::2"), 64);
    kernel.remove_address("eth9", address("2001:db8:1::2"));
    EXPECT_TRUE(healed()) << "an address went, as all do with disable_ipv6";
}

TEST_F(EngineRestartTest, AnUpstreamRecreatedWithTheSameIndexInAnOverrunIsRepaired) {
    appear(kHost);
    const Ifindex index = kernel.index("eth9");
    kernel.lose_notifications(true);
    kernel.delete_link("eth9");
    kernel.create_link("eth9", index);
    kernel.add_address("eth9", kRouter, 64);
    EXPECT_FALSE(held(kHost));
    world.overrun_ends();
    world.run_for(seconds(2));
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(world.count(NoticeKind::groups_lost), 1U);
}

TEST_F(EngineRestartTest, AnMtuDipThatNobodySawIsRepaired) {
    appear(kHost);
    kernel.lose_notifications(true);
    kernel.set_mtu("eth9", 1200);
    kernel.set_mtu("eth9", 1500);
    kernel.add_address("eth9", kRouter, 64);
    EXPECT_FALSE(held(kHost));
    world.overrun_ends();
    world.run_for(seconds(2));
    EXPECT_TRUE(held(kHost));
}

TEST_F(EngineRestartTest, NewsOfALostGroupLeadToAnAuditAndNeverToALeave) {
    appear(kHost);
    world.log.clear();
    const Ifindex eth9 = kernel.index("eth9");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(kHost);

    world.handle(GroupGone{eth9, SolicitedNodeGroup::of(kOther)});
    world.handle(GroupGone{kernel.index("br0"), group});
    world.run_for(seconds(1));
    EXPECT_EQ(audits(), 0U) << "none of ours";

    world.handle(GroupGone{eth9, group});  // of a leave that a join of ours came after
    world.run_for(seconds(1));
    EXPECT_EQ(audits(), 1U);
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    EXPECT_THAT(world.all<JoinGroup>(), IsEmpty());

    kernel.lose_memberships("eth9");
    world.handle(GroupGone{eth9, group});
    world.run_for(seconds(1));
    EXPECT_TRUE(held(kHost));
}

TEST_F(EngineRestartTest, AGroupThatCouldNotBeJoinedIsNotCalledLost) {
    kernel.refuse_joins(ENOMEM);
    appear(kHost);
    world.run_for(minutes(5));
    EXPECT_EQ(world.count(NoticeKind::groups_lost), 0U);
    kernel.refuse_joins(0);
    world.run_for(minutes(1));
    EXPECT_TRUE(held(kHost));
}

// Time

/// Living and dead ones, confirmed, being asked and at the end of the linger.
TEST_F(EngineRestartTest, HoursOfSleepLeaveNobodyUnasked) {
    std::map<SolicitedNodeGroup, Ipv6Address> hosts;
    for (std::uint8_t i = 1; i <= 60; ++i) {
        Ipv6Address host = kHost;
        host.bytes[15] = i;
        hosts.emplace(SolicitedNodeGroup::of(host), host);
        appear(host);
        if (i % 2 == 0) {
            kernel.host_dies(host);
        }
        world.run_for(seconds(37));
    }
    world.log.clear();
    std::map<Ipv6Address, int> asked;
    std::size_t left = 0;
    world.on_action = [&](const Action& action) {
        if (const auto* probe = std::get_if<ProbeHost>(&action)) {
            ++asked[probe->address];
        } else if (const auto* leave = std::get_if<LeaveGroup>(&action)) {
            ++left;
            EXPECT_GE(asked[hosts.at(leave->group)], 1);
        }
    };
    world.suspend(hours(12));
    world.run_for(world.config.host_timeout + world.config.linger + minutes(2));
    EXPECT_GT(left, 0U);
    for (const auto& [group, host] : hosts) {
        EXPECT_EQ(held(host), kernel.lives(host)) << host.to_string();
    }
}

}  // namespace
}  // namespace solicitd::test
