#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>

#include "bench/bench_hosts.hpp"

/// The least that the daemon's start could be: COUNT joins, one setsockopt after another, as many
/// on a socket as the kernel takes; then READY=1, and the end. Started and timed like the daemon.
///
///     bare_joins INTERFACE COUNT
namespace {

using namespace solicitd;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

int new_socket() {
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : (fail("cannot open a socket"), -1);
}

void join(unsigned index, std::uint32_t count) {
    int fd = count > 0 ? new_socket() : -1;  // never closed: the exit does it, as with the daemon
    ipv6_mreq request{};
    request.ipv6mr_interface = index;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Ipv6Address group = SolicitedNodeGroup::of(bench::host_address(i)).address();
        std::memcpy(&request.ipv6mr_multiaddr, group.bytes.data(), group.bytes.size());
        const auto joined = [&] {
            return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0;
        };
        if (!joined()) {
            if (errno == ENOMEM) {
                fd = new_socket();
            }
            if (!joined()) {
                fail("cannot join " + group.to_string());
            }
        }
    }
}

// By hand: sd_notify would bring libsystemd, and the time it takes to load.
void tell_ready() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) {
        return;
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string_view name(path);
    std::copy_n(name.begin(), std::min(name.size(), sizeof to.sun_path - 1), to.sun_path);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    constexpr std::string_view kReady = "READY=1";
    if (sendto(fd, kReady.data(), kReady.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to) < 0) {
        fail("cannot write to " + std::string(name));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) {
            std::cerr << "usage: bare_joins INTERFACE COUNT\n";
            return 2;
        }
        const unsigned index = if_nametoindex(argv[1]);
        if (index == 0) {
            fail(argv[1]);
        }
        join(index, static_cast<std::uint32_t>(std::stoul(argv[2])));
        tell_ready();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "bare_joins: " << error.what() << '\n';
        return 1;
    }
}
