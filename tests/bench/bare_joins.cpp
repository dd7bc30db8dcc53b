#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <system_error>

#include "bench/bench_hosts.hpp"
#include "bench/tell_ready.hpp"

/// The least that the daemon's start could be: COUNT joins, one setsockopt after another, as many
/// on a socket as the kernel takes; then READY=1. Started, timed and ended like the daemon.
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
        bench::tell_ready();
        return pause();
    } catch (const std::exception& error) {
        std::cerr << "bare_joins: " << error.what() << '\n';
        return 1;
    }
}
