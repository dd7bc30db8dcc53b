#include "io/pace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{100h};

struct Course {
    std::size_t densest_second = 0;
    Duration latest{};  ///< from its coming until the loop was awake
    Duration worked{};
    std::size_t wake_ups = 0;
    std::size_t wake_ups_for_nothing = 0;
};

/// Ten seconds of a loop in the time of this test: something comes every `gap`, and costs `work`.
Course run(Duration gap, Duration work) {
    Pace pace;
    Course course;
    std::deque<TimePoint> last_second;
    TimePoint now = kStart;
    TimePoint next = kStart;  // the first that is not dealt with
    bool worked = false;
    while (now < kStart + 10s) {
        const auto rest = worked ? pace.rest_until(now) : std::nullopt;
        now = rest.value_or(std::max(now, next));
        const TimePoint woke = now;
        ++course.wake_ups;
        last_second.push_back(now);
        while (last_second.front() <= now - 1s) {
            last_second.pop_front();
        }
        course.densest_second = std::max(course.densest_second, last_second.size());
        worked = next <= now;
        if (!worked) {
            ++course.wake_ups_for_nothing;
            pace.rested_in_vain(now);
            continue;
        }
        // A turn: all that came, for 2 ms at most.
        while (next <= now && now < woke + 2ms) {
            course.latest = std::max(course.latest, now - next);
            now += work;
            course.worked += work;
            next += gap;
        }
        pace.spend(woke, now - woke);
    }
    return course;
}

TEST(Pace, WakesUpAtOnceForEachOfAFew) {
    for (const Duration gap : {Duration{9ms}, Duration{20ms}, Duration{1s}}) {
        const Course seldom = run(gap, 10us);
        EXPECT_EQ(seldom.latest, 0ms) << gap.count();
        EXPECT_EQ(seldom.wake_ups_for_nothing, 0U) << gap.count();
    }
}

TEST(Pace, WakesUpAtMost250TimesInAnySecond) {
    for (const Duration gap : {1us, 10us, 30us, 100us, 1000us, 4000us, 4400us, 8000us, 9000us}) {
        for (const Duration work : {1us, 20us, 100us, 300us}) {
            const Course busy = run(gap, work);
            EXPECT_LE(busy.densest_second, 250U) << gap.count() << ' ' << work.count();
            EXPECT_GE(busy.densest_second, 80U) << gap.count() << ' ' << work.count();
        }
    }
}

TEST(Pace, WhoComesRightAfterARestInVainFindsNoWayAround) {
    for (const Duration work : {1us, 300us, 3000us}) {
        Pace pace;
        TimePoint now = kStart;
        std::size_t wake_ups = 0;
        while (now < kStart + 10s) {
            ++wake_ups;
            pace.spend(now, work);
            now += work;
            if (const auto rest = pace.rest_until(now)) {
                now = *rest;
                ++wake_ups;
                pace.rested_in_vain(now);
            }
        }
        EXPECT_LE(wake_ups, 10U * 250U) << work.count();
    }
}

TEST(Pace, WakesUpSeldomForLittleWork) {
    EXPECT_LE(run(1ms, 5us).wake_ups, 10s / Pace::kLittle + Pace::kOwed + 2);
    EXPECT_GE(run(10us, 1us).wake_ups, 10s / Pace::kLeast);
}

TEST(Pace, NothingThatIsReadInTimeWaitsLongerThanARest) {
    EXPECT_LE(run(50us, 1us).latest, Pace::kLittle + Pace::kLeast);
    EXPECT_LE(run(3ms, 10us).latest, Pace::kLittle + Pace::kLeast);
}

TEST(Pace, TakesHalfAProcessorAtMost) {
    for (const Duration work : {1us, 10us, 100us, 1000us, 5000us}) {
        const Course flooded = run(100ns, work);
        EXPECT_LE(flooded.worked, 5s + 50ms) << work.count();
        EXPECT_GE(flooded.worked, 4s) << work.count();
    }
}

TEST(Pace, IsFreshAfterAPause) {
    Pace pace;
    TimePoint now = kStart;
    for (int i = 0; i < 1000; ++i) {
        pace.spend(now, 0ms);
    }
    EXPECT_NE(pace.rest_until(now), std::nullopt);
    now += 1000 * Pace::kLittle;
    for (int i = 0; i < Pace::kOwed; ++i) {
        EXPECT_EQ(pace.rest_until(now), std::nullopt);
        pace.spend(now, 0ms);
    }
    pace.spend(now, 0ms);
    EXPECT_EQ(pace.rest_until(now), now + Pace::kLittle);
}

TEST(Pace, LongWorkAfterAPauseIsFollowedByNoRest) {
    Pace pace;
    pace.spend(kStart, 1s);
    EXPECT_EQ(pace.rest_until(kStart + 1s), std::nullopt);
}

}  // namespace
}  // namespace solicitd::io
