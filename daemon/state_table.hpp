#pragma once

#include <string>

#include "core/state_snapshot.hpp"

namespace solicitd {

/// The state for people, as --dump-state prints it: sections of aligned columns, only what there
/// is, the same order for the same state. Prints no control character, whatever a name holds.
[[nodiscard]] std::string render_table(const StateSnapshot& state);

}  // namespace solicitd
