#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine_fixture.hpp"

/// What is said and heard upstream, and the groups that the LAN reports.
namespace solicitd::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const Ipv6Address kQuerier = address("fe80::a");
const Ipv6Address kLinkLocal = address("fe80::9");
const MacAddress kHostMac{{2, 0, 0, 0, 0, 0x11}};

MldQuery general_query(const Ipv6Address& source = kQuerier, MldVersion version = MldVersion::v2) {
    MldQuery query;
    query.version = version;
    query.source = source;
    query.max_response = seconds(10);
    if (version == MldVersion::v2) {
        query.robustness = 2;
        query.interval = seconds(125);
    }
    return query;
}

class UpstreamTest : public EngineTest {
protected:
    explicit UpstreamTest(const Config& config = default_config()) : EngineTest(config) {
        kernel.add_address("eth9", kLinkLocal, 64);
        world.start();
        appear(kHost);
        world.run_for(seconds(5));
        world.log.clear();
    }

    void query(const MldQuery& query) { world.handle(QueryHeard{kernel.index("eth9"), query}); }
    void report(const std::string& interface, SolicitedNodeGroup group,
                MldVersion version = MldVersion::v2) {
        world.handle(GroupReported{kernel.index(interface), group, version, kHostMac});
    }
    void allow_groups(std::size_t count) {
        Config config = world.config;
        config.max_groups = count;
        world.reload(config);
        world.run_for(seconds(5));
    }
    void ask(const Ipv6Address& target, bool multicast = true) {
        world.handle(NeighborAsked{kernel.index("eth9"), target, multicast});
    }
    [[nodiscard]] std::vector<SendReport> reports() const { return world.all<SendReport>(); }
    /// Groups of all reports of ours since the log was cleared.
    [[nodiscard]] std::multiset<std::uint32_t> reported() const {
        std::multiset<std::uint32_t> groups;
        for (const SendReport& each : reports()) {
            for (const SolicitedNodeGroup group : each.groups) {
                groups.insert(group.low24);
            }
        }
        return groups;
    }
    [[nodiscard]] StateSnapshot::Upstream upstream() const {
        return world.snapshot().upstreams.at(0);
    }
    [[nodiscard]] bool wanted(SolicitedNodeGroup group) const {
        const auto groups = upstream().groups;
        return std::any_of(groups.begin(), groups.end(), [&](const StateSnapshot::Group& each) {
            return each.group == group.address().to_string();
        });
    }
    /// A querier that asks every 125 s, as long as `duration`.
    void stay_queried(Duration duration) {
        for (Duration passed{}; passed < duration; passed += seconds(125)) {
            query(general_query());
            world.run_for(seconds(125));
        }
    }
};

template <AnnounceMode mode>
class UpstreamTestWith : public UpstreamTest {
protected:
    UpstreamTestWith()
        : UpstreamTest([] {
              Config config = default_config();
              config.announce = mode;
              return config;
          }()) {}
};
using AlwaysAnnouncing = UpstreamTestWith<AnnounceMode::always>;
using NeverAnnouncing = UpstreamTestWith<AnnounceMode::never>;

// Announcing

TEST_F(UpstreamTest, WithAHealthyQuerierNotOneReportIsOurs) {
    stay_queried(minutes(60));
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_EQ(world.count(NoticeKind::querier_found), 1U);
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
    EXPECT_EQ(upstream().querier.state, "present");
    EXPECT_EQ(upstream().querier.address, "fe80::a");
    EXPECT_THAT(upstream().problems, IsEmpty());
}

TEST_F(UpstreamTest, WithoutAQuerierAllIsAnnouncedAfter255SecondsAndEveryMinute) {
    world.run_for(seconds(245));  // the interface was seen some seconds ago
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_EQ(upstream().querier.state, "unknown");
    world.run_for(seconds(11));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 1U);
    ASSERT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(reports()[0].upstream, kernel.index("eth9"));
    EXPECT_EQ(reports()[0].source, kLinkLocal);
    EXPECT_EQ(reports()[0].version, MldVersion::v2);
    EXPECT_THAT(reported(), Contains(SolicitedNodeGroup::of(kHost).low24));
    // The router's own, which the kernel does not repeat either.
    EXPECT_THAT(reported(), Contains(SolicitedNodeGroup::of(kRouter).low24));
    EXPECT_THAT(upstream().problems, ElementsAre("no-querier"));
    world.log.clear();
    world.run_for(minutes(10));
    EXPECT_THAT(reports(), SizeIs(10));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
}

TEST_F(UpstreamTest, AQuerierThatIsBackEndsIt) {
    world.run_for(seconds(300));
    world.log.clear();
    query(general_query());
    world.run_for(seconds(2));
    EXPECT_EQ(world.count(NoticeKind::querier_back), 1U);
    EXPECT_THAT(reports(), SizeIs(1)) << "to a new querier";
    EXPECT_THAT(upstream().problems, IsEmpty());
    stay_queried(minutes(20));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(UpstreamTest, AQuerierThatStopsIsMissedAsSoonAsItsOwnValuesSay) {
    MldQuery quick = general_query();
    quick.interval = seconds(2);
    quick.max_response = seconds(1);
    query(quick);
    world.run_for(milliseconds(4490));
    EXPECT_THAT(reports(), IsEmpty());
    world.run_for(milliseconds(100));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(AlwaysAnnouncing, ItRepeatsWhateverTheQuerierDoes) {
    world.run_for(seconds(60));
    world.log.clear();
    stay_queried(seconds(600));
    EXPECT_GE(reports().size(), 10U);
    EXPECT_LE(reports().size(), 11U);
}

TEST_F(NeverAnnouncing, NothingIsSent) {
    world.run_for(minutes(10));
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    query(general_query(Ipv6Address{}));
    world.run_for(minutes(1));
    EXPECT_THAT(reports(), IsEmpty());
    ASSERT_EQ(world.count(NoticeKind::querier_lost), 1U);
    for (const Notice& notice : world.notices()) {
        if (notice.kind == NoticeKind::querier_lost) {
            EXPECT_EQ(notice.interval, seconds(0));
        }
    }
}

TEST_F(UpstreamTest, ANewQuerierAndANewVersionAreAnnouncedTo) {
    query(general_query());
    world.run_for(seconds(5));
    ASSERT_THAT(reports(), IsEmpty());

    query(general_query(address("fe80::1")));  // wins the election
    world.run_for(seconds(1));
    EXPECT_THAT(reports(), SizeIs(1));
    query(general_query(address("fe80::b")));  // does not
    world.run_for(seconds(5));
    EXPECT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(upstream().querier.address, "fe80::1");

    world.log.clear();
    query(general_query(address("fe80::1"), MldVersion::v1));
    world.run_for(seconds(1));
    ASSERT_THAT(reports(), Not(IsEmpty()));
    for (const SendReport& each : reports()) {
        EXPECT_EQ(each.version, MldVersion::v1);
        EXPECT_THAT(each.groups, SizeIs(1));
    }
    EXPECT_EQ(upstream().report_version, 1);
    EXPECT_EQ(reported().count(SolicitedNodeGroup::of(kHost).low24), 1U);
}

TEST_F(UpstreamTest, AChangedMacIsAnnouncedWithinASecond) {
    query(general_query());
    world.run_for(seconds(5));
    world.log.clear();
    kernel.set_mac("eth9", MacAddress{{2, 0, 0, 0, 9, 9}});
    world.pump();
    world.run_for(seconds(1));
    EXPECT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(world.count(NoticeKind::announced), 1U);
    world.run_for(minutes(2));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(UpstreamTest, AnUpstreamThatIsBackIsAnnouncedOn) {
    query(general_query());
    kernel.set_carrier("eth9", false);
    world.pump();
    world.run_for(seconds(30));
    EXPECT_THAT(reports(), IsEmpty());
    kernel.set_carrier("eth9", true);
    world.pump();
    world.run_for(seconds(4));
    EXPECT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
}

TEST_F(AlwaysAnnouncing, AnOverdueRepeatDoesNotSpoilTheAnnouncementAfterAnOutage) {
    kernel.set_carrier("eth9", false);
    world.pump();
    world.run_for(minutes(5));
    world.log.clear();
    kernel.set_carrier("eth9", true);
    world.pump();
    world.run_for(milliseconds(900));  // the switch may not forward yet
    EXPECT_THAT(reports(), IsEmpty());
    world.run_for(seconds(3));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(UpstreamTest, QueriersThatChangeAllTheTimeAreNotToldAllTheTime) {
    for (int i = 0; i < 1000; ++i) {
        query(general_query(kQuerier, i % 2 == 0 ? MldVersion::v1 : MldVersion::v2));
        world.run_for(milliseconds(50));
    }
    EXPECT_LE(world.count(NoticeKind::querier_found), 10U);
}

// A forger with the lowest address, who falls silent again and again.
TEST_F(UpstreamTest, AQuerierThatComesAndGoesAllTheTimeIsNotToldAllTheTime) {
    const auto told = [&] {
        return world.count(NoticeKind::querier_found) + world.count(NoticeKind::querier_back) +
               world.count(NoticeKind::querier_lost);
    };
    MldQuery short_lived = general_query(address("fe80::1"));
    short_lived.robustness = 1;
    short_lived.interval = seconds(1);
    short_lived.max_response = seconds(0);
    for (int i = 0; i < 100; ++i) {
        query(short_lived);
        world.run_for(milliseconds(1200));
    }
    EXPECT_GE(told(), 10U);
    EXPECT_LE(told(), 2 * 10U + 1);
    EXPECT_EQ(upstream().querier.state, "absent");

    // How it stands in the end is told in the end.
    world.run_for(minutes(2));
    const std::size_t losses = world.count(NoticeKind::querier_lost);
    EXPECT_EQ(losses, world.count(NoticeKind::querier_back) + 1);
    query(general_query());
    EXPECT_EQ(world.count(NoticeKind::querier_back), losses);
}

TEST_F(UpstreamTest, AnHourToAnswerStopsNoRepeats) {
    Config config = default_config();
    config.announce = AnnounceMode::always;
    world.reload(config);
    world.run_for(minutes(1));
    MldQuery patient = general_query(Ipv6Address{});
    patient.max_response = seconds(8388);
    query(patient);
    world.log.clear();
    world.run_for(minutes(30));
    EXPECT_THAT(reports(), SizeIs(30));
}

TEST_F(UpstreamTest, AnAnnouncementOfNothingIsNotTold) {
    query(general_query());
    MldQuery specific = general_query(Ipv6Address{});
    specific.group = SolicitedNodeGroup::of(kHost).address();
    query(specific);
    appear(kOther);
    kernel.remove_address("eth9", kRouter);
    kernel.add_address("eth9", address("2001:db8:2::1"), 64);
    world.pump();
    ASSERT_FALSE(held(kHost));
    world.run_for(seconds(20));
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_EQ(world.count(NoticeKind::announced), 0U);
}

TEST_F(UpstreamTest, WhileTheUpstreamIsDownSilenceSaysNothing) {
    query(general_query());
    kernel.set_carrier("eth9", false);
    world.pump();
    world.run_for(minutes(60));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
    kernel.set_carrier("eth9", true);
    world.pump();
    world.run_for(seconds(254));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
    world.run_for(seconds(2));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 1U);
}

TEST_F(UpstreamTest, ASleepOfTheMachineIsNoSilenceOfTheQuerier) {
    query(general_query());
    world.suspend(minutes(60));
    world.run_for(seconds(200));
    EXPECT_EQ(world.count(NoticeKind::querier_lost), 0U);
    EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(UpstreamTest, ASleepOfTheMachineEndsNoVersion1) {
    query(general_query(kQuerier, MldVersion::v1));
    world.suspend(minutes(60));
    world.run_for(seconds(2));
    EXPECT_EQ(upstream().report_version, 1);
}

TEST_F(UpstreamTest, AGroupOfTheRoutersOwnIsAnsweredForToo) {
    query(general_query());
    MldQuery specific = general_query(Ipv6Address{});
    specific.group = SolicitedNodeGroup::of(kRouter).address();
    query(specific);
    world.run_for(seconds(10));
    ASSERT_THAT(reports(), SizeIs(1));
    EXPECT_THAT(reported(), ElementsAre(SolicitedNodeGroup::of(kRouter).low24));
}

TEST_F(UpstreamTest, AQueryFromNobodyIsAnsweredInTimeAndNoMoreThanOnceASecond) {
    query(general_query());
    MldQuery from_nobody = general_query(Ipv6Address{});
    from_nobody.max_response = seconds(1);
    query(from_nobody);
    world.run_for(seconds(1));
    EXPECT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(upstream().querier.address, "fe80::a");

    world.log.clear();
    for (int i = 0; i < 1000; ++i) {
        query(from_nobody);
        world.run_for(milliseconds(10));
    }
    EXPECT_GE(reports().size(), 9U);
    EXPECT_LE(reports().size(), 11U);
}

TEST_F(UpstreamTest, AGroupQueryFromNobodyIsAnsweredForThatGroupAlone) {
    query(general_query());
    appear(kOther);
    world.run_for(seconds(5));
    world.log.clear();
    MldQuery specific = general_query(Ipv6Address{});
    specific.group = SolicitedNodeGroup::of(kHost).address();
    query(specific);
    specific.group = address("ff02::1:ff77:7777");  // nobody's
    query(specific);
    specific.group = address("ff02::fb");
    query(specific);
    world.run_for(seconds(10));
    ASSERT_THAT(reports(), SizeIs(1));
    EXPECT_THAT(reported(), ElementsAre(SolicitedNodeGroup::of(kHost).low24));
}

TEST_F(UpstreamTest, AQuerierOfVersion1FromNobodyIsAnsweredInItsVersion) {
    query(general_query());
    query(general_query(Ipv6Address{}, MldVersion::v1));
    world.run_for(seconds(10));
    ASSERT_THAT(reports(), Not(IsEmpty()));
    EXPECT_EQ(reports()[0].version, MldVersion::v1);
}

TEST_F(UpstreamTest, WhatAnotherHostsVersion1ReportSuppressedIsOursOnceAQuery) {
    query(general_query(kQuerier, MldVersion::v1));
    world.run_for(seconds(2));
    world.log.clear();
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(kHost);
    for (int i = 0; i < 5; ++i) {  // another solicitd would answer ours, and so on
        report("eth9", group, MldVersion::v1);
        world.run_for(seconds(2));
    }
    report("eth9", SolicitedNodeGroup::of(kOther), MldVersion::v1);  // not ours
    world.run_for(seconds(2));
    ASSERT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(reports()[0].version, MldVersion::v1);
    EXPECT_THAT(reported(), ElementsAre(group.low24));

    query(general_query(kQuerier, MldVersion::v1));
    report("eth9", group, MldVersion::v1);
    world.run_for(seconds(2));
    EXPECT_THAT(reports(), SizeIs(2));
}

TEST_F(UpstreamTest, WithAVersion2QuerierNobodySuppressesOurs) {
    query(general_query());
    report("eth9", SolicitedNodeGroup::of(kHost), MldVersion::v1);
    world.run_for(seconds(5));
    EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(UpstreamTest, FourThousandGroupsAreAnnouncedIn56PacketsWithinASecond) {
    Config many = default_config();
    many.max_groups = 8192;
    world.reload(many);
    for (unsigned i = 0; i < 4000; ++i) {
        Ipv6Address host = kHost;
        host.bytes[13] = 0x99;
        host.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        host.bytes[15] = static_cast<std::uint8_t>(i);
        hear(host);
    }
    query(general_query());
    world.run_for(seconds(5));
    world.log.clear();
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(seconds(1));
    EXPECT_LE(reports().size(), 57U);
    const auto groups = reported();
    EXPECT_GE(groups.size(), 4001U);
    EXPECT_EQ(std::set<std::uint32_t>(groups.begin(), groups.end()).size(), groups.size());
    for (const SendReport& each : reports()) {
        EXPECT_LE(each.groups.size(), 72U);
    }
}

TEST_F(UpstreamTest, AReportThatCannotBeSentIsSentLaterAndToldOnce) {
    query(general_query());
    kernel.drop_reports(true);
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(seconds(20));
    EXPECT_EQ(world.count(NoticeKind::report_failed), 1U);
    EXPECT_THAT(upstream().problems, Contains("reports-refused"));
    const std::size_t tries = reports().size();
    EXPECT_GE(tries, 4U);
    EXPECT_LE(tries, 6U);  // after 1, 2, 4, 8 s
    kernel.drop_reports(false);
    world.run_for(seconds(60));
    EXPECT_EQ(world.count(NoticeKind::report_recovered), 1U);
    EXPECT_THAT(upstream().problems, IsEmpty());
    world.log.clear();
    world.run_for(seconds(60));
    EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(UpstreamTest, NeverEndsEvenWhatKeepsFailing) {
    query(general_query());
    kernel.drop_reports(true);
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(seconds(10));
    ASSERT_THAT(upstream().problems, Contains("reports-refused"));
    Config never = default_config();
    never.announce = AnnounceMode::never;
    world.reload(never);
    world.run_for(seconds(1));
    world.log.clear();
    world.run_for(minutes(10));
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_THAT(upstream().problems, Not(Contains("reports-refused")));
}

TEST_F(UpstreamTest, FromATentativeAddressNothingIsSent) {
    query(general_query());
    kernel.remove_address("eth9", kLinkLocal);
    world.pump();
    world.handle(AddressSeen{kernel.index("eth9"), kLinkLocal, 64, true});
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(seconds(5));
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_THAT(upstream().problems, ElementsAre("no-link-local"));
    kernel.add_address("eth9", kLinkLocal, 64);  // DAD is done
    world.pump();
    world.run_for(seconds(1));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(UpstreamTest, WithNothingHeldThereIsNothingToRemindOf) {
    query(general_query());
    kernel.host_dies(kHost);
    world.run_for(minutes(40));
    ASSERT_FALSE(held(kHost));
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(minutes(1));
    query(general_query());
    world.log.clear();
    appear(kOther);
    world.run_for(seconds(30));
    EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(UpstreamTest, WithoutALinkLocalAddressItWaitsForOne) {
    query(general_query());
    kernel.remove_address("eth9", kLinkLocal);
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(minutes(2));
    EXPECT_THAT(reports(), IsEmpty());
    appear(kOther);  // nothing else is held up by it
    EXPECT_TRUE(held(kOther));
    kernel.add_address("eth9", kLinkLocal, 64);
    world.pump();
    world.run_for(seconds(1));
    EXPECT_THAT(reports(), SizeIs(1));
}

TEST_F(UpstreamTest, AReloadChangesWhatIsAnnounced) {
    query(general_query());
    Config always = default_config();
    always.announce = AnnounceMode::always;
    always.announce_interval = seconds(5);
    world.reload(always);
    world.run_for(seconds(51));
    EXPECT_GE(reports().size(), 10U);
    world.reload(default_config());
    world.log.clear();
    world.run_for(minutes(1));
    EXPECT_THAT(reports(), IsEmpty());
    EXPECT_EQ(upstream().querier.state, "present");
}

TEST_F(UpstreamTest, AnotherInterfaceOfTheNameIsListenedToAnew) {
    query(general_query());
    const Ifindex former = kernel.index("eth9");
    kernel.delete_link("eth9");
    world.pump();
    ASSERT_THAT(world.all<StopCapture>(), SizeIs(1));
    EXPECT_EQ(world.all<StopCapture>()[0].index, former);
    kernel.create_link("eth9");
    kernel.add_address("eth9", kRouter, 64);
    kernel.add_address("eth9", kLinkLocal, 64);
    world.pump();
    EXPECT_EQ(upstream().querier.state, "unknown");
    world.run_for(seconds(5));
    ASSERT_THAT(world.all<StartCapture>(), SizeIs(1));
    EXPECT_TRUE(std::holds_alternative<OnUpstream>(world.all<StartCapture>()[0].side));
    EXPECT_EQ(world.all<StartCapture>()[0].index, kernel.index("eth9"));
    // The joins are new, and the kernel reports them.
    EXPECT_THAT(reports(), IsEmpty());
    kernel.set_mac("eth9", kHostMac);
    world.pump();
    world.run_for(seconds(1));
    ASSERT_THAT(reports(), SizeIs(1));
    EXPECT_EQ(reports()[0].upstream, kernel.index("eth9"));
}

// A firewall

TEST_F(UpstreamTest, ReportsThatAFirewallDropsAreToldOnceAndWhenTheyPassAgain) {
    query(general_query());
    kernel.drop_reports(true);
    appear(kOther);
    world.run_for(minutes(2));
    EXPECT_EQ(world.count(NoticeKind::reports_discarded), 1U);
    EXPECT_THAT(upstream().problems, Contains("reports-discarded"));
    kernel.drop_reports(false);
    world.log.clear();
    appear(address("2001:db8:1::7:7"));
    world.run_for(seconds(10));
    EXPECT_EQ(world.count(NoticeKind::reports_pass), 1U);
    EXPECT_THAT(upstream().problems, IsEmpty());
    EXPECT_THAT(reports(), Not(IsEmpty())) << "what was dropped meanwhile";
}

TEST_F(UpstreamTest, AReportOfOursThatGetsOutEndsTheAlarmToo) {
    query(general_query());
    kernel.drop_reports(true);
    appear(kOther);
    kernel.set_mac("eth9", MacAddress{{2, 0, 0, 0, 0, 0x77}});
    world.pump();
    world.run_for(minutes(2));
    ASSERT_THAT(upstream().problems, Contains("reports-discarded"));
    kernel.drop_reports(false);
    world.log.clear();
    world.run_for(minutes(3));  // until it is tried again; the kernel has nothing to report
    EXPECT_EQ(world.count(NoticeKind::reports_pass), 1U);
    EXPECT_THAT(upstream().problems, Not(Contains("reports-discarded")));
}

TEST_F(UpstreamTest, WhatIsDroppedWithoutACarrierIsNoFirewall) {
    query(general_query());
    kernel.set_carrier("eth9", false);
    world.pump();
    kernel.drop_reports(true);  // as the kernel does then
    appear(kOther);
    world.run_for(minutes(3));
    kernel.drop_reports(false);
    kernel.set_carrier("eth9", true);
    world.pump();
    world.run_for(minutes(3));
    EXPECT_EQ(world.count(NoticeKind::reports_discarded), 0U);
}

TEST_F(UpstreamTest, AFirewallIsFoundThoughTheAuditIsOffAndReportsPassedBefore) {
    Config config = default_config();
    config.audit_interval = seconds(0);
    world.reload(config);
    world.run_for(seconds(10));
    kernel.drop_reports(true);
    appear(kOther);
    world.run_for(seconds(4));
    EXPECT_EQ(world.count(NoticeKind::reports_discarded), 1U);
}

// Only what the firewall refuses counts among the kernel's discards.
TEST_F(UpstreamTest, AReportOfOursThatTheInterfaceRefusesHidesNoFirewall) {
    query(general_query());
    world.run_for(seconds(10));
    for (int i = 0; i < 10; ++i) {
        world.handle(ReportSent{kernel.index("eth9"), ENODEV});
    }
    kernel.drop_reports(true);
    appear(kOther);
    world.run_for(seconds(4));
    EXPECT_EQ(world.count(NoticeKind::reports_discarded), 1U);
}

TEST_F(UpstreamTest, AGroupThatIsHeldAlreadyIsNotReportedAndProvesNoFirewall) {
    query(general_query());
    world.run_for(minutes(1));
    world.restart(world.engine->saved_hosts(world.now));  // through the sockets that were kept
    kernel.drop_reports(true);
    kernel.set_mac("eth9", kHostMac);  // something is dropped: a report of ours
    world.pump();
    world.run_for(seconds(20));
    EXPECT_EQ(world.count(NoticeKind::reports_discarded), 0U);
}

// The LAN's reports

TEST_F(UpstreamTest, AReportedGroupIsJoinedForAListenerInterval) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(kOther);
    report("br0", group);
    EXPECT_TRUE(held(kOther));
    EXPECT_EQ(state(kOther), "unknown");
    world.run_for(seconds(200));
    report("br0", group);
    world.run_for(seconds(259));
    EXPECT_TRUE(held(kOther));
    world.run_for(seconds(2));
    EXPECT_FALSE(held(kOther));
    EXPECT_EQ(world.count(NoticeKind::joined), 1U);
    EXPECT_EQ(world.count(NoticeKind::left), 1U);
}

TEST_F(UpstreamTest, AReportHoldsTheGroupThatAHostLets) {
    report("br0", SolicitedNodeGroup::of(kOther));
    hear(kOther, Evidence::dad_solicitation);
    world.run_for(seconds(80));
    ASSERT_EQ(state(kOther), "unknown");
    EXPECT_THAT(world.all<LeaveGroup>(), IsEmpty());
    world.run_for(seconds(181));
    EXPECT_THAT(world.all<LeaveGroup>(), SizeIs(1));
}

TEST_F(UpstreamTest, AReportOutlivesTheHostThatIsKnownOfTheGroup) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(kHost);
    kernel.host_dies(kHost);
    for (int i = 0; i < 40; ++i) {  // somebody else of the group, who says nothing else
        report("br0", group);
        world.run_for(minutes(1));
    }
    EXPECT_EQ(state(kHost), "unknown");
    EXPECT_TRUE(held(kHost));
}

TEST_F(UpstreamTest, GroupsOfLinkLocalAddressesThatAnsweredAreNotTaken) {
    const Ipv6Address link_local = address("fe80::1234:9abc");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(link_local);
    kernel.set_neighbor("br0", link_local, NeighborState::reachable, kHostMac);
    world.pump();
    report("br0", group);
    EXPECT_FALSE(wanted(group));
    world.run_for(minutes(1));
    ASSERT_EQ(kernel.neighbor("br0", link_local), NeighborState::stale);
    report("br0", group);
    EXPECT_FALSE(wanted(group));
    kernel.remove_neighbor("br0", link_local);
    world.pump();
    report("br0", group);
    EXPECT_TRUE(wanted(group));
}

TEST_F(UpstreamTest, ALinkLocalAddressWhoseEntryWentUnheardExplainsNothing) {
    const Ipv6Address link_local = address("fe80::1234:9abc");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(link_local);
    kernel.set_neighbor("br0", link_local, NeighborState::reachable, kHostMac);
    world.pump();
    world.overrun_ends();  // it is in the dump
    world.run_for(seconds(3));
    report("br0", group);
    EXPECT_FALSE(wanted(group));
    kernel.lose_notifications(true);
    kernel.remove_neighbor("br0", link_local);
    world.overrun_ends();
    world.run_for(seconds(3));
    report("br0", group);
    EXPECT_TRUE(wanted(group));
}

TEST_F(UpstreamTest, LinkLocalAddressesWhoseEntriesWentUnheardTakeNoRoomFromLaterOnes) {
    const auto nth = [](std::uint32_t number) {
        Ipv6Address each = address("fe80::77:0:0:1");
        each.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
        each.bytes[15] = static_cast<std::uint8_t>(number);
        return each;
    };
    for (std::uint32_t i = 0; i < LinkLocalNeighbors::kCapacity; ++i) {
        kernel.set_neighbor("br0", nth(i), NeighborState::stale, kHostMac);
    }
    world.pump();
    kernel.lose_notifications(true);
    for (std::uint32_t i = 0; i < LinkLocalNeighbors::kCapacity; ++i) {
        kernel.remove_neighbor("br0", nth(i));
    }
    world.overrun_ends();
    world.run_for(seconds(3));
    const Ipv6Address link_local = address("fe80::1234:9abc");
    kernel.set_neighbor("br0", link_local, NeighborState::reachable, kHostMac);
    world.pump();
    report("br0", SolicitedNodeGroup::of(link_local));
    EXPECT_FALSE(wanted(SolicitedNodeGroup::of(link_local)));
}

TEST_F(UpstreamTest, AReportBeforeTheLinkLocalAddressCostsOneListenerInterval) {
    const Ipv6Address link_local = address("fe80::1234:9abc");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(link_local);
    report("br0", group);
    kernel.set_neighbor("br0", link_local, NeighborState::reachable, kHostMac);
    world.run_for(seconds(125));
    report("br0", group);
    EXPECT_TRUE(wanted(group));
    world.run_for(seconds(136));
    EXPECT_FALSE(wanted(group));
}

// One Neighbor Solicitation from a made-up link-local address makes a STALE entry.
TEST_F(UpstreamTest, AForgedLinkLocalAddressTakesNoGroupFromASilentHost) {
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(kOther);
    Ipv6Address twin = address("fe80::6666:0:0");
    std::copy(kOther.bytes.end() - 3, kOther.bytes.end(), twin.bytes.end() - 3);
    const MacAddress forger{{6, 0, 0, 0, 0, 1}};
    const auto forge_and_report = [&](NeighborState state, const MacAddress& mac) {
        kernel.set_neighbor("br0", twin, state, mac);
        world.pump();
        EXPECT_TRUE(held(kOther));
        report("br0", group);
        world.run_for(seconds(200));
        EXPECT_TRUE(held(kOther)) << mac.to_string() << " " << static_cast<int>(state);
    };
    report("br0", group);
    forge_and_report(NeighborState::stale, forger);
    forge_and_report(NeighborState::delay, forger);
    forge_and_report(NeighborState::stale, kHostMac);    // the host's own MAC, in the option
    forge_and_report(NeighborState::reachable, forger);  // it has the address indeed
}

TEST_F(UpstreamTest, ALinkLocalAddressTakesNoHostAway) {
    // An EUI-64 host has both in the same group.
    kernel.set_neighbor("br0", address("fe80::1234:5678"), NeighborState::reachable, kHostMac);
    world.pump();
    EXPECT_TRUE(held(kHost));
}

TEST_F(UpstreamTest, OurOwnReportsOnTheLanAreNoEvidence) {
    const FakeKernel::Link* lan = kernel.link("br0");
    ASSERT_NE(lan, nullptr);
    world.handle(
        GroupReported{lan->index, SolicitedNodeGroup::of(kOther), MldVersion::v2, lan->mac});
    EXPECT_FALSE(held(kOther));
}

TEST_F(UpstreamTest, ReportsOfKnownHostsTakeNoRoomFromSilentOnes) {
    allow_groups(4096);
    for (std::uint16_t i = 0; i < 1500; ++i) {
        Ipv6Address host = kHost;
        host.bytes[13] = 0x99;
        host.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        host.bytes[15] = static_cast<std::uint8_t>(i);
        hear(host);
        report("br0", SolicitedNodeGroup::of(host));
    }
    report("br0", SolicitedNodeGroup::of(kOther));
    EXPECT_TRUE(held(kOther));
}

TEST_F(UpstreamTest, StrangersCannotReportMoreThanAThousandGroups) {
    allow_groups(4096);
    for (std::uint32_t i = 0; i < 5000; ++i) {
        report("br0", SolicitedNodeGroup{0x100000 + i});
    }
    EXPECT_EQ(upstream().groups.size(), MembershipPlan::kMostReported + 1);
    EXPECT_EQ(world.snapshot().counters.at("groups.refused.reports"),
              5000 - MembershipPlan::kMostReported);
    report("br0", SolicitedNodeGroup{0x100000});  // one that is known is still prolonged
    appear(kOther);
    EXPECT_TRUE(held(kOther));
}

TEST_F(UpstreamTest, ReportedGroupsThatWereEvictedMakeRoomForOthers) {
    const auto report_many = [&](std::uint32_t first) {
        for (std::uint32_t i = 0; i < MembershipPlan::kMostReported; ++i) {
            report("br0", SolicitedNodeGroup{first + i});
        }
    };
    report_many(0x100000);
    allow_groups(1);
    ASSERT_EQ(upstream().groups.size(), 1U);
    allow_groups(4096);
    report_many(0x200000);
    EXPECT_EQ(upstream().groups.size(), MembershipPlan::kMostReported + 1);
}

TEST_F(UpstreamTest, ReportsFillNoMoreThanMaxGroupsAndGiveWayToHosts) {
    for (std::uint32_t i = 0; i < 5000; ++i) {
        report("br0", SolicitedNodeGroup{0x100000 + i});
    }
    EXPECT_EQ(upstream().groups.size(), default_config().max_groups);
    EXPECT_EQ(world.snapshot().counters.at("groups.refused.reports"),
              5001 - default_config().max_groups);
    appear(kOther);
    world.run_for(seconds(0));
    EXPECT_TRUE(held(kOther)) << "hosts come first";
    EXPECT_TRUE(held(kHost));
    EXPECT_EQ(upstream().groups.size(), default_config().max_groups);
}

TEST_F(UpstreamTest, ReportsCanBeSwitchedOff) {
    Config config = default_config();
    config.mld_evidence = false;
    world.reload(config);
    world.run_for(seconds(5));
    report("br0", SolicitedNodeGroup::of(kOther));
    EXPECT_FALSE(held(kOther));
    ASSERT_THAT(world.all<StartCapture>(), SizeIs(1));
    EXPECT_FALSE(std::get<OnDownstream>(world.all<StartCapture>()[0].side).mld);
}

// The closed loop

TEST_F(UpstreamTest, QuestionsAreCountedByGroup) {
    ask(kHost);
    world.run_for(seconds(7));
    ask(kHost);
    world.run_for(seconds(3));
    ask(kHost, false);  // to our MAC address: the snooper let it pass anyhow
    const auto groups = upstream().groups;
    ASSERT_THAT(groups, SizeIs(1));
    EXPECT_EQ(groups[0].asked, 2U);
    EXPECT_EQ(groups[0].last_asked, seconds(3));
    EXPECT_GE(groups[0].held_for, seconds(10));
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
}

TEST_F(UpstreamTest, AnUnknownAddressIsAskedForOnTheLanAndFound) {
    kernel.host_lives(kOther, "br0");  // silent since before we came
    ask(kOther);
    world.run_for(seconds(1));
    EXPECT_EQ(world.all<ProbeHost>().size(), 1U);
    EXPECT_EQ(state(kOther), "confirmed");
    EXPECT_TRUE(held(kOther));
}

TEST_F(UpstreamTest, NoAnswerIsRememberedForAMinute) {
    for (int i = 0; i < 59; ++i) {
        ask(kOther);
        world.run_for(seconds(1));
    }
    EXPECT_THAT(world.all<ProbeHost>(), SizeIs(1));
    world.run_for(seconds(1));
    ask(kOther);
    EXPECT_THAT(world.all<ProbeHost>(), SizeIs(2));
}

TEST_F(UpstreamTest, AFloodOfQuestionsAsksTheLanTenTimesASecond) {
    for (unsigned i = 0; i < 20000; ++i) {
        Ipv6Address target = kOther;
        target.bytes[9] = static_cast<std::uint8_t>(i >> 8U);
        target.bytes[8] = static_cast<std::uint8_t>(i);
        ask(target);
        if (i % 1000 == 0) {
            world.run_for(milliseconds(100));
        }
    }
    EXPECT_GE(world.all<ProbeHost>().size(), 10U);
    EXPECT_LE(world.all<ProbeHost>().size(), 30U);
}

TEST_F(UpstreamTest, WhileTheLanIsDownNobodyIsAskedAndNothingRemembered) {
    kernel.set_carrier("br0", false);
    world.pump();
    ask(kOther);
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
    kernel.set_carrier("br0", true);
    world.pump();
    world.log.clear();
    ask(kOther);
    EXPECT_THAT(world.all<ProbeHost>(), Contains(testing::Field(&ProbeHost::address, kOther)));
}

TEST_F(UpstreamTest, OnlyWhatCanBeServedIsAskedFor) {
    ask(kRouter);
    ask(address("2001:db8:9::1"));
    ask(address("fe80::77"));
    EXPECT_THAT(world.all<ProbeHost>(), IsEmpty());
}

}  // namespace
}  // namespace solicitd::test
