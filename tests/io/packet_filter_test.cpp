#include "io/packet_filter.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <set>
#include <string>

#include "fakes/nd_packets.hpp"
#include "io/fd.hpp"
#include "io/wire.hpp"

namespace solicitd::io {
namespace {

using test::address;
using test::Packet;

const Ipv6Address kHost = address("2001:db8::1234:5678");
const Ipv6Address kOther = address("2001:db8::abcd:ef01");
const Ipv6Address kOtherGroup = address("ff02::1:ffcd:ef01");

constexpr std::uint8_t kMldReport = 131;

/// The same message behind a Hop-by-Hop Options header of 8 * (1 + length) bytes (RFC 8200 4.3).
Packet behind_options(Packet packet, std::uint8_t length = 0) {
    Packet header(8U * (1U + length), 0);
    header[0] = packet[test::kNextHeaderAt];
    header[1] = length;
    packet[test::kNextHeaderAt] = IPPROTO_HOPOPTS;
    packet.insert(packet.begin() + test::kIcmpAt, header.begin(), header.end());
    test::fix_length(packet);
    return packet;
}

Packet changed(Packet packet, std::size_t at, std::uint8_t value) {
    packet[at] = value;
    return packet;
}

const Packet kNs = test::neighbor_solicitation(kHost, kOtherGroup, kOther);
const Packet kNa = test::neighbor_advertisement(kHost, kOther, kHost);
/// As far as a filter looks.
const Packet kReport = changed(changed(kNs, test::kHopLimitAt, 1), test::kIcmpAt, kMldReport);

/// Asks the kernel to run the filter: a datagram on a socket pair is filtered inside send().
class Filter {
public:
    explicit Filter(const sock_fprog& program) {
        std::array<int, 2> ends{};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        sender_ = Fd(ends[0]);
        receiver_ = Fd(ends[1]);
        EXPECT_EQ(
            setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    }

    /// An accepted packet must come whole.
    [[nodiscard]] bool accepts(const Packet& packet) const {
        EXPECT_EQ(send(sender_.get(), packet.data(), packet.size(), 0),
                  static_cast<ssize_t>(packet.size()));
        Packet received(packet.size() + 1);
        const ssize_t size = recv(receiver_.get(), received.data(), received.size(), 0);
        if (size < 0) {
            EXPECT_EQ(errno, EAGAIN);
            return false;
        }
        received.resize(static_cast<std::size_t>(size));
        EXPECT_EQ(received, packet);
        return true;
    }

private:
    Fd sender_;
    Fd receiver_;
};

struct Side {
    std::string name;
    const sock_fprog& program;
    std::set<unsigned> nd;   ///< the ICMPv6 types that pass with hop limit 255
    std::set<unsigned> mld;  ///< and with 1
};

class EachSide : public testing::TestWithParam<Side> {
protected:
    const Filter filter_{GetParam().program};
};
INSTANTIATE_TEST_SUITE_P(
    PacketFilter, EachSide,
    testing::Values(Side{"Downstream", downstream_filter(true), {135, 136}, {131, 143}},
                    Side{"DownstreamWithoutMld", downstream_filter(false), {135, 136}, {}},
                    Side{"Upstream", upstream_filter(), {135}, {130, 131}}),
    [](const auto& side) { return side.param.name; });

TEST_P(EachSide, AcceptsItsTypesWithTheirHopLimit) {
    for (unsigned type = 0; type < 256; ++type) {
        for (const unsigned hop_limit : {0, 1, 2, 64, 254, 255}) {
            const bool wanted = (hop_limit == 255 && GetParam().nd.count(type) > 0) ||
                                (hop_limit == 1 && GetParam().mld.count(type) > 0);
            Packet packet = changed(kNs, test::kIcmpAt, static_cast<std::uint8_t>(type));
            packet[test::kHopLimitAt] = static_cast<std::uint8_t>(hop_limit);
            const std::string what =
                "type " + std::to_string(type) + ", hop limit " + std::to_string(hop_limit);
            EXPECT_EQ(filter_.accepts(packet), wanted) << what;
            EXPECT_EQ(filter_.accepts(behind_options(packet)), wanted) << what << ", options";
            // A first fragment is for the parsers to refuse and to count.
            EXPECT_EQ(filter_.accepts(test::fragmented(packet)), wanted) << what << ", fragmented";
            EXPECT_EQ(filter_.accepts(behind_options(test::fragmented(packet))), wanted)
                << what << ", options, fragmented";
        }
    }
}

TEST_P(EachSide, AcceptsNoOtherHopLimitVersionOrHeader) {
    const Packet fragment = test::fragmented(kNs);
    const Packet options = behind_options(kNs);
    for (unsigned value = 0; value < 256; ++value) {
        const auto byte = static_cast<std::uint8_t>(value);
        EXPECT_EQ(filter_.accepts(changed(kNs, 7, byte)), value == 255) << "hop limit " << value;
        EXPECT_EQ(filter_.accepts(changed(kNs, 0, byte)), value >> 4U == 6) << "version " << value;
        // Taken for another header, the message has an inner next header of 135: no ICMPv6.
        EXPECT_EQ(filter_.accepts(changed(kNs, 6, byte)), value == 58) << "next header " << value;
        EXPECT_EQ(filter_.accepts(changed(fragment, 40, byte)), value == 58)
            << "next header of the fragment " << value;
        EXPECT_EQ(filter_.accepts(changed(options, 40, byte)), value == 58)
            << "next header of the options " << value;
    }
}

TEST_P(EachSide, AcceptsNoLaterFragment) {
    for (unsigned bit = 0; bit < 16; ++bit) {
        Packet packet = test::fragmented(kNs);
        packet[42] = static_cast<std::uint8_t>(1U << bit >> 8U);
        packet[43] = static_cast<std::uint8_t>(1U << bit);
        // The three lowest bits are no offset: two reserved ones, and "more fragments".
        EXPECT_EQ(filter_.accepts(packet), bit < 3) << (1U << bit);
        EXPECT_EQ(filter_.accepts(behind_options(packet)), bit < 3) << (1U << bit) << ", options";
    }
}

// Where the ICMPv6 type ends is where a truncated message becomes the parser's to count.
TEST_P(EachSide, AcceptsNothingThatEndsBeforeTheType) {
    const auto accepts_from = [&](const Packet& packet, std::size_t type_at) {
        for (std::size_t size = 1; size <= packet.size(); ++size) {
            const Packet cut(packet.begin(), packet.begin() + static_cast<long>(size));
            EXPECT_EQ(filter_.accepts(cut), size > type_at) << size << " of " << packet.size();
        }
    };
    accepts_from(kNs, 40);
    accepts_from(test::fragmented(kNs), 48);
    accepts_from(behind_options(kNs), 48);
    accepts_from(behind_options(test::fragmented(kNs), 2), 72);
}

TEST(PacketFilter, FindsMldBehindOptionsOfAnyLength) {
    const Filter filter(downstream_filter(true));
    for (unsigned length = 0; length < 256; ++length) {
        const Packet packet = behind_options(kReport, static_cast<std::uint8_t>(length));
        EXPECT_TRUE(filter.accepts(packet)) << length;
        EXPECT_FALSE(filter.accepts(changed(packet, 40 + 8 * (length + 1), 132))) << length;
    }
}

TEST(PacketFilter, AcceptsLongMessages) {
    const Filter filter(downstream_filter(true));
    EXPECT_TRUE(filter.accepts(test::dad_solicitation(kHost, Packet(1400, 1))));
}

// Which way a packet went only a real link can tell. The same packet is seen without the filter.
TEST(PacketFilter, DropsWhatWeSentOurselves) {
    test::require_sandbox();
    test::run("ip link add name near type veth peer name far");
    test::run("ip link set dev far up");
    test::bring_up("near");
    const test::Wire far("far");
    const test::Wire open("near", ETH_P_ALL);
    for (const sock_fprog* program : {&downstream_filter(true), &upstream_filter()}) {
        test::Wire filtered("near", ETH_P_ALL);
        filtered.attach(*program);
        const Packet fence = test::dad_solicitation(kHost);
        for (const Packet& ours : {kNs, behind_options(kReport)}) {
            open.send(ours);
            far.send(fence);
            EXPECT_TRUE(open.sees_before(ours, fence));
            EXPECT_FALSE(filtered.sees_before(ours, fence));
        }
    }
    test::run("ip link delete near");
}

}  // namespace
}  // namespace solicitd::io
