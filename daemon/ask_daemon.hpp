#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace solicitd {

/// What the daemon writes into its runtime directory when it gets SIGUSR1.
inline constexpr std::string_view kStateFile = "state.json";
inline constexpr std::chrono::seconds kPatience{5};

/// No daemon runs on that directory.
struct NoDaemon : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One does, but wrote no state in time.
struct NoAnswer : std::runtime_error {
    NoAnswer(pid_t daemon, const std::string& text) : std::runtime_error(text), pid(daemon) {}
    pid_t pid;
};

struct StateAnswer {
    pid_t pid;  ///< as we see it; the daemon may be in another PID namespace
    std::string document;
};

/// Has the daemon of that directory write its state, and returns the fresh one. Signals nobody
/// but the process that holds the directory's lock.
///
/// Throws NoDaemon, NoAnswer, std::system_error (who is not root may not ask, see explain()), or
/// another std::runtime_error; what() is one line for the user.
[[nodiscard]] StateAnswer ask_for_state(const std::filesystem::path& runtime_dir,
                                        std::chrono::milliseconds patience = kPatience);

/// The error's line, with the remedy where one had to be root.
[[nodiscard]] std::string explain(const std::system_error& error);

}  // namespace solicitd
