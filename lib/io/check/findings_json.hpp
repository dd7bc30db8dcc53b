#pragma once

#include <string>
#include <vector>

#include "core/diagnosis/facts.hpp"
#include "core/diagnosis/finding.hpp"

namespace solicitd::io {

/// The schema's version of what --check --json prints; raised as kStateFormatVersion is.
inline constexpr int kFindingsFormatVersion = 1;

/// The document, indented, with a final newline. `daemon`: the one that runs, null for none.
[[nodiscard]] std::string findings_to_json(const std::vector<Finding>& findings,
                                           const std::vector<std::string>& remarks,
                                           const SystemFacts::Daemon* daemon);

}  // namespace solicitd::io
