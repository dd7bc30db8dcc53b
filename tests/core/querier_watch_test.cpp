#include "core/querier_watch.hpp"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <vector>

#include "fakes/nd_packets.hpp"

namespace solicitd {

// How GoogleTest shows a result that was not expected.
void PrintTo(QuerierWatch::Change change, std::ostream* out) {
    constexpr std::array<const char*, 6> names = {"none",    "found",   "back",
                                                  "another", "version", "lost"};
    *out << names.at(static_cast<std::size_t>(change));
}
void PrintTo(QuerierWatch::State state, std::ostream* out) {
    constexpr std::array<const char*, 3> names = {"unknown", "present", "absent"};
    *out << names.at(static_cast<std::size_t>(state));
}
void PrintTo(MldVersion version, std::ostream* out) {
    *out << 'v' << static_cast<int>(version);
}

namespace {

using namespace std::chrono_literals;
using Change = QuerierWatch::Change;
using State = QuerierWatch::State;
using test::address;

const Ipv6Address kLow = address("fe80::1");
const Ipv6Address kMiddle = address("fe80::2");
const Ipv6Address kHigh = address("fe80::f");
const Ipv6Address kGroup = address("ff02::1:ff34:5678");

/// After so long; the clock of these tests begins somewhere.
TimePoint at(Duration since_start) {
    return TimePoint(1000h) + since_start;
}

MldQuery query(const Ipv6Address& source, std::uint8_t robustness = 2,
               std::chrono::seconds interval = 125s, std::chrono::milliseconds response = 10s) {
    return {MldVersion::v2, source, {}, response, robustness, interval};
}
MldQuery query_v1(const Ipv6Address& source, std::chrono::milliseconds response = 10s) {
    return {MldVersion::v1, source, {}, response, 0, 0s};
}
MldQuery for_group(MldQuery asked) {
    asked.group = kGroup;
    return asked;
}

QuerierWatch listening() {
    QuerierWatch watch;
    watch.begin(at(0s));
    return watch;
}
/// Silent from the beginning.
QuerierWatch without_querier() {
    QuerierWatch watch = listening();
    EXPECT_EQ(watch.tick(at(255s)), Change::lost);
    return watch;
}
/// kMiddle was heard last at 0 s.
QuerierWatch with_querier() {
    QuerierWatch watch = listening();
    EXPECT_EQ(watch.heard(query(kMiddle), at(0s)), Change::found);
    return watch;
}
QuerierWatch with_lost_querier() {
    QuerierWatch watch = with_querier();
    EXPECT_EQ(watch.tick(at(255s)), Change::lost);
    return watch;
}

TEST(QuerierWatch, MakesEveryTransition) {
    struct Case {
        const char* name;
        QuerierWatch watch;
        MldQuery query;
        Duration when;
        Change change;
        State state;
        Ipv6Address querier;  ///< :: for none
    };
    const std::vector<Case> cases = {
        {"first", listening(), query(kHigh), 1s, Change::found, State::present, kHigh},
        {"first, v1", listening(), query_v1(kHigh), 1s, Change::found, State::present, kHigh},
        {"first from ::", listening(), query({}), 1s, Change::none, State::unknown, {}},
        {"first for a group",
         listening(),
         for_group(query(kLow)),
         1s,
         Change::none,
         State::unknown,
         {}},

        {"first after silence", without_querier(), query(kHigh), 256s, Change::back, State::present,
         kHigh},
        {"first from :: after silence",
         without_querier(),
         query({}),
         256s,
         Change::none,
         State::absent,
         {}},
        {"for a group after silence",
         without_querier(),
         for_group(query(kLow)),
         256s,
         Change::none,
         State::absent,
         {}},

        {"again", with_querier(), query(kMiddle), 125s, Change::none, State::present, kMiddle},
        {"again with other values", with_querier(), query(kMiddle, 3, 60s, 1s), 125s, Change::none,
         State::present, kMiddle},
        {"again in v1", with_querier(), query_v1(kMiddle), 125s, Change::version, State::present,
         kMiddle},
        {"lower", with_querier(), query(kLow), 1s, Change::another, State::present, kLow},
        {"lower in v1", with_querier(), query_v1(kLow), 1s, Change::another, State::present, kLow},
        {"higher", with_querier(), query(kHigh), 254s, Change::none, State::present, kMiddle},
        {"higher in v1", with_querier(), query_v1(kHigh), 1s, Change::none, State::present,
         kMiddle},
        {":: is no lower address", with_querier(), query({}), 1s, Change::none, State::present,
         kMiddle},
        {"lower for a group", with_querier(), for_group(query(kLow)), 1s, Change::none,
         State::present, kMiddle},
        {"higher, when tick() is late", with_querier(), query(kHigh), 255s, Change::another,
         State::present, kHigh},
        {"again, when tick() is late", with_querier(), query(kMiddle), 256s, Change::none,
         State::present, kMiddle},

        {"back", with_lost_querier(), query(kMiddle), 300s, Change::back, State::present, kMiddle},
        {"back in v1", with_lost_querier(), query_v1(kMiddle), 300s, Change::back, State::present,
         kMiddle},
        {"higher after silence", with_lost_querier(), query(kHigh), 300s, Change::another,
         State::present, kHigh},
        {"lower after silence", with_lost_querier(), query(kLow), 300s, Change::another,
         State::present, kLow},
        {":: after silence", with_lost_querier(), query({}), 300s, Change::none, State::absent,
         kMiddle},
        {"for a group after a loss", with_lost_querier(), for_group(query(kMiddle)), 300s,
         Change::none, State::absent, kMiddle},
    };
    for (const Case& row : cases) {
        QuerierWatch watch = row.watch;
        const Duration heard_before = watch.querier() ? watch.querier()->last_heard - at(0s) : 0s;
        EXPECT_EQ(watch.heard(row.query, at(row.when)), row.change) << row.name;
        EXPECT_EQ(watch.state(), row.state) << row.name;
        ASSERT_EQ(watch.querier().has_value(), !row.querier.is_unspecified()) << row.name;
        if (watch.querier()) {
            EXPECT_EQ(watch.querier()->address, row.querier) << row.name;
            const bool counts = row.query.source == row.querier && row.query.is_general();
            EXPECT_EQ(watch.querier()->last_heard, at(counts ? row.when : heard_before))
                << row.name;
            if (counts) {
                EXPECT_EQ(watch.querier()->version, row.query.version) << row.name;
            }
        }

        QuerierWatch paused = row.watch;
        paused.pause();
        EXPECT_EQ(paused.heard(row.query, at(row.when)), Change::none) << row.name;
        EXPECT_EQ(paused.state(), row.watch.state()) << row.name;
        EXPECT_EQ(paused.version(at(row.when)), MldVersion::v2) << row.name;
    }
}

TEST(QuerierWatch, IsLostAfterSilence) {
    struct Case {
        const char* name;
        MldQuery query;
        Duration silence;
    };
    const std::vector<Case> cases = {
        {"RFC 9777's defaults", query(kLow), 255s},
        {"other values", query(kLow, 3, 60s, 5s), 182'500ms},
        {"fast", query(kLow, 2, 2s, 1s), 4'500ms},
        {"QRV not told", query(kLow, 0, 60s, 10s), 125s},
        {"QQI not told", query(kLow, 3, 0s, 10s), 380s},
        {"v1", query_v1(kLow), 255s},
        {"v1 with another response", query_v1(kLow, 1s), 250'500ms},
        {"no response time", query(kLow, 2, 125s, 0s), 250s},
        {"long", query(kLow, 7, 500s, 200s), 3600s},
        {"longest interval", query(kLow, 7, 31'744s), 1h},
        {"longest response", query(kLow, 1, 1s, 8'387'584ms), 1h},
    };
    for (const auto& [name, heard, silence] : cases) {
        QuerierWatch watch = listening();
        EXPECT_EQ(watch.heard(heard, at(10s)), Change::found) << name;
        EXPECT_EQ(watch.next_deadline(), at(10s + silence)) << name;
        EXPECT_EQ(watch.tick(at(10s + silence - 1ns)), Change::none) << name;
        EXPECT_EQ(watch.state(), State::present) << name;
        EXPECT_EQ(watch.tick(at(10s + silence)), Change::lost) << name;
        EXPECT_EQ(watch.state(), State::absent) << name;
        EXPECT_EQ(watch.querier()->address, kLow) << name;
        EXPECT_EQ(watch.next_deadline(), std::nullopt) << name;
        EXPECT_EQ(watch.tick(at(24h)), Change::none) << name;
    }
}

TEST(QuerierWatch, EachQueryOfTheQuerierBeginsASilence) {
    QuerierWatch watch = with_querier();
    for (int i = 1; i <= 10; ++i) {
        EXPECT_EQ(watch.heard(query(kMiddle), at(i * 125s)), Change::none);
        EXPECT_EQ(watch.tick(at(i * 125s)), Change::none);
        EXPECT_EQ(watch.next_deadline(), at(i * 125s + 255s));
    }
    // Not those that do not count.
    watch.heard(query(kHigh), at(1300s));
    watch.heard(query({}), at(1300s));
    watch.heard(for_group(query(kMiddle)), at(1300s));
    EXPECT_EQ(watch.next_deadline(), at(1505s));
    EXPECT_EQ(watch.tick(at(1505s)), Change::lost);
}

TEST(QuerierWatch, ASilenceIsMeasuredByTheValuesOfItsQuery) {
    QuerierWatch watch = with_querier();
    EXPECT_EQ(watch.heard(query(kMiddle, 2, 10s, 2s), at(100s)), Change::none);
    EXPECT_EQ(watch.next_deadline(), at(121s));
    EXPECT_EQ(watch.querier()->interval, 10s);
    EXPECT_EQ(watch.querier()->response, 2s);
    // One that tells nothing takes back what was told.
    EXPECT_EQ(watch.heard(query(kMiddle, 0, 0s), at(110s)), Change::none);
    EXPECT_EQ(watch.next_deadline(), at(365s));
    EXPECT_EQ(watch.querier()->robustness, 2);
    EXPECT_EQ(watch.querier()->interval, 125s);
}

TEST(QuerierWatch, TellsAChangeOfVersionOnce) {
    QuerierWatch watch = with_querier();
    EXPECT_EQ(watch.heard(query_v1(kMiddle), at(1s)), Change::version);
    EXPECT_EQ(watch.heard(query_v1(kMiddle), at(2s)), Change::none);
    EXPECT_EQ(watch.heard(query(kMiddle), at(3s)), Change::version);
    EXPECT_EQ(watch.heard(query(kMiddle), at(4s)), Change::none);
    EXPECT_EQ(watch.heard(for_group(query_v1(kMiddle)), at(5s)), Change::none);
}

TEST(QuerierWatch, ElectsTheLowestOfMany) {
    QuerierWatch watch = listening();
    EXPECT_EQ(watch.heard(query(kHigh), at(1s)), Change::found);
    EXPECT_EQ(watch.heard(query(kLow), at(2s)), Change::another);
    EXPECT_EQ(watch.heard(query(kMiddle), at(3s)), Change::none);
    EXPECT_EQ(watch.heard(query(kHigh), at(4s)), Change::none);
    // The lowest falls silent while the others go on.
    EXPECT_EQ(watch.tick(at(257s)), Change::lost);
    EXPECT_EQ(watch.heard(query(kHigh), at(258s)), Change::another);
    EXPECT_EQ(watch.heard(query(kMiddle), at(259s)), Change::another);
    EXPECT_EQ(watch.heard(query(kLow), at(260s)), Change::another);
}

TEST(QuerierWatch, NothingIsAwaitedBeforeItBegins) {
    QuerierWatch watch;
    EXPECT_EQ(watch.state(), State::unknown);
    EXPECT_EQ(watch.next_deadline(), std::nullopt);
    EXPECT_EQ(watch.tick(at(24h)), Change::none);
    EXPECT_EQ(watch.heard(query(kLow), at(0s)), Change::none);
    EXPECT_FALSE(watch.querier());
    watch.begin(at(24h));
    EXPECT_EQ(watch.next_deadline(), at(24h + 255s));
}

TEST(QuerierWatch, BeginningTwiceChangesNothing) {
    QuerierWatch watch = listening();
    watch.begin(at(100s));
    EXPECT_EQ(watch.next_deadline(), at(255s));

    watch.heard(query_v1(kLow), at(100s));
    watch.begin(at(200s));
    EXPECT_EQ(watch.next_deadline(), at(355s));
    EXPECT_EQ(watch.version(at(200s)), MldVersion::v1);
}

TEST(QuerierWatch, APauseExpiresNothing) {
    QuerierWatch watch = listening();
    watch.heard(query(kMiddle, 2, 10s, 2s), at(0s));
    watch.pause();
    EXPECT_EQ(watch.next_deadline(), std::nullopt);
    EXPECT_EQ(watch.tick(at(1000s)), Change::none);
    EXPECT_EQ(watch.state(), State::present);

    // A whole silence of that querier from now on.
    watch.begin(at(2000s));
    EXPECT_EQ(watch.next_deadline(), at(2021s));
    EXPECT_EQ(watch.querier()->last_heard, at(0s));
    QuerierWatch other = watch;
    EXPECT_EQ(watch.heard(query(kMiddle), at(2010s)), Change::none);
    EXPECT_EQ(other.heard(query(kHigh), at(2010s)), Change::none);
    EXPECT_EQ(other.tick(at(2021s)), Change::lost);
    EXPECT_EQ(other.heard(query(kHigh), at(2022s)), Change::another);
}

TEST(QuerierWatch, WhatIsAbsentStaysSoOverAPause) {
    QuerierWatch watch = with_lost_querier();
    watch.pause();
    watch.begin(at(1000s));
    EXPECT_EQ(watch.state(), State::absent);
    EXPECT_EQ(watch.next_deadline(), std::nullopt);
    EXPECT_EQ(watch.heard(query(kMiddle), at(1001s)), Change::back);
}

// As measured on Linux 6.18: the version of the reports for joins after such queries.
TEST(QuerierWatch, ReportsInTheVersionOfTheKernel) {
    struct Case {
        const char* name;
        std::vector<MldQuery> queries;  ///< a second apart
        Duration v1_for;                ///< after the last of them
    };
    const std::vector<Case> cases = {
        {"none", {}, 0s},
        {"v2", {query(kLow)}, 0s},
        {"v1", {query_v1(kLow)}, 260s},
        {"v1 for a group", {for_group(query_v1(kLow))}, 260s},
        {"v1 of whomever", {query(kLow), query_v1(kHigh)}, 260s},
        {"v1 from ::", {query_v1({})}, 0s},
        {"a v1 query's response time is not the interval's", {query_v1(kLow, 1s)}, 260s},
        {"v1 again", {query_v1(kLow), query_v1(kLow)}, 260s},
        {"v2 does not end it", {query_v1(kLow), query(kLow)}, 259s},
        {"a v2 query before it tells the timers", {query(kLow, 2, 5s, 1s), query_v1(kLow)}, 11s},
        {"one for a group too", {for_group(query(kLow, 2, 5s, 1s)), query_v1(kLow)}, 11s},
        {"but not one from ::", {query({}, 2, 5s, 1s), query_v1(kLow)}, 260s},
        {"QRV 1 counts as 2", {query(kLow, 1, 2s, 1s), query_v1(kLow)}, 5s},
        {"QRV 0 leaves it", {query(kLow, 3, 5s, 1s), query(kLow, 0, 5s, 1s), query_v1(kLow)}, 16s},
        {"QQI 0 is taken for that", {query(kLow, 2, 0s, 1s), query_v1(kLow)}, 1s},
        {"v2 queries meanwhile tell nothing",
         {query(kLow, 2, 2s, 1s), query_v1(kLow), query(kLow, 7, 100s, 1s), query_v1(kLow)},
         5s},
    };
    for (const auto& [name, queries, v1_for] : cases) {
        QuerierWatch watch = listening();
        TimePoint now = at(0s);
        for (const MldQuery& heard : queries) {
            now += 1s;
            watch.heard(heard, now);
        }
        if (v1_for > 0s) {
            EXPECT_EQ(watch.version(now + v1_for - 1ns), MldVersion::v1) << name;
        }
        EXPECT_EQ(watch.version(now + v1_for), MldVersion::v2) << name;
    }
}

// The kernel forgets with the carrier (ipv6_mc_reset).
TEST(QuerierWatch, BeginsInVersion2) {
    QuerierWatch watch = listening();
    watch.heard(query(kLow, 7, 100s), at(1s));
    watch.heard(query_v1(kLow), at(2s));
    EXPECT_EQ(watch.version(at(3s)), MldVersion::v1);
    watch.pause();
    watch.begin(at(3s));
    EXPECT_EQ(watch.version(at(3s)), MldVersion::v2);
    watch.heard(query_v1(kLow), at(4s));
    EXPECT_EQ(watch.version(at(4s + 260s - 1ns)), MldVersion::v1);
    EXPECT_EQ(watch.version(at(4s + 260s)), MldVersion::v2);
}

}  // namespace
}  // namespace solicitd
