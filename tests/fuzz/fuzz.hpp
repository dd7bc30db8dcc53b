#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What a fuzz target is: one input, as libFuzzer or replay.cpp hands it over (an exact copy on the
/// heap, so that AddressSanitizer sees a read past its end). Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace solicitd::fuzz {

/// Ends the program when a promise does not hold for the input. Not assert(): it must hold in every
/// build.
inline void require(bool holds, const char* promise) {
    if (!holds) {
        std::fprintf(stderr, "not kept: %s\n", promise);
        std::abort();
    }
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Whether a terminal and the journal show it as one line: not empty, no control characters.
inline bool is_one_line(std::string_view text) {
    return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
}

}  // namespace solicitd::fuzz
