#pragma once

#include <compare>

namespace solicitd {

/// The part of a Linux version that tells what the kernel can do.
struct KernelVersion {
    unsigned major = 0;
    unsigned minor = 0;

    friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// Linux's bridge passes up what an ALLMULTI listener wants since commit a496d2f0fd61.
inline constexpr KernelVersion kBridgeHonorsAllmulti{6, 16};

}  // namespace solicitd
