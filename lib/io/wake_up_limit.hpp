#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/time.hpp"

namespace solicitd::io {

/// At most 250 wake-ups in any second, however much happens: who floods us pays for it, not we.
///
/// Each wake-up is paid for by the time until the next. A few may be owed, so that what comes
/// after a pause is dealt with at once, and what it brings about, too.
class WakeUpLimit {
public:
    static constexpr Duration kInterval = std::chrono::microseconds{4200};
    static constexpr int kOwed = 10;
    static_assert(std::chrono::seconds{1} / kInterval + 1 + kOwed <= 250);

    /// nullopt: free to wait for whatever comes. Otherwise sleep until then whatever comes, which
    /// counts as a wake-up, too.
    [[nodiscard]] std::optional<TimePoint> rest_until(TimePoint now) const {
        const TimePoint allowed = paid_at_ - kOwed * kInterval;
        return now < allowed ? std::optional(allowed) : std::nullopt;
    }
    void spend(TimePoint now) { paid_at_ = std::max(paid_at_, now) + kInterval; }

private:
    TimePoint paid_at_;
};

}  // namespace solicitd::io
