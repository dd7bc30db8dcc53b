#pragma once

#include <filesystem>
#include <string>

#include "core/config.hpp"
#include "io/journal.hpp"
#include "options.hpp"

namespace solicitd {

/// What the daemon runs with: the command line, then the file, then the defaults.
struct Settings {
    Config config;
    spdlog::level::level_enum log_level = spdlog::level::info;
    std::filesystem::path runtime_dir;
    std::filesystem::path state_dir;
    std::string source;  ///< where the upstreams are named: the file, or "command line"
};

/// Reads the configuration file, if any; again on every SIGHUP. Throws UsageError or
/// io::ConfigError, both of one line.
[[nodiscard]] Settings load_settings(const Options& options);

/// For --check-config: all that is in force, with units, over several lines.
[[nodiscard]] std::string describe(const Settings& settings);

}  // namespace solicitd
