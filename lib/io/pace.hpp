#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/time.hpp"

namespace solicitd::io {

/// How often a loop may wake up, and how much it may work, however much happens: who floods us pays
/// for it, not we. At most 250 wake-ups in any second, and half of a processor.
///
/// Each wake-up, and the work that follows, is paid for with time. A few may be owed, so that what
/// comes after a pause is dealt with at once, and what it brings about, too.
class Pace {
public:
    static constexpr Duration kInterval = std::chrono::microseconds{4200};
    static constexpr int kOwed = 10;
    static_assert(std::chrono::seconds{1} / kInterval + 1 + kOwed <= 250);
    /// What long work costs at most: a start with thousands of groups is no flood.
    static constexpr Duration kMost = 5 * kInterval;

    /// Woke up at `woke`, and took `work` of CPU time until it had nothing more to do.
    void spend(TimePoint woke, Duration work) {
        paid_at_ = std::max(paid_at_, woke) + std::clamp(2 * work, kInterval, kMost);
    }

    /// nullopt: free to wait for whatever comes. Otherwise sleep until then whatever comes, which
    /// counts as a wake-up, too.
    [[nodiscard]] std::optional<TimePoint> rest_until(TimePoint now) const {
        const TimePoint allowed = paid_at_ - kOwed * kInterval;
        return now < allowed ? std::optional(allowed) : std::nullopt;
    }

private:
    TimePoint paid_at_;
};

}  // namespace solicitd::io
