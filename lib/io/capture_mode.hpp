#pragma once

#include <optional>
#include <string_view>

#include "core/config.hpp"
#include "core/kernel_version.hpp"

namespace solicitd::io {

/// From uname's release, whatever a vendor put behind the two numbers ("4.19.152-ui-qcom",
/// "6.16-rc1+"); nullopt when it does not begin with them.
[[nodiscard]] std::optional<KernelVersion> parse_kernel_release(std::string_view release);

/// Of the kernel that we run on; nullopt when it cannot be told.
[[nodiscard]] std::optional<KernelVersion> running_kernel();

/// How to capture, never `automatic`. A kernel that cannot be told counts as an old one:
/// mcast_router works on all of them. Whatever snoops nothing has no multicast_router worth
/// setting (it floods, or is no bridge), so it gets allmulti instead.
[[nodiscard]] CaptureMode choose_capture_mode(CaptureMode wanted,
                                              std::optional<KernelVersion> kernel,
                                              bool snooping_bridge);

}  // namespace solicitd::io
