#include "io/icmpv6_socket.hpp"

#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>

namespace solicitd::io {
namespace {

in6_addr to_in6(const Ipv6Address& address) {
    in6_addr out{};
    std::memcpy(&out, address.bytes.data(), address.bytes.size());
    return out;
}

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Icmpv6Socket::Icmpv6Socket(const char* purpose)
    : purpose_(purpose),
      fd_(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6)) {
    if (!fd_) {
        fail(std::string("cannot open a raw socket for ") + purpose + " (needs CAP_NET_RAW)");
    }
    // All ICMPv6 of this machine would pile up here.
    icmp6_filter nothing{};
    ICMP6_FILTER_SETBLOCKALL(&nothing);
    set_option(IPPROTO_ICMPV6, ICMP6_FILTER, &nothing, sizeof nothing);
    const int none = 0;
    set_option(SOL_SOCKET, SO_RCVBUF, &none, sizeof none);

    set(IPV6_DONTFRAG, 1);
    set(IPV6_AUTOFLOWLABEL, 0);  // what the kernel says for itself has none
}

void Icmpv6Socket::set_option(int level, int option, const void* value, std::size_t size) {
    if (setsockopt(fd_.get(), level, option, value, static_cast<socklen_t>(size)) != 0) {
        fail(std::string("cannot set up the socket for ") + purpose_);
    }
}

void Icmpv6Socket::set(int option, int value) {
    set_option(IPPROTO_IPV6, option, &value, sizeof value);
}

void Icmpv6Socket::set(int option, std::span<const std::uint8_t> value) {
    set_option(IPPROTO_IPV6, option, value.data(), value.size());
}

/// Without this the routing table may choose another interface for a global destination than
/// IPV6_PKTINFO names (kernel: ip6_route_output_flags).
int Icmpv6Socket::bind_to(Ifindex index) {
    if (index == bound_to_) {
        return 0;
    }
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(index, name.data()) == nullptr) {
        return errno == ENXIO ? ENODEV : errno;
    }
    // SO_BINDTOIFINDEX would do without the name, but not before Linux 5.1.
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, name.data(), name.size()) != 0) {
        return errno;
    }
    bound_to_ = index;
    return 0;
}

int Icmpv6Socket::send(Ifindex index, const Ipv6Address& source, const Ipv6Address& destination,
                       std::span<const std::uint8_t> message) {
    if (const int error = bind_to(index); error != 0) {
        return error;
    }
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = to_in6(destination);

    const in6_pktinfo from{to_in6(source), index};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(from))> control{};

    // sendmsg takes what it only reads as if it were to write there.
    iovec content{const_cast<std::uint8_t*>(message.data()), message.size()};
    msghdr packet{};
    packet.msg_name = &to;
    packet.msg_namelen = sizeof(to);
    packet.msg_iov = &content;
    packet.msg_iovlen = 1;
    packet.msg_control = control.data();
    packet.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(from));
    std::memcpy(CMSG_DATA(header), &from, sizeof(from));

    if (TEMP_FAILURE_RETRY(sendmsg(fd_.get(), &packet, 0)) < 0) {
        // Should the interface have been renamed while we bound, another one has its name.
        bound_to_ = 0;
        return errno;
    }
    return 0;
}

}  // namespace solicitd::io
