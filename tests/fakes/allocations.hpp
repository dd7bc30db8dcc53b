#pragma once

#include <cstddef>

namespace solicitd::test {

/// How often this program called operator new so far. Needs allocations.cpp, which replaces it.
[[nodiscard]] std::size_t allocations();
/// What it has of that memory now.
[[nodiscard]] std::size_t allocated_bytes();

/// Asked before each, unless it is null. False: operator new throws std::bad_alloc.
extern bool (*before_allocation)();

}  // namespace solicitd::test
