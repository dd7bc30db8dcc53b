#pragma once

#include <chrono>
#include <filesystem>
#include <ostream>

#include "ask_daemon.hpp"

namespace solicitd {

/// solicitd --dump-state: has the daemon of that directory write its state, and prints it, as a
/// table or as the document. Returns the exit code: 0, or 1 after one line on `err`. Signals
/// nobody but the process that holds the directory's lock.
int dump_state(const std::filesystem::path& runtime_dir, bool json, std::ostream& out,
               std::ostream& err, std::chrono::milliseconds patience = kPatience);

}  // namespace solicitd
