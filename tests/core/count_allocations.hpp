#pragma once

#include <cstddef>

namespace solicitd::test {

/// How often operator new was called in this program.
[[nodiscard]] std::size_t allocations();

}  // namespace solicitd::test
