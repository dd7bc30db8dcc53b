#include "fakes/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> count{0};
}  // namespace

// A file of its own: where the compiler saw both replacements and their callers, it would take
// free() for the wrong counterpart of new (-Wmismatched-new-delete).
void* operator new(std::size_t size) {
    ++count;
    const auto ask = solicitd::test::before_allocation;
    void* const memory = ask == nullptr || ask() ? std::malloc(size) : nullptr;
    return memory != nullptr ? memory : throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace solicitd::test {
bool (*before_allocation)() = nullptr;

std::size_t allocations() {
    return count;
}
}  // namespace solicitd::test
