#include "io/mld_reporter.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <vector>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

/// A Hop-by-Hop Options header (the kernel fills in what follows it): Router Alert with the value
/// for MLD, 0 (RFC 2711 2.1), padded to eight bytes.
constexpr std::array<std::uint8_t, 8> kRouterAlert = {0, 0, 5, 2, 0, 0, 1, 0};

/// "All MLDv2-capable routers", ff02::16 (RFC 9777 5.2.15).
constexpr Ipv6Address kMldRouters{{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};

void set(const Fd& socket, int level, int option, const void* value, std::size_t size) {
    if (setsockopt(socket.get(), level, option, value, static_cast<socklen_t>(size)) != 0) {
        throw std::system_error(errno, std::generic_category(),
                                "cannot set up the socket for MLD reports");
    }
}
void set(const Fd& socket, int level, int option, int value) {
    set(socket, level, option, &value, sizeof(value));
}

in6_addr to_in6(const Ipv6Address& address) {
    in6_addr out{};
    std::memcpy(&out, address.bytes.data(), address.bytes.size());
    return out;
}

}  // namespace

struct MldReporter::Impl {
    Fd socket{::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6)};
    std::vector<std::uint8_t> message;  // keeps its room between calls
};

MldReporter::MldReporter() : impl_(std::make_unique<Impl>()) {
    const Fd& socket = impl_->socket;
    if (!socket) {
        throw std::system_error(errno, std::generic_category(),
                                "cannot open a raw socket for MLD reports (needs CAP_NET_RAW)");
    }
    // It only sends: all ICMPv6 of this machine would pile up here.
    icmp6_filter nothing{};
    ICMP6_FILTER_SETBLOCKALL(&nothing);
    set(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &nothing, sizeof(nothing));
    set(socket, SOL_SOCKET, SO_RCVBUF, 0);

    set(socket, IPPROTO_IPV6, IPV6_HOPOPTS, kRouterAlert.data(), kRouterAlert.size());
    set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
    set(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    set(socket, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
    set(socket, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);  // the kernel's own reports have none
}

MldReporter::~MldReporter() = default;

int MldReporter::send(Ifindex upstream, const Ipv6Address& source, MldVersion version,
                      std::span<const SolicitedNodeGroup> groups) {
    std::vector<std::uint8_t>& message = impl_->message;
    message.resize(mld_report_size(version, groups.size()));
    iovec content{message.data(), write_mld_report(version, groups, message)};

    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = to_in6(version == MldVersion::v1 ? groups.front().address() : kMldRouters);

    const in6_pktinfo from{to_in6(source), upstream};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(from))> control{};

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

    for (;;) {
        if (sendmsg(impl_->socket.get(), &packet, 0) >= 0) {
            return 0;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
}

}  // namespace solicitd::io
