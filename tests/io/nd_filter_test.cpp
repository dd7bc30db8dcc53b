#include "io/nd_filter.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

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

/// Asks the kernel to run the filter: a datagram on a socket pair is filtered inside send().
class NdFilter : public testing::Test {
protected:
    NdFilter() {
        std::array<int, 2> ends{};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        sender_ = Fd(ends[0]);
        receiver_ = Fd(ends[1]);
        EXPECT_EQ(setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &nd_filter(),
                             sizeof(sock_fprog)),
                  0);
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

    const Packet ns_ = test::neighbor_solicitation(kHost, kOtherGroup, kOther);
    const Packet na_ = test::neighbor_advertisement(kHost, kOther, kHost);

private:
    Fd sender_;
    Fd receiver_;
};

Packet changed(Packet packet, std::size_t at, std::uint8_t value) {
    packet[at] = value;
    return packet;
}

TEST_F(NdFilter, AcceptsNeighborDiscovery) {
    EXPECT_TRUE(accepts(ns_));
    EXPECT_TRUE(accepts(na_));
    EXPECT_TRUE(accepts(test::dad_solicitation(kHost)));
    EXPECT_TRUE(accepts(test::dad_solicitation(kHost, Packet(1400, 1))));
}

TEST_F(NdFilter, AcceptsFirstFragmentsForTheParserToCount) {
    EXPECT_TRUE(accepts(test::fragmented(ns_)));
    EXPECT_TRUE(accepts(test::fragmented(na_)));
    EXPECT_TRUE(accepts(changed(test::fragmented(ns_), 43, 1)));  // more fragments follow
}

TEST_F(NdFilter, AcceptsNoOtherTypeOfIcmp) {
    for (unsigned type = 0; type < 256; ++type) {
        const bool nd = type == 135 || type == 136;
        const auto value = static_cast<std::uint8_t>(type);
        EXPECT_EQ(accepts(changed(ns_, 40, value)), nd) << type;
        EXPECT_EQ(accepts(changed(test::fragmented(ns_), 48, value)), nd) << "fragmented " << type;
    }
}

TEST_F(NdFilter, AcceptsNoOtherHopLimitVersionOrHeader) {
    for (unsigned value = 0; value < 256; ++value) {
        const auto byte = static_cast<std::uint8_t>(value);
        EXPECT_EQ(accepts(changed(ns_, 7, byte)), value == 255) << "hop limit " << value;
        EXPECT_EQ(accepts(changed(ns_, 0, byte)), value >> 4U == 6) << "first byte " << value;
        // Taken for a fragment header, the message has an inner header of 135: no ICMPv6.
        EXPECT_EQ(accepts(changed(ns_, 6, byte)), value == 58) << "next header " << value;
        EXPECT_EQ(accepts(changed(test::fragmented(ns_), 40, byte)), value == 58)
            << "inner next header " << value;
    }
}

TEST_F(NdFilter, AcceptsNoLaterFragment) {
    for (unsigned bit = 3; bit < 16; ++bit) {
        Packet packet = test::fragmented(ns_);
        packet[42] = static_cast<std::uint8_t>(1U << bit >> 8U);
        packet[43] = static_cast<std::uint8_t>(1U << bit);
        EXPECT_FALSE(accepts(packet)) << "offset " << (1U << bit);
    }
}

TEST_F(NdFilter, AcceptsNothingThatEndsBeforeTheType) {
    for (std::size_t size = 1; size <= 40; ++size) {
        EXPECT_FALSE(accepts(Packet(ns_.begin(), ns_.begin() + static_cast<long>(size)))) << size;
    }
    const Packet fragment = test::fragmented(ns_);
    for (std::size_t size = 1; size <= 48; ++size) {
        EXPECT_FALSE(accepts(Packet(fragment.begin(), fragment.begin() + static_cast<long>(size))))
            << size;
    }
    EXPECT_TRUE(
        accepts(Packet(ns_.begin(), ns_.begin() + 41)));  // truncated: the parser's to count
}

// Which way a packet went only a real link can tell. The same packet is seen without the filter.
TEST_F(NdFilter, DropsWhatWeSentOurselves) {
    test::require_sandbox();
    test::run("ip link add name near type veth peer name far");
    test::run("ip link set dev far up");
    test::bring_up("near");
    const test::Wire far("far");
    const test::Wire open("near", ETH_P_ALL);
    test::Wire filtered("near", ETH_P_ALL);
    filtered.attach(nd_filter());
    open.send(ns_);
    far.send(na_);
    EXPECT_TRUE(open.sees_before(ns_, na_));
    EXPECT_FALSE(filtered.sees_before(ns_, na_));
}

}  // namespace
}  // namespace solicitd::io
