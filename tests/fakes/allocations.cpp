#include "fakes/allocations.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> count{0};
std::atomic<std::size_t> bytes{0};

void release(void* memory) {
    bytes -= malloc_usable_size(memory);
    std::free(memory);
}
}  // namespace

// A file of its own: where the compiler saw both replacements and their callers, it would take
// free() for the wrong counterpart of new (-Wmismatched-new-delete).
void* operator new(std::size_t size) {
    ++count;
    const auto ask = solicitd::test::before_allocation;
    void* const memory = ask == nullptr || ask() ? std::malloc(size) : nullptr;
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    bytes += malloc_usable_size(memory);
    return memory;
}
// What std::stable_partition and the like ask for their buffers.
void* operator new(std::size_t size, const std::nothrow_t& /*unused*/) noexcept {
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept {
    release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    release(memory);
}

namespace solicitd::test {
bool (*before_allocation)() = nullptr;

std::size_t allocations() {
    return count;
}
std::size_t allocated_bytes() {
    return bytes;
}
}  // namespace solicitd::test
