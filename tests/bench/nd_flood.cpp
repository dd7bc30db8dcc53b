#include <sys/prctl.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_hosts.hpp"
#include "bench/packet_sender.hpp"

/// Unsolicited advertisements of HOSTS hosts in turn, COUNT in all, evenly spaced at RATE a second.
///
///     nd_flood INTERFACE HOSTS COUNT RATE
namespace {

using namespace solicitd;
using Clock = std::chrono::steady_clock;

std::vector<test::Packet> advertisements(std::uint32_t hosts) {
    const Ipv6Address all_nodes = test::address("ff02::1");
    const MacAddress mac{{2, 0, 0, 0, 0, 1}};
    std::vector<test::Packet> packets;
    for (std::uint32_t i = 0; i < hosts; ++i) {
        const Ipv6Address host = bench::host_address(i);
        packets.push_back(test::neighbor_advertisement(
            host, all_nodes, host, test::kOverrideFlag,
            test::link_layer_option(test::kTargetLinkLayerOption, mac)));
    }
    return packets;
}

void flood(const std::string& interface, std::uint32_t hosts, std::uint64_t count, double rate) {
    const std::vector<test::Packet> packets = advertisements(hosts);
    bench::PacketSender sender(interface);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // ns; the default is 50 us
    const Clock::time_point begin = Clock::now();
    for (std::uint64_t i = 0; i < count; ++i) {
        // When late, the next ones go out at once: the rate holds over all.
        std::this_thread::sleep_until(
            begin + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(i) / rate)));
        sender.send(packets[i % packets.size()]);
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 5) {
            std::cerr << "usage: nd_flood INTERFACE HOSTS COUNT RATE\n";
            return 2;
        }
        flood(argv[1], static_cast<std::uint32_t>(std::stoul(argv[2])), std::stoull(argv[3]),
              std::stod(argv[4]));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "nd_flood: " << error.what() << '\n';
        return 1;
    }
}
