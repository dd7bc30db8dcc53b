#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/time.hpp"

namespace solicitd::io {

/// How often a loop may wake up, and how much it may work, however much happens: who floods us pays
/// for it, not we. At most 250 wake-ups in any second, and half of a processor.
///
/// Each wake-up, and the work that follows, is paid for with time. A little may be owed, so that
/// what comes after a pause is dealt with at once, and what it brings about, too.
class Pace {
public:
    /// The price of work is twice its length, within these limits: what wakes us up again and again
    /// waits for at least so long, and a start with thousands of groups is no flood.
    static constexpr Duration kLeast = std::chrono::microseconds{4400};
    static constexpr Duration kMost = 5 * kLeast;
    /// For less work than this, waking up is most of what it costs: twice the least, then.
    static constexpr Duration kLittleWork = std::chrono::microseconds{250};
    static constexpr Duration kLittle = 2 * kLeast;

    static constexpr int kOwed = 8;  ///< wake-ups with little work
    static_assert((std::chrono::seconds{1} + kOwed * kLittle) / kLeast + 1 <= 250);

    /// Woke up at `woke`, and took `work` of CPU time until it had nothing more to do.
    void spend(TimePoint woke, Duration work) {
        pay(woke, work < kLittleWork ? kLittle : std::clamp(2 * work, kLeast, kMost));
    }
    /// Woke up from a rest, and nothing had come meanwhile. Whatever is owed, it may wait for what
    /// comes, so that an end of it all is an end of waking up, too.
    void rested_in_vain(TimePoint woke) { pay(woke, kLeast); }

    /// nullopt: free to wait for whatever comes. Otherwise sleep until then whatever comes, which
    /// counts as a wake-up, too.
    [[nodiscard]] std::optional<TimePoint> rest_until(TimePoint now) const {
        const TimePoint allowed = paid_at_ - kOwed * kLittle;
        return now < allowed ? std::optional(allowed) : std::nullopt;
    }

private:
    void pay(TimePoint woke, Duration price) { paid_at_ = std::max(paid_at_, woke) + price; }

    TimePoint paid_at_;
};

}  // namespace solicitd::io
