// Preloaded into the daemon: while the file $MUTE_NETLINK exists, what reads a netlink socket finds
// it empty, as if it were stuck.
#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool is_netlink(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK;
}

}  // namespace

extern "C" ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from,
                            socklen_t* from_size) {
    static const auto real = reinterpret_cast<decltype(&recvfrom)>(dlsym(RTLD_NEXT, "recvfrom"));
    const char* file = std::getenv("MUTE_NETLINK");
    if (file != nullptr && access(file, F_OK) == 0 && is_netlink(fd)) {
        errno = EAGAIN;
        return -1;
    }
    return real(fd, buffer, size, flags, from, from_size);
}
