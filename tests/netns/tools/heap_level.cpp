// Preloaded into the daemon: how many bytes of its heap are in use, in the file $HEAP_LEVEL,
// whenever it gives memory back to the kernel, as it does after each state document.
#include <dlfcn.h>
#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>

extern "C" int malloc_trim(std::size_t pad) {
    static const auto real =
        reinterpret_cast<decltype(&malloc_trim)>(dlsym(RTLD_NEXT, "malloc_trim"));
    if (const char* const path = std::getenv("HEAP_LEVEL")) {
#if __GLIBC_PREREQ(2, 33)
        const struct mallinfo2 heap = mallinfo2();
#else
        const struct mallinfo heap = mallinfo();
#endif
        std::ofstream(path) << heap.uordblks + heap.hblkhd << '\n';
    }
    return real(pad);
}
