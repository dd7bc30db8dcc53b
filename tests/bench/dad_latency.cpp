#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>

#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_hosts.hpp"
#include "bench/packet_sender.hpp"
#include "io/route_socket.hpp"

/// Sends a DAD NS on the LAN, waits until the router's kernel holds its group upstream and until
/// the MLDv2 report for it reaches the gateway; prints both times since the sending, in
/// microseconds, a line for each of COUNT hosts. Runs in the router's network namespace.
///
///     dad_latency LAN_NETNS LAN_IF UPSTREAM_IF GATEWAY_NETNS GATEWAY_IF COUNT
///
/// All times are CLOCK_REALTIME. The first is read just before the sending, that of the report is
/// the kernel's, of its arrival. The membership's is taken when we hear of it, so it is an upper
/// bound: the kernel's notification (Linux 6.14) wakes us up, or, before, we look every 50 us.
namespace {

using namespace solicitd;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

// Too new for many headers (linux/rtnetlink.h).
constexpr int kMulticastAddressGroup = 38;  // RTNLGRP_IPV6_MCADDR
constexpr int kNewMulticast = 56;           // RTM_NEWMULTICAST
constexpr nanoseconds kPatience = std::chrono::seconds(5);
constexpr std::uint32_t kFirstHost = 0x200000;

nanoseconds since_epoch(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}
nanoseconds now() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return since_epoch(time);
}

/// Runs the function in another network namespace; what it opens stays there.
template <typename Function>
auto in_netns(const std::string& name, Function function) {
    const auto enter = [](const io::Fd& netns) {
        test::checked(setns(netns.get(), CLONE_NEWNET), "enter a network namespace");
    };
    const std::string path = "/run/netns/" + name;
    const io::Fd home(test::checked(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "read /proc"));
    const io::Fd there(test::checked(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
    enter(there);
    auto result = function();
    enter(home);
    return result;
}

/// Tells when the kernel holds a group on the interface.
class MembershipWatch {
public:
    explicit MembershipWatch(const std::string& interface)
        : interface_(interface), index_(test::index_of(interface)) {
        notifies_ = nl_socket_add_membership(socket_.get(), kMulticastAddressGroup) == 0;
        nl_socket_set_nonblocking(socket_.get());
    }

    [[nodiscard]] int fd() const { return nl_socket_get_fd(socket_.get()); }
    /// How long to sleep before asking again, when nothing can be read.
    [[nodiscard]] nanoseconds pause() const { return notifies_ ? kPatience : microseconds(50); }
    [[nodiscard]] bool holds(const Ipv6Address& group) {
        return notifies_ ? was_notified(group) : is_listed(group);
    }

private:
    bool was_notified(const Ipv6Address& group) {
        bool found = false;
        for (;;) {
            alignas(nlmsghdr) std::array<std::byte, 16384> buffer;
            const ssize_t size = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0) {
                return found;
            }
            int left = static_cast<int>(size);
            for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data());
                 nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left)) {
                found = found || tells_of(message, group);
            }
        }
    }

    [[nodiscard]] bool tells_of(nlmsghdr* message, const Ipv6Address& group) const {
        if (message->nlmsg_type != kNewMulticast) {
            return false;
        }
        const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
        const nlattr* address = nlmsg_find_attr(message, sizeof *header, IFA_MULTICAST);
        return static_cast<int>(header->ifa_index) == index_ && address != nullptr &&
               nla_len(address) == 16 &&
               std::memcmp(nla_data(address), group.bytes.data(), 16) == 0;
    }

    [[nodiscard]] bool is_listed(const Ipv6Address& group) const {
        constexpr std::string_view kDigits = "0123456789abcdef";
        std::string hex;
        for (const std::uint8_t byte : group.bytes) {
            hex += {kDigits[byte >> 4U], kDigits[byte & 0xFU]};
        }
        std::ifstream list("/proc/net/igmp6");
        std::string number;
        std::string name;
        std::string held;
        while (list >> number >> name >> held) {
            if (name == interface_ && held == hex) {
                return true;
            }
            list.ignore(256, '\n');
        }
        return false;
    }

    std::string interface_;
    int index_;
    io::NlSocket socket_ = io::open_route_socket();
    bool notifies_ = false;
};

/// Tells when an MLDv2 report for a group came in.
class ReportWatch {
public:
    explicit ReportWatch(const std::string& interface)
        : fd_(test::open_packet_socket(interface, htons(ETH_P_IPV6))) {
        const int on = 1;
        test::checked(setsockopt(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on),
                      "ask for timestamps");
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::optional<nanoseconds> saw(const Ipv6Address& group) {
        std::optional<nanoseconds> found;
        for (;;) {
            std::array<std::uint8_t, 2048> packet;
            alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(timespec))> control;
            iovec vector{packet.data(), packet.size()};
            msghdr header{};
            header.msg_iov = &vector;
            header.msg_iovlen = 1;
            header.msg_control = control.data();
            header.msg_controllen = control.size();
            const ssize_t size = recvmsg(fd_.get(), &header, MSG_DONTWAIT);
            if (size < 0) {
                return found;
            }
            const cmsghdr* item = CMSG_FIRSTHDR(&header);
            if (!found && item != nullptr &&
                reports(packet.data(), static_cast<std::size_t>(size), group)) {
                timespec time{};
                std::memcpy(&time, CMSG_DATA(item), sizeof time);
                found = since_epoch(time);
            }
        }
    }

private:
    // RFC 9777 5.2, behind the IPv6 header and a hop-by-hop header of eight bytes. Our kernel's
    // records have no sources.
    static bool reports(const std::uint8_t* packet, std::size_t size, const Ipv6Address& group) {
        constexpr std::size_t kMessage = 48;
        constexpr std::size_t kRecord = 20;
        if (size < kMessage + 8 || packet[6] != 0 || packet[kMessage] != 143) {
            return false;
        }
        for (std::size_t at = kMessage + 8; at + kRecord <= size; at += kRecord) {
            if (std::memcmp(packet + at + 4, group.bytes.data(), group.bytes.size()) == 0) {
                return true;
            }
        }
        return false;
    }

    io::Fd fd_;
};

void measure(bench::PacketSender& lan, MembershipWatch& memberships, ReportWatch& reports,
             const Ipv6Address& host) {
    const Ipv6Address group = SolicitedNodeGroup::of(host).address();
    const test::Packet solicitation = test::dad_solicitation(host);
    std::optional<nanoseconds> held;
    std::optional<nanoseconds> reported;

    const nanoseconds sent = now();
    lan.send(solicitation);
    while (!held || !reported) {
        if (now() - sent > kPatience) {
            throw std::runtime_error(std::string(held ? "no report for " : "nobody joins ") +
                                     group.to_string());
        }
        if (!held && memberships.holds(group)) {
            held = now();
        }
        if (!reported) {
            reported = reports.saw(group);
        }
        if (held && reported) {
            break;
        }
        std::array<pollfd, 2> fds{pollfd{memberships.fd(), POLLIN, 0},
                                  pollfd{reports.fd(), POLLIN, 0}};
        const nanoseconds pause = held ? kPatience : memberships.pause();
        const timespec timeout{static_cast<time_t>(pause / std::chrono::seconds(1)),
                               static_cast<long>((pause % std::chrono::seconds(1)).count())};
        ppoll(fds.data(), fds.size(), &timeout, nullptr);
    }
    const auto in_microseconds = [&](nanoseconds when) {
        return static_cast<double>((when - sent).count()) / 1000;
    };
    std::cout << in_microseconds(*held) << ' ' << in_microseconds(*reported) << '\n';
}

void run(const std::vector<std::string>& arguments) {
    auto lan = in_netns(arguments[0], [&] { return bench::PacketSender(arguments[1]); });
    MembershipWatch memberships(arguments[2]);
    auto reports = in_netns(arguments[3], [&] { return ReportWatch(arguments[4]); });
    const auto count = static_cast<std::uint32_t>(std::stoul(arguments[5]));
    for (std::uint32_t i = 0; i < count; ++i) {
        measure(lan, memberships, reports, bench::host_address(kFirstHost + i));
        // So that the kernel's timers meet the next one in any phase, and the daemon asleep.
        std::this_thread::sleep_for(microseconds(5000 + i * 7919 % 4000));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 7) {
            std::cerr << "usage: dad_latency LAN_NETNS LAN_IF UPSTREAM_IF GATEWAY_NETNS "
                         "GATEWAY_IF COUNT\n";
            return 2;
        }
        run({argv + 1, argv + argc});
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "dad_latency: " << error.what() << '\n';
        return 1;
    }
}
