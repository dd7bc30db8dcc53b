#pragma once

#include <algorithm>
#include <string>

#include "fakes/nd_packets.hpp"
#include "fakes/packet_socket.hpp"

namespace solicitd::bench {

/// Sends IPv6 multicast packets, in the frames that belong to them (RFC 2464 7).
class PacketSender {
public:
    explicit PacketSender(const std::string& interface)
        : fd_(test::open_packet_socket(interface, 0)) {
        to_.sll_family = AF_PACKET;
        to_.sll_protocol = htons(ETH_P_IPV6);
        to_.sll_ifindex = test::index_of(interface);
        to_.sll_halen = 6;
    }

    void send(const test::Packet& packet) {
        constexpr std::size_t kEndOfDestination = test::kIcmpAt;
        to_.sll_addr[0] = to_.sll_addr[1] = 0x33;
        std::copy_n(packet.begin() + kEndOfDestination - 4, 4, to_.sll_addr + 2);
        const ssize_t sent = sendto(fd_.get(), packet.data(), packet.size(), 0,
                                    reinterpret_cast<const sockaddr*>(&to_), sizeof to_);
        test::checked(sent < 0 ? -1 : 0, "send");
    }

private:
    io::Fd fd_;
    sockaddr_ll to_{};
};

}  // namespace solicitd::bench
