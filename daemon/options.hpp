#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/config_file.hpp"

namespace solicitd {

/// The command line cannot be used. what() is the one line for the user: the option, what was
/// read, what is allowed. The process exits 2, as it does for io::ConfigError.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The command line as it was read and checked; no file has been opened.
struct Options {
    enum class Command {
        run,
        dump_state,      ///< ask the daemon that runs on runtime_dir
        check,           ///< load_settings(), look at the system and the daemon for what is wrong
        check_config,    ///< load_settings(), print describe(), exit 0
        print_and_exit,  ///< print `text` on stdout, exit 0: --help, --version
    };
    Command command = Command::run;
    std::string text;

    /// In the file's terms, and beating it. Upstreams: at most one, UPSTREAM DOWNSTREAM...
    io::ConfigFile given;
    std::vector<Ipv6Prefix> prefixes;  ///< --prefix
    /// Empty: none is read. May be missing only when it is the default.
    std::filesystem::path config_file;
    bool is_default_config_file = false;
    std::filesystem::path runtime_dir;
    std::filesystem::path state_dir;
    bool json = false;  ///< --dump-state and --check print a document
};

/// Reads $RUNTIME_DIRECTORY and $STATE_DIRECTORY too. Throws UsageError.
[[nodiscard]] Options parse_options(int argc, const char* const* argv);

}  // namespace solicitd
