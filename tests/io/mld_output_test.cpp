#include "io/mld_output.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "fakes/nd_packets.hpp"
#include "io/kernel.hpp"
#include "io/mld_reporter.hpp"
#include "io/multicast_pool.hpp"
#include "io/wire.hpp"

namespace solicitd::io {
namespace {

using namespace test;

constexpr const char* kText =
    "ifIndex                         \t2\n"
    "Ip6OutRequests                  \t900\n"
    "Ip6OutDiscards                  \t7\n"
    "Ip6OutNoRoutes                  \t800\n"
    "Icmp6OutMsgs                    \t700\n"
    "Icmp6InGroupMembResponses       \t600\n"
    "Icmp6InMLDv2Reports             \t500\n"
    "Icmp6OutGroupMembQueries        \t400\n"
    "Icmp6OutGroupMembResponses      \t30\n"
    "Icmp6OutGroupMembReductions     \t300\n"
    "Icmp6OutMLDv2Reports            \t2\n";

std::string with(const std::string& line, const std::string& replacement) {
    std::string text = kText;
    const std::size_t at = text.find(line);
    return text.replace(at, text.find('\n', at) + 1 - at, replacement);
}

TEST(ParseMldOutput, CountsReportsOfBothVersions) {
    EXPECT_EQ(parse_mld_output(kText), (MldOutput{32, 7}));
}

TEST(ParseMldOutput, SaysNothingWhereACounterIsMissing) {
    for (const char* name :
         {"Icmp6OutMLDv2Reports", "Icmp6OutGroupMembResponses", "Ip6OutDiscards"}) {
        const std::string counter = name;
        for (const char* rest :
             {"\n", " \t\n", "\tx\n", "\t-1\n", "\t1 1\n", "\t99999999999999999999\n", "2\t1\n"}) {
            const std::string line = counter + rest;
            EXPECT_EQ(parse_mld_output(with(counter, line)), std::nullopt) << line;
        }
        EXPECT_EQ(parse_mld_output(with(counter, "")), std::nullopt) << counter;
    }
    EXPECT_EQ(parse_mld_output(""), std::nullopt);
}

TEST(ParseMldOutput, NeedsNoLastLineFeed) {
    const std::string text = kText;
    EXPECT_EQ(parse_mld_output(text.substr(0, text.size() - 1)), (MldOutput{32, 7}));
}

TEST(ReadMldOutput, SaysNothingOfWhatIsNotThere) {
    enter_fresh_network();
    EXPECT_TRUE(read_mld_output("lo"));
    EXPECT_EQ(read_mld_output("eth9"), std::nullopt);
    EXPECT_EQ(read_mld_output(""), std::nullopt);
    EXPECT_EQ(read_mld_output(".."), std::nullopt);
}

/// The table in the header, on the kernel that runs.
class MldOutputOfTheKernel : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("ip link add eth9 address 02:00:00:00:00:09 type veth peer name far9;"
            "echo 1 > /proc/sys/net/ipv6/conf/far9/disable_ipv6;"
            "cd /proc/sys/net/ipv6/conf/eth9; echo 0 > router_solicitations;"
            // Within this time the kernel makes the second of its two reports.
            "echo 100 > mldv1_unsolicited_report_interval;"
            "echo 100 > mldv2_unsolicited_report_interval;"
            "ip link set eth9 up; ip link set far9 up;"
            "ip addr replace fe80::9/64 dev eth9 nodad");
        ASSERT_TRUE(eventually([] { return output("ip -6 addr show tentative").empty(); }));
        eth9_ = index_of("eth9");
        // The kernel reports of its own addresses first.
        MldOutput last = now();
        auto since = std::chrono::steady_clock::now();
        ASSERT_TRUE(eventually(
            [&] {
                if (now() != last) {
                    last = now();
                    since = std::chrono::steady_clock::now();
                }
                return std::chrono::steady_clock::now() - since > 500ms;
            },
            15s));
    }

    [[nodiscard]] static MldOutput now() { return read_mld_output("eth9").value(); }
    [[nodiscard]] static MldOutput grown(const MldOutput& since) {
        const MldOutput after = now();
        return {after.reports - since.reports, after.discards - since.discards};
    }
    /// Joins a group of which the kernel then makes two reports (the robustness by default).
    void join(std::uint32_t low24) { ASSERT_EQ(pool_.join(eth9_, {low24}), 0); }
    [[nodiscard]] int send() {
        const std::array<SolicitedNodeGroup, 1> groups{{{0xAB0001}}};
        return MldReporter().send(eth9_, address("fe80::9"), MldVersion::v2, groups);
    }
    [[nodiscard]] static bool firewall() {
        try {
            run("nft 'table ip6 t { chain c { type filter hook output priority 0;"
                " icmpv6 type { 131, 143 } drop; }; }' 2>&1");
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }

    Ifindex eth9_ = 0;
    MulticastPool pool_;
};

TEST_F(MldOutputOfTheKernel, CountsTheReportsOfTheKernel) {
    const MldOutput before = now();
    join(0xAB0001);
    EXPECT_TRUE(eventually([&] { return grown(before) == MldOutput{2, 0}; }));
    run("echo 1 > /proc/sys/net/ipv6/conf/eth9/force_mld_version");
    join(0xAB0002);
    EXPECT_TRUE(eventually([&] { return grown(before) == MldOutput{4, 0}; }));
}

TEST_F(MldOutputOfTheKernel, DoesNotCountOurs) {
    const MldOutput before = now();
    ASSERT_EQ(send(), 0);
    EXPECT_EQ(grown(before), (MldOutput{0, 0}));
}

TEST_F(MldOutputOfTheKernel, DiscardsWhatAFirewallDropsWhoseverItIs) {
    if (!firewall()) {
        GTEST_SKIP() << "no nftables here (tests/packages)";
    }
    const MldOutput before = now();
    ASSERT_EQ(send(), EPERM);
    EXPECT_EQ(grown(before), (MldOutput{0, 1}));
    join(0xAB0001);
    EXPECT_TRUE(eventually([&] { return grown(before) == MldOutput{0, 3}; }));
}

}  // namespace
}  // namespace solicitd::io
