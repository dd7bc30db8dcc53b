#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "core/actions.hpp"
#include "core/time.hpp"

namespace solicitd {

/// Tells of joins and leaves on one interface: so many in a minute as they come, all others of it
/// together at its end. So a quiet LAN has each told, and a flood does not fill the journal.
class ChangeTeller {
public:
    static constexpr int kToldInAMinute = 60;
    static constexpr std::chrono::seconds kMinute{60};

    explicit ChangeTeller(std::string interface) : interface_(std::move(interface)) {}

    /// joined, joined_many, left or left_many.
    void tell(Notice notice, TimePoint now, Actions& actions);

    /// When there is something left to tell.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    void tick(TimePoint now, Actions& actions);
    /// All that is left to tell, now.
    void tell_rest(Actions& actions);

private:
    std::string interface_;
    TimePoint minute_end_ = TimePoint::min();  ///< of the minute for which is counted:
    int told_ = 0;                             ///< notices
    std::size_t untold_joins_ = 0;             ///< groups
    std::size_t untold_leaves_ = 0;
};

}  // namespace solicitd
