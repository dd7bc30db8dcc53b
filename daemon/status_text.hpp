#pragma once

#include <string>

#include "core/engine.hpp"

namespace solicitd {

/// One line on how things stand: for STATUS=, and after SIGUSR1.
[[nodiscard]] std::string status_text(const Engine::Summary& summary);

}  // namespace solicitd
