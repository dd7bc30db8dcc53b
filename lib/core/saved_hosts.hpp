#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/events.hpp"

namespace solicitd {

/// The hosts that a later run begins with, as text: a first line with the version, a line a host
/// (address, downstream, MAC or "-", seconds of silence, perhaps "claimed" or "answered"), and a
/// last line with their number, so that a file that was cut off is known for one. The former
/// version is read, too. docs/state-format.md.
///
/// Ages are spans, never times of the day: they survive a clock that jumps.
[[nodiscard]] std::string format_saved_hosts(const std::vector<SavedHost>& hosts);

/// What is wrong with the text, and in which line.
struct SavedHostsDefect {
    std::string text;
};
/// All of the hosts, or none: half a file is not believed.
[[nodiscard]] std::variant<std::vector<SavedHost>, SavedHostsDefect> parse_saved_hosts(
    std::string_view text);

}  // namespace solicitd
