#pragma once

#include <cstddef>

namespace solicitd::test {

/// How often this program called operator new so far. Needs allocations.cpp, which replaces it.
[[nodiscard]] std::size_t allocations();

}  // namespace solicitd::test
