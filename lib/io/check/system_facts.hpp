#pragma once

#include <optional>

#include "core/config.hpp"
#include "core/diagnosis/facts.hpp"

namespace solicitd::io {

/// Looks at this machine, from this network namespace, as far as this user may; changes nothing but
/// for a group that is joined for a moment on each upstream (try_mld_report). `daemon` is the one
/// that runs, if one does, and its state, asked just before: its capabilities are filled in.
///
/// Blocks for some 10 ms, and for 1.5 s more for each upstream on which MLD reports do not leave.
/// Throws std::runtime_error when the kernel does not tell of its interfaces.
[[nodiscard]] SystemFacts gather_system_facts(const Config& config,
                                              std::optional<SystemFacts::Daemon> daemon);

}  // namespace solicitd::io
