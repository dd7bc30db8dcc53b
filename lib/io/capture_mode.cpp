#include "io/capture_mode.hpp"

#include <sys/utsname.h>

#include <charconv>
#include <system_error>

namespace solicitd::io {

std::optional<KernelVersion> parse_kernel_release(std::string_view release) {
    const char* const end = release.data() + release.size();
    KernelVersion version;
    const auto [dot, major_error] = std::from_chars(release.data(), end, version.major);
    if (major_error != std::errc{} || dot == end || *dot != '.') {
        return std::nullopt;
    }
    const auto [rest, minor_error] = std::from_chars(dot + 1, end, version.minor);
    if (minor_error != std::errc{}) {
        return std::nullopt;
    }
    return version;
}

std::optional<KernelVersion> running_kernel() {
    utsname system{};
    return ::uname(&system) == 0 ? parse_kernel_release(system.release) : std::nullopt;
}

CaptureMode choose_capture_mode(CaptureMode wanted, std::optional<KernelVersion> kernel,
                                bool snooping_bridge) {
    switch (wanted) {
        case CaptureMode::automatic:
            return snooping_bridge && kernel.value_or(KernelVersion{}) < kBridgeHonorsAllmulti
                       ? CaptureMode::mcast_router
                       : CaptureMode::allmulti;
        case CaptureMode::mcast_router:
            return snooping_bridge ? CaptureMode::mcast_router : CaptureMode::allmulti;
        case CaptureMode::allmulti:
        case CaptureMode::promisc: break;
    }
    return wanted;
}

}  // namespace solicitd::io
