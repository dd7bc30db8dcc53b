#include "privileges.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace solicitd {
namespace {

// Two system calls do not earn a dependency on libcap.
using CapabilitySets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

static_assert(CAP_TO_INDEX(CAP_NET_RAW) == 0 && CAP_TO_INDEX(CAP_NET_ADMIN) == 0);
constexpr std::uint32_t kNetRaw = CAP_TO_MASK(CAP_NET_RAW);
constexpr std::uint32_t kNetAdmin = CAP_TO_MASK(CAP_NET_ADMIN);

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

CapabilitySets own_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    CapabilitySets sets{};
    if (syscall(SYS_capget, &header, sets.data()) != 0) {
        fail("cannot read the capabilities");
    }
    return sets;
}

}  // namespace

void check_privileges() {
    if ((own_capabilities()[0].effective & kNetRaw) == 0) {
        throw std::runtime_error(
            "no CAP_NET_RAW: start the service (systemctl start solicitd), run as root, or give "
            "the capability with AmbientCapabilities=");
    }
}

void keep_needed_privileges(bool multicast_router) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        fail("cannot renounce new privileges");
    }
    // Ambient capabilities, as the service gets them, would reach any program that it executes.
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
        fail("cannot give up the ambient capabilities");
    }
    const CapabilitySets sets = own_capabilities();
    if ((sets[0].permitted & ~(kNetRaw | kNetAdmin)) == 0 && sets[1].permitted == 0) {
        return;  // the service: its system-call filter allows no capset, and none is needed
    }
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    CapabilitySets needed{};
    needed[0].permitted = sets[0].permitted & (multicast_router ? kNetRaw | kNetAdmin : kNetRaw);
    needed[0].effective = needed[0].permitted;
    if (syscall(SYS_capset, &header, needed.data()) != 0) {
        fail("cannot give up capabilities");
    }
}

}  // namespace solicitd
