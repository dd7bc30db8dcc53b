#include "privileges.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace solicitd {

void check_privileges() {
    // Two system calls do not earn a dependency on libcap.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (syscall(SYS_capget, &header, sets.data()) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot read the capabilities");
    }
    const auto has = [&](unsigned capability) {
        return (sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
    };
    std::string missing;
    if (!has(CAP_NET_RAW)) {
        missing = "CAP_NET_RAW";
    }
    if (!has(CAP_NET_ADMIN)) {
        missing += missing.empty() ? "CAP_NET_ADMIN" : " and CAP_NET_ADMIN";
    }
    if (!missing.empty()) {
        throw std::runtime_error("no " + missing +
                                 ": start the service (systemctl start solicitd), run as root, or "
                                 "give the capability with AmbientCapabilities=");
    }
}

}  // namespace solicitd
