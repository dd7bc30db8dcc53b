#pragma once

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "core/events.hpp"
#include "core/mac_address.hpp"
#include "fakes/nd_packets.hpp"
#include "fakes/packet_socket.hpp"
#include "io/fd.hpp"
#include "io/kernel.hpp"

/// Frames put on the wire and taken off it, for tests of capturing.
namespace solicitd::test {

/// An Ethernet frame; the destination defaults to where IPv6 sends its multicast (RFC 2464 7).
struct Frame {
    Packet packet;
    MacAddress source{{2, 0, 0, 0, 0, 0x51}};
    std::optional<MacAddress> destination{};
    std::uint8_t vlan = 0;  ///< 0: untagged

    [[nodiscard]] Packet bytes() const {
        const MacAddress multicast{{0x33, 0x33, packet[36], packet[37], packet[38], packet[39]}};
        const MacAddress to = destination.value_or(multicast);
        Packet frame(to.bytes.begin(), to.bytes.end());
        frame.insert(frame.end(), source.bytes.begin(), source.bytes.end());
        if (vlan != 0) {
            frame.insert(frame.end(), {0x81, 0x00, 0x00, vlan});
        }
        frame.insert(frame.end(), {0x86, 0xDD});
        frame.insert(frame.end(), packet.begin(), packet.end());
        return frame;
    }
};

/// One cable between two interfaces of the kernel: the daemon at `near`, the others at `far`.
struct Cable {
    Cable() {
        require_sandbox();
        run("ip link add name near type veth peer name far");
        // Else the kernel would speak up for addresses of its own.
        run("ip link set dev near addrgenmode none");
        run("ip link set dev far addrgenmode none up");
        bring_up("near");
    }
    Cable(const Cable&) = delete;
    Cable& operator=(const Cable&) = delete;
    ~Cable() {
        if (if_nametoindex("near") != 0) {
            run("ip link delete near");
        }
        run("ip -all netns delete");  // an end in one of them goes with it, some time later
    }
};

/// A bare packet socket on one interface: puts frames on the wire, and shows packets (from the
/// network header on) that an unprepared listener would see.
class Wire {
public:
    explicit Wire(const std::string& interface, std::uint16_t protocol = ETH_P_IPV6)
        : sender_(checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0))),
          receiver_(checked(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {
        here_.sll_family = AF_PACKET;
        here_.sll_ifindex = static_cast<int>(index_of(interface));
        sockaddr_ll listening = here_;
        listening.sll_protocol = htons(protocol);
        checked(bind(sender_.get(), reinterpret_cast<const sockaddr*>(&here_), sizeof here_));
        checked(
            bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&listening), sizeof listening));
    }

    void attach(const sock_fprog& filter) {
        checked(setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
    }

    void send(const Frame& frame) const {
        const Packet bytes = frame.bytes();
        checked(::send(sender_.get(), bytes.data(), bytes.size(), 0));
    }
    void send(const Packet& packet) const { send(Frame{packet}); }

    /// Sends the frame with its checksum left for the hardware to fill in, as a guest or a
    /// container does.
    void send_unfinished(const Frame& frame) const {
        const int on = 1;
        const io::Fd socket(checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)));
        checked(setsockopt(socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on));
        checked(bind(socket.get(), reinterpret_cast<const sockaddr*>(&here_), sizeof here_));
        // struct virtio_net_hdr, whose header is not C++: VIRTIO_NET_HDR_F_NEEDS_CSUM, where the
        // checksum's range begins, and where in it the checksum goes.
        const struct {
            std::uint8_t flags = 1, gso_type = 0;
            std::uint16_t hdr_len = 0, gso_size = 0;
            std::uint16_t csum_start = ETH_HLEN + kIcmpAt, csum_offset = 2;
        } offload;
        Packet bytes(sizeof offload);
        std::memcpy(bytes.data(), &offload, sizeof offload);
        const Packet rest = frame.bytes();
        bytes.insert(bytes.end(), rest.begin(), rest.end());
        checked(::send(socket.get(), bytes.data(), bytes.size(), 0));
    }

    /// The next packet, whatever it is; nullopt when none came in time.
    [[nodiscard]] std::optional<Packet> receive(std::chrono::milliseconds patience) const {
        pollfd waiting{receiver_.get(), POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) {
            return std::nullopt;
        }
        Packet packet(2048);
        const auto size = recv(receiver_.get(), packet.data(), packet.size(), 0);
        packet.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return packet;
    }

    /// Whether `wanted` comes before `fence`, which is sure to come.
    [[nodiscard]] bool sees_before(const Packet& wanted, const Packet& fence) const {
        bool seen = false;
        while (const auto packet = receive(std::chrono::seconds(10))) {
            if (*packet == fence) {
                return seen;
            }
            seen = seen || *packet == wanted;
        }
        throw std::runtime_error("the fence did not come in 10 s");
    }

private:
    static int checked(long result) {
        return result >= 0 ? static_cast<int>(result)
                           : throw std::system_error(errno, std::generic_category(), "wire");
    }

    sockaddr_ll here_{};
    io::Fd sender_;
    io::Fd receiver_;
};

}  // namespace solicitd::test
