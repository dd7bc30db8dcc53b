#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace solicitd::io {

/// Whether a process of one of the names (as in /proc/PID/comm, at most 15 bytes) runs in this
/// network namespace. nullopt: cannot be told, as processes are hidden from us.
[[nodiscard]] std::optional<bool> runs_here(std::span<const std::string_view> names);

/// The effective capabilities, a bit each (linux/capability.h); nullopt when there is no such
/// process or it is hidden from us.
[[nodiscard]] std::optional<std::uint64_t> effective_capabilities(pid_t pid);

}  // namespace solicitd::io
