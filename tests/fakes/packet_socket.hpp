#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "core/events.hpp"
#include "io/fd.hpp"

namespace solicitd::test {

inline int checked(int result, const std::string& what) {
    return result >= 0 ? result
                       : throw std::system_error(errno, std::generic_category(), "cannot " + what);
}

inline Ifindex index_of(const std::string& interface) {
    const Ifindex index = if_nametoindex(interface.c_str());
    checked(index == 0 ? -1 : 0, "find " + interface);
    return index;
}

/// A packet socket on an interface of the namespace that the caller is in. The kernel makes the
/// Ethernet header. Protocol 0 (what comes in is not received) or in network byte order.
inline io::Fd open_packet_socket(const std::string& interface, int protocol) {
    io::Fd fd(checked(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open a packet socket"));
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = static_cast<std::uint16_t>(protocol);
    here.sll_ifindex = static_cast<int>(index_of(interface));
    checked(bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here),
            "bind to " + interface);
    return fd;
}

}  // namespace solicitd::test
