#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "io/fd.hpp"

namespace solicitd::bench {

/// READY=1 to $NOTIFY_SOCKET, if there is one. By hand: sd_notify would bring libsystemd, and the
/// time that it takes to load.
inline void tell_ready() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) {
        return;
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string_view name(path);
    std::copy_n(name.begin(), std::min(name.size(), sizeof to.sun_path - 1), to.sun_path);
    const io::Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    constexpr std::string_view kReady = "READY=1";
    if (sendto(fd.get(), kReady.data(), kReady.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to) < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot tell that it is ready");
    }
}

}  // namespace solicitd::bench
