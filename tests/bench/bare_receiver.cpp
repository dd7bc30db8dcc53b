#include <linux/filter.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <string>

#include "bench/tell_ready.hpp"
#include "fakes/packet_socket.hpp"
#include "io/packet_filter.hpp"

/// The least that receiving Neighbor Discovery costs: epoll_wait and recvmmsg of up to BATCH
/// packets, with the daemon's filter, and nothing done with what came. With a BATCH of 1 it is the
/// loop of recv that comes to mind first. Started, timed and ended like the daemon.
///
///     bare_receiver INTERFACE BATCH
namespace {

using namespace solicitd;

constexpr std::size_t kMostBatch = 64;

[[noreturn]] void receive(const std::string& interface, std::size_t batch) {
    const io::Fd fd = test::open_packet_socket(interface, htons(ETH_P_IPV6));
    const sock_fprog& filter = io::downstream_filter(true);
    test::checked(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
                  "attach the filter");
    packet_mreq request{};
    request.mr_ifindex = test::index_of(interface);
    request.mr_type = PACKET_MR_ALLMULTI;
    test::checked(setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request),
                  "receive all multicast");
    const io::Fd epoll(test::checked(epoll_create1(EPOLL_CLOEXEC), "make an epoll"));
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    test::checked(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &wanted), "watch the socket");

    static std::array<std::array<std::uint8_t, 1536>, kMostBatch> packets;
    std::array<iovec, kMostBatch> vectors;
    std::array<mmsghdr, kMostBatch> headers{};
    for (std::size_t i = 0; i < batch; ++i) {
        vectors[i] = {packets[i].data(), packets[i].size()};
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    bench::tell_ready();
    for (;;) {
        epoll_event event{};
        epoll_wait(epoll.get(), &event, 1, -1);
        test::checked(
            recvmmsg(fd.get(), headers.data(), static_cast<unsigned>(batch), MSG_DONTWAIT, nullptr),
            "receive");
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) {
            std::cerr << "usage: bare_receiver INTERFACE BATCH\n";
            return 2;
        }
        receive(argv[1], std::clamp(std::stoul(argv[2]), 1UL, kMostBatch));
    } catch (const std::exception& error) {
        std::cerr << "bare_receiver: " << error.what() << '\n';
        return 1;
    }
}
