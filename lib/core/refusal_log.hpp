#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/actions.hpp"
#include "core/time.hpp"

namespace solicitd {

/// Counts what found no room, and has it told once a minute at most, however much it is: the first
/// together with those that follow at once, all others of a minute together.
class RefusalLog {
public:
    static constexpr Duration kGather = std::chrono::seconds(1);
    static constexpr Duration kTold = std::chrono::seconds(60);

    /// What was refused. Of those that are told together, the last one is named.
    struct Subject {
        const std::string& interface;
        std::optional<Ipv6Address> host;
        std::optional<MacAddress> mac;
        std::optional<Ipv6Prefix> prefix;
    };
    void add(std::uint64_t Refusals::*reason, const Subject& subject, TimePoint now);
    /// Told with the next, but no reason to tell.
    void count(std::uint64_t Refusals::*what, std::size_t times) { counts_.*what += times; }

    /// Since the start.
    [[nodiscard]] const Refusals& counts() const { return counts_; }

    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    void tick(TimePoint now, Actions& actions);

private:
    Refusals counts_;
    Refusals told_;                  ///< of them, those that the last notice was after
    std::optional<Notice> next_;     ///< the next notice, as far as it goes
    TimePoint due_{};                ///< when it is to be told, if there is one
    std::optional<TimePoint> last_;  ///< when the last was
};

}  // namespace solicitd
