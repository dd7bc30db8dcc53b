#pragma once

#include <string>
#include <vector>

#include "core/diagnosis/facts.hpp"
#include "core/diagnosis/finding.hpp"

namespace solicitd {

/// All that is wrong: causes, not what follows from them. Empty for a healthy system.
[[nodiscard]] std::vector<Finding> diagnose(const SystemFacts& facts);

/// What could not be looked at, a line each.
[[nodiscard]] std::vector<std::string> unseen(const SystemFacts& facts);

}  // namespace solicitd
