#include "io/mld_reporter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fakes/nd_packets.hpp"
#include "io/kernel.hpp"
#include "io/wire.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::HasSubstr;

using Groups = std::vector<SolicitedNodeGroup>;

/// ff02::1:ffab:*, which the kernel itself does not report here.
Groups groups(std::size_t count, std::uint32_t first = 1) {
    Groups some;
    for (std::uint32_t i = 0; i < count; ++i) {
        some.push_back({0xAB0000U + first + i});
    }
    return some;
}

void append(Packet& packet, const Ipv6Address& address) {
    packet.insert(packet.end(), address.bytes.begin(), address.bytes.end());
}

/// An MLD message as RFC 9777 5 and RFC 2711 have it on the wire.
Packet mld_packet(const std::string& source, const Ipv6Address& destination,
                  const Packet& message) {
    Packet upper = {0x60, 0, 0, 0, 0, 0, 58, 1};
    append(upper, address(source));
    append(upper, destination);
    upper.insert(upper.end(), message.begin(), message.end());
    fix_checksum(upper);  // which covers no extension header
    Packet packet = upper;
    packet[kNextHeaderAt] = 0;
    const Packet hop_by_hop = {58, 0, 5, 2, 0, 0, 1, 0};
    packet.insert(packet.begin() + kIcmpAt, hop_by_hop.begin(), hop_by_hop.end());
    fix_length(packet);
    return packet;
}

Packet report2(const std::string& source, const Groups& reported) {
    const std::size_t count = reported.size();
    Packet message = {143,
                      0,
                      0,
                      0,
                      0,
                      0,
                      static_cast<std::uint8_t>(count >> 8U),
                      static_cast<std::uint8_t>(count)};
    for (const SolicitedNodeGroup group : reported) {
        message.insert(message.end(), {2, 0, 0, 0});
        append(message, group.address());
    }
    return mld_packet(source, address("ff02::16"), message);
}

Packet report1(const std::string& source, SolicitedNodeGroup group) {
    Packet message = {131, 0, 0, 0, 0, 0, 0, 0};
    append(message, group.address());
    return mld_packet(source, group.address(), message);
}

/// eth9 with fe80::9 and eth8 with fe80::8 are ours; what they send comes out of far9 and far8.
class MldReporterTest : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        for (const char* number : {"9", "8"}) {
            add_upstream(number);
        }
        reporter_ = std::make_unique<MldReporter>();  // a socket of this namespace
    }

    static void add_upstream(const std::string& number) {
        const std::string eth = "eth" + number;
        const std::string far = "far" + number;
        run("ip link add " + eth + " address 02:00:00:00:00:0" + number +
            " mtu 1500 type veth peer name " + far +
            " mtu 9000;"
            "echo 1 > /proc/sys/net/ipv6/conf/" +
            far +
            "/disable_ipv6;"
            "ip link set " +
            eth + " addrgenmode none; ip link set " + far + " up");
        bring_up(eth);
        run("ip addr add fe80::" + number + "/64 dev " + eth + " nodad");
    }

    [[nodiscard]] int send(const std::string& interface, const std::string& source,
                           const Groups& reported, MldVersion version = MldVersion::v2) {
        return reporter_->send(index_of(interface), address(source), version, reported);
    }

    /// The next report of groups() that leaves; nullopt when none did in 3 s.
    [[nodiscard]] static std::optional<Packet> next(const Wire& wire) {
        while (auto packet = wire.receive(3s)) {
            constexpr std::size_t kMld = kIcmpAt + 8;
            constexpr std::size_t kGroup2 = kMld + 12;
            constexpr std::size_t kGroup1 = kMld + 8;
            if (packet->size() < kGroup2 + 16 && packet->size() != kGroup1 + 16) {
                continue;
            }
            const std::size_t group = (*packet)[kMld] == 143 ? kGroup2 : kGroup1;
            if ((*packet)[group + 13] == 0xAB) {
                return packet;
            }
        }
        return std::nullopt;
    }

private:
    std::unique_ptr<MldReporter> reporter_;
};

TEST_F(MldReporterTest, AReportIsValidToTheLastByte) {
    const Wire wire("far9");
    ASSERT_EQ(send("eth9", "fe80::9", groups(3)), 0);
    EXPECT_EQ(next(wire), report2("fe80::9", groups(3)));
}

TEST_F(MldReporterTest, AReportOfVersion1GoesToTheGroup) {
    const Wire wire("far9");
    ASSERT_EQ(send("eth9", "fe80::9", groups(2), MldVersion::v1), 0);
    EXPECT_EQ(next(wire), report1("fe80::9", groups(1).front()));
    ASSERT_EQ(send("eth9", "fe80::9", groups(1, 3), MldVersion::v1), 0);
    EXPECT_EQ(next(wire), report1("fe80::9", groups(1, 3).front()));
}

TEST_F(MldReporterTest, OfSeveralAddressesItTakesTheOneThatIsTold) {
    run("ip addr add fe80::5/64 dev eth9 nodad; ip addr add 2001:db8::5/64 dev eth9 nodad");
    const Wire wire("far9");
    for (const char* source : {"fe80::5", "fe80::9"}) {
        ASSERT_EQ(send("eth9", source, groups(1)), 0);
        EXPECT_EQ(next(wire), report2(source, groups(1)));
    }
}

class MldReporterMtu : public MldReporterTest, public testing::WithParamInterface<unsigned> {};

TEST_P(MldReporterMtu, FillsOnePacketAndNeverTwo) {
    const std::size_t most = groups_per_report(GetParam());
    run("ip link set eth9 mtu " + std::to_string(GetParam()));
    // The MTU of the routes follows.
    ASSERT_TRUE(eventually([&] { return send("eth9", "fe80::9", groups(1)) == 0; }));
    const Wire wire("far9");
    EXPECT_EQ(send("eth9", "fe80::9", groups(most + 1)), EMSGSIZE);
    ASSERT_EQ(send("eth9", "fe80::9", groups(most, 2)), 0);
    // Wire reads 2048 bytes of a packet.
    const auto seen = next(wire);
    Packet expected = report2("fe80::9", groups(most, 2));
    EXPECT_GT(expected.size() + 20, GetParam());
    expected.resize(std::min<std::size_t>(expected.size(), 2048));
    EXPECT_EQ(seen, expected);
}

INSTANTIATE_TEST_SUITE_P(Mtu, MldReporterMtu, testing::Values(1280U, 1500U, 9000U));

TEST_F(MldReporterTest, HoldsAsManyAsTheKernelsOwn) {
    EXPECT_EQ(groups_per_report(1500), 72U);
    const Wire wire("far9");
    ASSERT_EQ(send("eth9", "fe80::9", groups(72)), 0);
    EXPECT_EQ(next(wire), report2("fe80::9", groups(72)));
}

TEST_F(MldReporterTest, TwoUpstreamsHearTheirOwnAndNothingElse) {
    const Wire wire9("far9");
    const Wire wire8("far8");
    for (std::uint32_t i = 1; i <= 50; ++i) {
        ASSERT_EQ(send("eth9", "fe80::9", groups(1, i)), 0);
        ASSERT_EQ(send("eth8", "fe80::8", groups(1, 1000 + i)), 0);
    }
    for (std::uint32_t i = 1; i <= 50; ++i) {
        ASSERT_EQ(next(wire9), report2("fe80::9", groups(1, i)));
        ASSERT_EQ(next(wire8), report2("fe80::8", groups(1, 1000 + i)));
    }
}

TEST_F(MldReporterTest, TheSameLinkLocalOnTwoInterfacesIsNoRiddle) {
    run("ip addr add fe80::9/64 dev eth8 nodad");
    const Wire wire9("far9");
    const Wire wire8("far8");
    ASSERT_EQ(send("eth9", "fe80::9", groups(1, 1)), 0);
    ASSERT_EQ(send("eth8", "fe80::9", groups(1, 2)), 0);
    EXPECT_EQ(next(wire9), report2("fe80::9", groups(1, 1)));
    EXPECT_EQ(next(wire8), report2("fe80::9", groups(1, 2)));
}

TEST_F(MldReporterTest, SaysThatAFirewallDroppedIt) {
    try {
        run("nft 'table ip6 t { chain c { type filter hook output priority 0;"
            " icmpv6 type { 131, 143 } drop; }; }' 2>&1");
    } catch (const std::runtime_error& error) {
        GTEST_SKIP() << "no nftables here (tests/packages): " << error.what();
    }
    const Wire wire("far9");
    EXPECT_EQ(send("eth9", "fe80::9", groups(1, 1)), EPERM);
    EXPECT_EQ(send("eth9", "fe80::9", groups(1, 2), MldVersion::v1), EPERM);
    run("nft delete table ip6 t");
    EXPECT_EQ(send("eth9", "fe80::9", groups(1, 3)), 0);
    EXPECT_EQ(next(wire), report2("fe80::9", groups(1, 3)));
}

TEST_F(MldReporterTest, SaysThatTheSourceIsNotOurs) {
    EXPECT_EQ(send("eth9", "fe80::77", groups(1)), EINVAL);
    EXPECT_EQ(send("eth9", "fe80::8", groups(1)), EINVAL) << "that is eth8's";
}

TEST_F(MldReporterTest, SaysThatTheSourceIsTentativeYet) {
    run("ip addr add fe80::77/64 dev eth9");
    EXPECT_EQ(send("eth9", "fe80::77", groups(1)), EINVAL);
    EXPECT_TRUE(eventually([&] { return send("eth9", "fe80::77", groups(1)) == 0; }));
}

TEST_F(MldReporterTest, SaysThatTheInterfaceIsNotThereOrDown) {
    MldReporter reporter;
    EXPECT_EQ(reporter.send(9999, address("fe80::9"), MldVersion::v2, groups(1)), ENODEV);
    run("ip link set eth9 down");
    EXPECT_EQ(send("eth9", "fe80::9", groups(1)), EINVAL);
}

TEST_F(MldReporterTest, OutlivesItsInterface) {
    ASSERT_EQ(send("eth9", "fe80::9", groups(1)), 0);
    run("ip link del eth9");
    add_upstream("9");
    const Wire wire("far9");
    ASSERT_EQ(send("eth9", "fe80::9", groups(1, 2)), 0);
    EXPECT_EQ(next(wire), report2("fe80::9", groups(1, 2)));
}

TEST_F(MldReporterTest, WithoutCarrierThereIsNobodyToTell) {
    run("ip link set far9 down");
    ASSERT_TRUE(eventually(
        [] { return output("ip link show eth9").find("NO-CARRIER") != output("").npos; }));
    EXPECT_EQ(send("eth9", "fe80::9", groups(1)), 0);
}

TEST_F(MldReporterTest, TakesNothingIn) {
    run("ping -6 -n -q -c 3 -i 0.01 ::1");
    // Columns of /proc/net/raw6: sl, local, remote, st, tx_queue:rx_queue, ..., drops.
    EXPECT_EQ(output("awk 'NR > 1 { print $5, $NF }' /proc/self/net/raw6"),
              "00000000:00000000 0\n");
}

}  // namespace
}  // namespace solicitd::io
