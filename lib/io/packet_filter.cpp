#include "io/packet_filter.hpp"

#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>

namespace solicitd::io {
namespace {

constexpr std::uint32_t kWholePacket = 0xFFFFFFFF;
constexpr std::uint32_t kMldV2Report = 143;  // RFC 9777 5.2
constexpr std::uint32_t kPacketType = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);

constexpr sock_filter load(std::uint16_t what, std::uint32_t k) {
    return {static_cast<std::uint16_t>(BPF_LD | what), 0, 0, k};
}
constexpr sock_filter set_x(std::uint32_t k) {
    return {BPF_LDX | BPF_IMM, 0, 0, k};
}
constexpr sock_filter a_to_x() {
    return {BPF_MISC | BPF_TAX, 0, 0, 0};
}
constexpr sock_filter x_to_a() {
    return {BPF_MISC | BPF_TXA, 0, 0, 0};
}
constexpr sock_filter compute(std::uint16_t operation, std::uint32_t k) {
    return {static_cast<std::uint16_t>(BPF_ALU | operation | BPF_K), 0, 0, k};
}
constexpr sock_filter give(std::uint32_t size) {
    return {BPF_RET | BPF_K, 0, 0, size};
}

/// At line `at`: goes on at line `yes` or `no`. (BPF itself counts the lines to skip.)
constexpr sock_filter jump(int at, std::uint16_t test, std::uint32_t k, int yes, int no) {
    return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K),
            static_cast<std::uint8_t>(yes - at - 1), static_cast<std::uint8_t>(no - at - 1), k};
}

/// ICMPv6 types. No byte equals kNone.
using Types = std::array<std::uint32_t, 2>;
constexpr std::uint32_t kNone = 256;

constexpr int kAfterOptions = 13;
constexpr int kMessage = 22;
constexpr int kNd = 27;
constexpr int kMld = 29;
constexpr int kAccept = 31;
constexpr int kDrop = 32;

// A: accumulator, X: index. A load past the packet's end drops the packet.
constexpr std::array<sock_filter, kDrop + 1> program(Types nd, Types mld) {
    return {
        /*  0 */ load(BPF_B | BPF_ABS, kPacketType),                   // A = how it came here
        /*  1 */ jump(1, BPF_JEQ, PACKET_OUTGOING, kDrop, 2),          // we sent it
        /*  2 */ load(BPF_B | BPF_ABS, 0),                             // A = version, traffic class
        /*  3 */ compute(BPF_AND, 0xF0),                               // A = version << 4
        /*  4 */ jump(4, BPF_JEQ, 0x60, 5, kDrop),                     // not IPv6
        /*  5 */ set_x(40),                                            // X = size of the headers
        /*  6 */ load(BPF_B | BPF_ABS, 6),                             // A = next header
        /*  7 */ jump(7, BPF_JEQ, IPPROTO_HOPOPTS, 8, kAfterOptions),  // Hop-by-Hop Options
        /*  8 */ load(BPF_B | BPF_ABS, 41),                            // A = its size / 8 - 1
        /*  9 */ compute(BPF_LSH, 3),                                  // A = size - 8
        /* 10 */ compute(BPF_ADD, 40 + 8),                             // A = size of both headers
        /* 11 */ a_to_x(),                                             // X = A
        /* 12 */ load(BPF_B | BPF_ABS, 40),                            // A = next header
        /* 13 */ jump(13, BPF_JEQ, IPPROTO_ICMPV6, kMessage, 14),      // the usual case
        /* 14 */ jump(14, BPF_JEQ, IPPROTO_FRAGMENT, 15, kDrop),       // no fragment either
        /* 15 */ load(BPF_H | BPF_IND, 2),                             // A = fragment offset, flags
        /* 16 */ jump(16, BPF_JSET, 0xFFF8, kDrop, 17),                // not the first fragment
        /* 17 */ load(BPF_B | BPF_IND, 0),                             // A = the inner next header
        /* 18 */ jump(18, BPF_JEQ, IPPROTO_ICMPV6, 19, kDrop),         // a fragment of other things
        /* 19 */ x_to_a(),                                             // A = X
        /* 20 */ compute(BPF_ADD, 8),                                  // A = size of all headers
        /* 21 */ a_to_x(),                                             // X = A
        /* 22 */ load(BPF_B | BPF_IND, 0),                             // A = packet[X], ICMPv6 type
        /* 23 */ jump(23, BPF_JEQ, nd[0], kNd, 24),                    // ND
        /* 24 */ jump(24, BPF_JEQ, nd[1], kNd, 25),                    // ND
        /* 25 */ jump(25, BPF_JEQ, mld[0], kMld, 26),                  // MLD
        /* 26 */ jump(26, BPF_JEQ, mld[1], kMld, kDrop),               // MLD, or another type
        /* 27 */ load(BPF_B | BPF_ABS, 7),                             // A = hop limit
        /* 28 */ jump(28, BPF_JEQ, 255, kAccept, kDrop),               // ND that crossed a router
        /* 29 */ load(BPF_B | BPF_ABS, 7),                             // A = hop limit
        /* 30 */ jump(30, BPF_JEQ, 1, kAccept, kDrop),                 // not of this link
        /* 31 */ give(kWholePacket),                                   // accept
        /* 32 */ give(0),                                              // drop
    };
}

using Program = decltype(program({}, {}));

constexpr Types kNsAndNa{ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT};
constexpr Program kDownstream = program(kNsAndNa, {kNone, kNone});
constexpr Program kDownstreamAndMld = program(kNsAndNa, {MLD_LISTENER_REPORT, kMldV2Report});
constexpr Program kUpstream =
    program({ND_NEIGHBOR_SOLICIT, kNone}, {MLD_LISTENER_QUERY, MLD_LISTENER_REPORT});

/// The kernel copies the program; its interface just lacks the const.
sock_fprog reference_to(const Program& program) {
    return {static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
}

}  // namespace

const sock_fprog& downstream_filter(bool mld) {
    static const sock_fprog without = reference_to(kDownstream);
    static const sock_fprog with = reference_to(kDownstreamAndMld);
    return mld ? with : without;
}

const sock_fprog& upstream_filter() {
    static const sock_fprog program = reference_to(kUpstream);
    return program;
}

}  // namespace solicitd::io
