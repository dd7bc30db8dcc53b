#pragma once

#include "core/time.hpp"

namespace solicitd {

/// At most `batch` times in any `interval`, so that many that come due together neither flood a
/// link nor cost a wake-up each.
class RateLimit {
public:
    constexpr RateLimit(int batch, Duration interval)
        : batch_(batch), interval_(interval), left_(batch) {}

    /// When the next one may go; in the past: at once.
    [[nodiscard]] TimePoint available_at() const {
        return left_ > 0 ? TimePoint::min() : batch_end_;
    }
    void spend(TimePoint now) {
        if (now >= batch_end_) {
            left_ = batch_;
        }
        --left_;
        // Counted from the last of a batch, so that no window of the interval holds more.
        batch_end_ = now + interval_;
    }

private:
    int batch_;
    Duration interval_;
    int left_;
    TimePoint batch_end_ = TimePoint::min();
};

}  // namespace solicitd
