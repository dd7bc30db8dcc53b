#include "io/nd_filter.hpp"

#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>

namespace solicitd::io {
namespace {

constexpr std::uint32_t kWholePacket = 0xFFFFFFFF;
constexpr std::uint32_t kPacketType = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);

constexpr sock_filter load(std::uint16_t what, std::uint32_t k) {
    return {static_cast<std::uint16_t>(BPF_LD | what), 0, 0, k};
}
constexpr sock_filter set_x(std::uint32_t k) {
    return {BPF_LDX | BPF_IMM, 0, 0, k};
}
constexpr sock_filter bit_and(std::uint32_t k) {
    return {BPF_ALU | BPF_AND | BPF_K, 0, 0, k};
}
constexpr sock_filter give(std::uint32_t size) {
    return {BPF_RET | BPF_K, 0, 0, size};
}

/// At line `at`: goes on at line `yes` or `no`. (BPF itself counts the lines to skip.)
constexpr sock_filter jump(int at, std::uint16_t test, std::uint32_t k, int yes, int no) {
    return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K),
            static_cast<std::uint8_t>(yes - at - 1), static_cast<std::uint8_t>(no - at - 1), k};
}

constexpr int kCheckType = 16;
constexpr int kAccept = 19;
constexpr int kDrop = 20;

// A: accumulator, X: index. A load past the packet's end drops the packet.
constexpr std::array kProgram = {
    /*  0 */ load(BPF_B | BPF_ABS, kPacketType),                     // A = how it came here
    /*  1 */ jump(1, BPF_JEQ, PACKET_OUTGOING, kDrop, 2),            // we sent it
    /*  2 */ load(BPF_B | BPF_ABS, 0),                               // A = version, traffic class
    /*  3 */ bit_and(0xF0),                                          // A = version << 4
    /*  4 */ jump(4, BPF_JEQ, 0x60, 5, kDrop),                       // not IPv6
    /*  5 */ load(BPF_B | BPF_ABS, 7),                               // A = hop limit
    /*  6 */ jump(6, BPF_JEQ, 255, 7, kDrop),                        // it crossed a router
    /*  7 */ load(BPF_B | BPF_ABS, 6),                               // A = next header
    /*  8 */ set_x(40),                                              // X = size of the IPv6 header
    /*  9 */ jump(9, BPF_JEQ, IPPROTO_ICMPV6, kCheckType, 10),       // the usual case
    /* 10 */ jump(10, BPF_JEQ, IPPROTO_FRAGMENT, 11, kDrop),         // no fragment either
    /* 11 */ load(BPF_H | BPF_ABS, 42),                              // A = fragment offset, flags
    /* 12 */ jump(12, BPF_JSET, 0xFFF8, kDrop, 13),                  // not the first fragment
    /* 13 */ load(BPF_B | BPF_ABS, 40),                              // A = the inner next header
    /* 14 */ jump(14, BPF_JEQ, IPPROTO_ICMPV6, 15, kDrop),           // a fragment of other things
    /* 15 */ set_x(48),                                              // X = size of both headers
    /* 16 */ load(BPF_B | BPF_IND, 0),                               // A = packet[X], ICMPv6 type
    /* 17 */ jump(17, BPF_JEQ, ND_NEIGHBOR_SOLICIT, kAccept, 18),    // NS
    /* 18 */ jump(18, BPF_JEQ, ND_NEIGHBOR_ADVERT, kAccept, kDrop),  // NA, or other ICMPv6
    /* 19 */ give(kWholePacket),                                     // accept
    /* 20 */ give(0),                                                // drop
};
static_assert(kProgram.size() == kDrop + 1);

}  // namespace

const sock_fprog& nd_filter() {
    // The kernel copies the program; its interface just lacks the const.
    static const sock_fprog program{static_cast<unsigned short>(kProgram.size()),
                                    const_cast<sock_filter*>(kProgram.data())};
    return program;
}

}  // namespace solicitd::io
