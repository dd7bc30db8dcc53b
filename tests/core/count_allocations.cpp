#include "count_allocations.hpp"

#include <cstdlib>
#include <new>

// A file of its own: inlined into their callers, GCC takes these for mismatched pairs.
namespace {
std::size_t count = 0;
}  // namespace

void* operator new(std::size_t size) {
    ++count;
    if (void* memory = std::malloc(size != 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

std::size_t solicitd::test::allocations() {
    return count;
}
