#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/config.hpp"

namespace solicitd::io {

/// What a configuration file may say. Absent keys are nullopt, so that options can beat the file
/// and defaults stand behind both. docs/configuration.md describes each key.
struct ConfigFile {
    std::vector<UpstreamConfig> upstreams;  ///< [[upstream]]
    std::optional<std::chrono::seconds> host_timeout;
    std::optional<std::chrono::seconds> linger;
    std::optional<std::size_t> max_hosts;
    std::optional<CaptureMode> capture;
    std::optional<std::string> log_level;
};

/// The file cannot be used. what() is the one line for the user: file, line, what was read, what
/// is allowed.
struct ConfigError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws ConfigError: unreadable, not TOML, unknown key, wrong type, out of range, bad prefix,
/// impossible interface name, upstream equal to a downstream, upstream named twice.
[[nodiscard]] ConfigFile read_config_file(const std::filesystem::path& path);

}  // namespace solicitd::io
