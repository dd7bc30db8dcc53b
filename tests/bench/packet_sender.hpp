#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "fakes/nd_packets.hpp"
#include "io/fd.hpp"

namespace solicitd::bench {

inline int checked(int result, const std::string& what) {
    return result >= 0 ? result
                       : throw std::system_error(errno, std::generic_category(), "cannot " + what);
}

inline int index_of(const std::string& interface) {
    const unsigned index = if_nametoindex(interface.c_str());
    return index != 0 ? static_cast<int>(index) : checked(-1, "find " + interface);
}

/// A packet socket on an interface of the namespace that the caller is in. The kernel makes the
/// Ethernet header. Protocol 0 (what comes in is not received) or in network byte order.
inline io::Fd open_packet_socket(const std::string& interface, int protocol) {
    io::Fd fd(checked(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open a packet socket"));
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = static_cast<std::uint16_t>(protocol);
    here.sll_ifindex = index_of(interface);
    checked(bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here),
            "bind to " + interface);
    return fd;
}

/// Sends IPv6 multicast packets, in the frames that belong to them (RFC 2464 7).
class PacketSender {
public:
    explicit PacketSender(const std::string& interface) : fd_(open_packet_socket(interface, 0)) {
        to_.sll_family = AF_PACKET;
        to_.sll_protocol = htons(ETH_P_IPV6);
        to_.sll_ifindex = index_of(interface);
        to_.sll_halen = 6;
    }

    void send(const test::Packet& packet) {
        constexpr std::size_t kEndOfDestination = test::kIcmpAt;
        to_.sll_addr[0] = to_.sll_addr[1] = 0x33;
        std::copy_n(packet.begin() + kEndOfDestination - 4, 4, to_.sll_addr + 2);
        const ssize_t sent = sendto(fd_.get(), packet.data(), packet.size(), 0,
                                    reinterpret_cast<const sockaddr*>(&to_), sizeof to_);
        checked(sent < 0 ? -1 : 0, "send");
    }

private:
    io::Fd fd_;
    sockaddr_ll to_{};
};

}  // namespace solicitd::bench
