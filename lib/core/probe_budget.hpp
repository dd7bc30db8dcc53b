#pragma once

#include "core/time.hpp"

namespace solicitd {

/// At most 100 probes in any second, in batches, so that a thousand hosts that come due together
/// cost ten wake-ups a second and the LAN is not flooded.
class ProbeBudget {
public:
    static constexpr int kBatch = 10;
    static constexpr Duration kInterval = std::chrono::milliseconds(100);

    /// When the next probe may be sent; in the past: at once.
    [[nodiscard]] TimePoint available_at() const {
        return left_ > 0 ? TimePoint::min() : batch_end_;
    }
    void spend(TimePoint now) {
        if (now >= batch_end_) {
            left_ = kBatch;
        }
        --left_;
        // Counted from the last probe of a batch, so that no window of a second holds more.
        batch_end_ = now + kInterval;
    }

private:
    int left_ = kBatch;
    TimePoint batch_end_ = TimePoint::min();
};

}  // namespace solicitd
