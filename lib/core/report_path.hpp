#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "core/mld_output.hpp"
#include "core/time.hpp"

namespace solicitd {

/// Whether the kernel's reports get out of this machine: a firewall can drop them without anybody
/// being told, and then every group is held and none is reported.
///
/// Judged by the interface's counters, between two looks when a report was due in between: either
/// reports went out, or only discards grew.
class ReportPath {
public:
    /// After a join, both of its reports have been sent or dropped (kernel: two, up to 1 s apart).
    static constexpr Duration kReportsDone = std::chrono::seconds(3);

    enum class Change : std::uint8_t { none, blocked, passing };

    /// A report is due now.
    void expect(TimePoint now) { due_ = due_.value_or(now); }
    /// When to look at the counters, if a report is due.
    [[nodiscard]] std::optional<TimePoint> next_look() const {
        return due_ ? std::optional(*due_ + kReportsDone) : std::nullopt;
    }

    /// The counters now.
    Change look(const MldOutput& output, TimePoint now) {
        const MldOutput before = last_.value_or(output);
        if (output.reports != before.reports) {
            last_ = output;
            due_.reset();
            return std::exchange(blocked_, false) ? Change::passing : Change::none;
        }
        if (due_ && now < *due_ + kReportsDone) {
            last_ = before;  // too soon to judge; what is dropped meanwhile counts
            return Change::none;
        }
        last_ = output;
        if (!std::exchange(due_, std::nullopt) || output.discards <= before.discards) {
            return Change::none;
        }
        discarded_ = output.discards - before.discards;
        return std::exchange(blocked_, true) ? Change::none : Change::blocked;
    }

    /// A report of our own did not: that discard says nothing of the kernel's.
    void refused_ours() {
        if (last_) {
            ++last_->discards;
        }
    }

    /// A report of our own got out on the same way (the counters do not tell of it). True when that
    /// is news.
    bool passed_ours() {
        if (!blocked_) {
            return false;
        }
        *this = ReportPath();  // what was dropped before this is no sign of what comes
        return true;
    }

    [[nodiscard]] bool blocked() const { return blocked_; }
    /// Packets that were dropped when it was last found blocked.
    [[nodiscard]] std::uint64_t discarded() const { return discarded_; }

private:
    std::optional<TimePoint> due_;  ///< since when
    std::optional<MldOutput> last_;
    std::uint64_t discarded_ = 0;
    bool blocked_ = false;
};

}  // namespace solicitd
