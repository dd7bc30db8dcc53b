#pragma once

#include <chrono>
#include <ostream>

#include "ask_daemon.hpp"
#include "settings.hpp"

namespace solicitd {

/// solicitd --check: looks at this machine, and at the daemon of the runtime directory if one runs;
/// prints a line for each finding with its remedy, or a document. Returns the exit code: 0 when
/// nothing is wrong, 1 otherwise. Needs no privileges, and says what it could not see without.
/// Throws std::runtime_error when it can see nothing at all.
int check(const Settings& settings, bool json, std::ostream& out,
          std::chrono::milliseconds patience = kPatience);

}  // namespace solicitd
