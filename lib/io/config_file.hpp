#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"

namespace solicitd::io {

/// What a configuration file may say. Absent keys are nullopt, so that options can beat the file
/// and defaults stand behind both; a file without upstreams is right when they are named elsewhere.
/// docs/configuration.md describes each key.
struct ConfigFile {
    std::vector<UpstreamConfig> upstreams;      ///< [[upstream]]
    std::vector<DownstreamConfig> downstreams;  ///< [[downstream]]
    std::optional<std::chrono::seconds> host_timeout;
    std::optional<std::chrono::seconds> linger;
    std::optional<std::size_t> max_hosts;
    std::optional<std::size_t> max_groups;
    std::optional<std::size_t> max_hosts_per_mac;
    std::optional<std::chrono::seconds> audit_interval;
    std::optional<CaptureMode> capture;
    std::optional<AnnounceMode> announce;
    std::optional<std::chrono::seconds> announce_interval;
    std::optional<bool> mld_evidence;
    std::optional<spdlog::level::level_enum> log_level;
};

/// The file cannot be used. what() is the one line for the user: file, line, what was read, what
/// is allowed.
struct ConfigError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// trace, debug, info, warning or error; throws BadSetting.
[[nodiscard]] spdlog::level::level_enum parse_log_level(std::string_view text);

/// What a configuration file says; `name` is the file's, for errors. Throws ConfigError: not TOML,
/// unknown key, wrong type, out of range, bad prefix, impossible interface name, a [[downstream]]
/// of no upstream, and whatever find_conflict() finds.
[[nodiscard]] ConfigFile parse_config(std::string_view text, const std::string& name);

/// The same of a file; throws ConfigError also when it cannot be read.
[[nodiscard]] ConfigFile read_config_file(const std::filesystem::path& path);

}  // namespace solicitd::io
