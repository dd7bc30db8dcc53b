#include "core/announcer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace solicitd::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr TimePoint kStart{seconds(1000)};

std::vector<SolicitedNodeGroup> groups(std::uint32_t count) {
    std::vector<SolicitedNodeGroup> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.push_back(SolicitedNodeGroup{i});
    }
    return all;
}

Announcer::Sender sender(MldVersion version = MldVersion::v2) {
    return {3, Ipv6Address::parse("fe80::9").value(), 1500, version};
}

/// Calls the announcer when it wants to be, and as much later as a timer may be.
class Caller {
public:
    Caller(Announcer& announcer, Duration late) : announcer_(announcer), late_(late) {}

    /// Until nothing is due before `end`; all packets are answered with success.
    void run_until(TimePoint end, std::uint32_t held, const Announcer::Sender& from) {
        while (const auto due = announcer_.next_deadline()) {
            if (*due > end) {
                break;
            }
            now_ = std::max(now_, *due + late_);
            if (announcer_.start_is_due(now_)) {
                announcer_.start(groups(held), from, now_);
            }
            Actions actions;
            announcer_.send(from, now_, actions);
            turns.push_back(actions.size());
            for (const Action& action : actions) {
                sent += std::get<SendReport>(action).groups.size();
                last = now_;
                EXPECT_FALSE(announcer_.sent(true, now_));
            }
        }
    }

    std::vector<std::size_t> turns;  ///< packets
    std::size_t sent = 0;            ///< groups
    TimePoint last{};

private:
    Announcer& announcer_;
    Duration late_;
    TimePoint now_ = kStart;
};

TEST(Announcer, AnswersInTimeThoughItsTimerIsLate) {
    for (const Duration late : {milliseconds(0), milliseconds(50)}) {
        Announcer announcer(1);
        Caller caller(announcer, late);
        announcer.ask("a query", kStart, {{}, seconds(10)}, MldVersion::v1);
        caller.run_until(kStart + seconds(60), 4000, sender());
        EXPECT_EQ(caller.sent, 4000U);
        EXPECT_LE(caller.last - kStart, seconds(10));
        EXPECT_THAT(caller.turns, Each(Le(Announcer::kMostAtOnce + 8)));
    }
}

TEST(Announcer, WhatIsOverdueIsNoLicenceToFlood) {
    Announcer announcer(1);
    announcer.ask("a query", kStart, {{}, milliseconds(0)}, MldVersion::v1);
    const TimePoint later = kStart + seconds(100);
    ASSERT_TRUE(announcer.start_is_due(later));
    announcer.start(groups(4000), sender(), later);
    Actions actions;
    announcer.send(sender(), later, actions);
    EXPECT_LE(actions.size(), Announcer::kMostAtOnce + 8);
    EXPECT_EQ(announcer.next_deadline(), later + Announcer::kPause);
}

TEST(Announcer, BeginsWithinItsWindow) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Announcer announcer(seed);
        announcer.ask("an outage", kStart, {seconds(1), seconds(4)});
        EXPECT_GE(announcer.next_deadline(), kStart + seconds(1));
        EXPECT_LE(announcer.next_deadline(), kStart + milliseconds(2500));
    }
}

TEST(Announcer, AFailureIsTriedAgainInItsVersionAndHoldsUpNothingElse) {
    Announcer announcer(1);
    announcer.ask("a query", kStart, {}, MldVersion::v1);
    ASSERT_TRUE(announcer.start_is_due(kStart));
    announcer.start(groups(1), sender(), kStart);
    Actions actions;
    announcer.send(sender(), kStart, actions);
    ASSERT_THAT(actions, SizeIs(1));
    announcer.ask("another", kStart, {{}, milliseconds(10)});
    EXPECT_FALSE(announcer.sent(false, kStart)) << "no news yet";
    EXPECT_FALSE(announcer.failing());
    // Only the rest after the first holds it back.
    EXPECT_EQ(announcer.next_deadline(), kStart + Announcer::kRest);

    const TimePoint again = kStart + Announcer::kRest;
    ASSERT_TRUE(announcer.start_is_due(again));
    announcer.start(groups(1), sender(), again);
    actions.clear();
    announcer.send(sender(), again, actions);
    ASSERT_THAT(actions, SizeIs(1));
    EXPECT_EQ(std::get<SendReport>(actions[0]).version, MldVersion::v1);
    EXPECT_FALSE(announcer.sent(true, again)) << "nor is this";
    EXPECT_EQ(announcer.next_deadline(), std::nullopt);
}

TEST(Announcer, WhatFailsASecondTimeIsNews) {
    Announcer announcer(1);
    announcer.ask("a reason", kStart, {});
    TimePoint when = kStart;
    const auto send_one = [&](bool success) {
        EXPECT_TRUE(announcer.start_is_due(when));
        announcer.start(groups(1), sender(), when);
        Actions actions;
        announcer.send(sender(), when, actions);
        const bool news = announcer.sent(success, when);
        when = announcer.next_deadline().value_or(when);
        return news;
    };
    EXPECT_FALSE(send_one(false));
    EXPECT_TRUE(send_one(false));
    EXPECT_TRUE(announcer.failing());
    EXPECT_FALSE(send_one(false));
    EXPECT_TRUE(send_one(true));
    EXPECT_FALSE(announcer.failing());
}

TEST(Announcer, WhatWasCancelledIsNotTriedAgain) {
    Announcer announcer(1);
    announcer.ask("a reason", kStart, {});
    ASSERT_TRUE(announcer.start_is_due(kStart));
    announcer.start(groups(10), sender(), kStart);
    Actions actions;
    announcer.send(sender(), kStart, actions);
    announcer.cancel();
    EXPECT_FALSE(announcer.sent(false, kStart));
    EXPECT_EQ(announcer.next_deadline(), std::nullopt);
}

TEST(Announcer, ManySingleGroupsBecomeAll) {
    Announcer announcer(1);
    for (std::uint32_t i = 0; i <= Announcer::kMostSingleGroups; ++i) {
        announcer.ask_for(SolicitedNodeGroup{i}, "a query", kStart, {});
    }
    ASSERT_TRUE(announcer.start_is_due(kStart));
    EXPECT_EQ(announcer.start(groups(500), sender(), kStart).groups, 500U);
}

}  // namespace
}  // namespace solicitd::test
