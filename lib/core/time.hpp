#pragma once

#include <chrono>

namespace solicitd {

/// Boot time: monotonic, and it goes on while the machine sleeps (CLOCK_BOOTTIME).
/// A type only: the core is told the time and has no way of asking for it.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;
};

using Duration = BootClock::duration;
using TimePoint = BootClock::time_point;

}  // namespace solicitd
