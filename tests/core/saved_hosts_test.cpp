#include "core/saved_hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SavedHost host(const std::string& address, const std::string& mac, std::chrono::seconds silent,
               const std::string& downstream = "br0") {
    return {downstream, Ipv6Address::parse(address).value(),
            mac.empty() ? MacAddress{} : MacAddress::parse(mac).value(), silent};
}

std::vector<SavedHost> hosts_of(const std::string& text) {
    const auto parsed = parse_saved_hosts(text);
    if (const auto* defect = std::get_if<SavedHostsDefect>(&parsed)) {
        ADD_FAILURE() << defect->text << " in:\n" << text;
        return {};
    }
    return std::get<std::vector<SavedHost>>(parsed);
}

/// What is wrong with the text; "" when nothing is.
std::string defect_of(const std::string& text) {
    const auto parsed = parse_saved_hosts(text);
    const auto* defect = std::get_if<SavedHostsDefect>(&parsed);
    return defect == nullptr ? "" : defect->text;
}

const std::vector<SavedHost> kHosts = {
    host("2001:db8::1", "02:00:00:00:01:01", 0s),
    host("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "ff:ff:ff:ff:ff:fe", 4294967295s,
         "fifteen-letters"),
    host("fd00::7", "", 86400s, "br\xC3\xA4"),
};
const std::string kText =
    "solicitd hosts 2\n"
    "2001:db8::1 br0 02:00:00:00:01:01 0\n"
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff fifteen-letters ff:ff:ff:ff:ff:fe 4294967295\n"
    "fd00::7 br\xC3\xA4 - 86400\n"
    "end 3\n";

TEST(SavedHosts, AreWrittenAsDocumented) {
    EXPECT_EQ(format_saved_hosts(kHosts), kText);
    EXPECT_EQ(format_saved_hosts({}), "solicitd hosts 2\nend 0\n");
}

TEST(SavedHosts, ComeBackAsTheyWere) {
    const std::vector<SavedHost> back = hosts_of(kText);
    ASSERT_THAT(back, SizeIs(kHosts.size()));
    for (std::size_t i = 0; i < kHosts.size(); ++i) {
        EXPECT_EQ(back[i].address, kHosts[i].address);
        EXPECT_EQ(back[i].downstream, kHosts[i].downstream);
        EXPECT_EQ(back[i].mac, kHosts[i].mac);
        EXPECT_EQ(back[i].silent, kHosts[i].silent);
    }
    EXPECT_THAT(hosts_of(format_saved_hosts({})), IsEmpty());
}

TEST(SavedHosts, AClaimAndOneThatAnsweredSaySo) {
    const auto line = [](HostRank rank) {
        SavedHost each = host("2001:db8::1", "02:00:00:00:01:01", 7s);
        each.rank = rank;
        const std::string text = format_saved_hosts({each});
        EXPECT_EQ(hosts_of(text).at(0).rank, rank);
        return text;
    };
    const std::string head = "solicitd hosts 2\n2001:db8::1 br0 02:00:00:00:01:01 7";
    EXPECT_EQ(line(HostRank::claimed), head + " claimed\nend 1\n");
    EXPECT_EQ(line(HostRank::remembered), head + "\nend 1\n");
    EXPECT_EQ(line(HostRank::lingering), head + " answered\nend 1\n");
    for (const std::string wrong : {"7 ", "7 claime", "7 claimed ", "7claimed", " claimed",
                                    "7 answered claimed", "7 answer", " answered"}) {
        EXPECT_EQ(defect_of("solicitd hosts 2\n2001:db8::1 br0 - " + wrong + "\nend 1\n"),
                  "line 2 is no host")
            << wrong;
    }
}

TEST(SavedHosts, TheFormerVersionIsRead) {
    const std::vector<SavedHost> hosts = hosts_of(
        "solicitd hosts 1\n"
        "2001:db8::1 br0 02:00:00:00:01:01 252\n"
        "2001:db8::2 br0 - 1 claimed\n"
        "end 2\n");
    ASSERT_THAT(hosts, SizeIs(2));
    EXPECT_EQ(hosts[0].rank, HostRank::remembered);
    EXPECT_EQ(hosts[0].silent, 252s);
    EXPECT_EQ(hosts[1].rank, HostRank::claimed);
}

/// A host that was never heard is saved again and again, its silence growing.
TEST(SavedHosts, ASilenceBeyondWhatTheFormatHoldsIsCut) {
    EXPECT_THAT(hosts_of(format_saved_hosts({host("fd00::1", "", 4294967296s)})), SizeIs(1));
    EXPECT_EQ(hosts_of(format_saved_hosts({host("fd00::1", "", -1s)})).at(0).silent, 0s);
}

TEST(SavedHosts, AFileThatWasCutOffAnywhereIsNotBelieved) {
    for (std::size_t size = 0; size + 1 < kText.size(); ++size) {  // less the last newline
        EXPECT_NE(defect_of(kText.substr(0, size)), "") << size << " bytes";
    }
}

TEST(SavedHosts, OneFlippedByteNeverMakesMoreOrFewerHosts) {
    for (std::size_t at = 0; at < kText.size(); ++at) {
        for (const char put : {'\0', '\n', ' ', 'x', '9', ':', '\xFF'}) {
            std::string text = kText;
            text[at] = put;
            const auto parsed = parse_saved_hosts(text);
            if (const auto* hosts = std::get_if<std::vector<SavedHost>>(&parsed)) {
                EXPECT_THAT(*hosts, SizeIs(kHosts.size())) << "byte " << at;
            }
        }
    }
}

TEST(SavedHosts, EachDefectNamesItsLine) {
    const std::string head = "solicitd hosts 2\n";
    const std::string good = "2001:db8::1 br0 02:00:00:00:01:01 0\n";
    const std::string no_end = "it does not end with the number of its hosts";
    const std::string bad_host = "line 3 is no host";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "line 1 is not \"solicitd hosts 2\""},
        {"\n" + kText, "line 1 is not \"solicitd hosts 2\""},
        {"solicitd hosts 3\nend 0\n", "line 1 is not \"solicitd hosts 2\""},
        {"solicitd hosts 2\r\nend 0\r\n", "line 1 is not \"solicitd hosts 2\""},
        {head, no_end},
        {head + good, no_end},
        {head + good + "end 2\n", no_end},
        {head + good + "end 0\n", no_end},
        {head + good + "end -1\n", no_end},
        {head + good + "end 1 \n", no_end},
        {head + good + "end \n", no_end},
        {head + good + "end 1\nend 1\n", no_end},
        {head + good + "end 1\n" + good, no_end},
        {head + good + "end\n", bad_host},
        {head + good + "\nend 1\n", bad_host},
        {head + good + "2001:db8::2 br0 - 0 0\nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 -\nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 - \nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 - -5\nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 - 4294967296\nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 - 5s\nend 2\n", bad_host},
        {head + good + "2001:db8::2 br0 02:00:00:00:01 5\nend 2\n", bad_host},
        {head + good + "2001:db8::2  br0 - 5\nend 2\n", bad_host},
        {head + good + "2001:db8::2\tbr0 - 5\nend 2\n", bad_host},
        {head + good + "2001:db8::2/64 br0 - 5\nend 2\n", bad_host},
        {head + good + "fe80::2 br0 - 5\nend 2\n", bad_host},
        {head + good + "ff02::2 br0 - 5\nend 2\n", bad_host},
        {head + good + "::1 br0 - 5\nend 2\n", bad_host},
        {head + good + "192.0.2.1 br0 - 5\nend 2\n", bad_host},
        {head + good + "2001:db8::2 ../../etc - 5\nend 2\n", bad_host},
        {head + good + "2001:db8::2 sixteen-letters- - 5\nend 2\n", bad_host},
        {head + good + std::string("2001:db8::2\0 br0 - 5\nend 2\n", 27), bad_host},
        {head + good + std::string("2001:db8::2 b\0r - 5\nend 2\n", 26), bad_host},
        {head + good + std::string(1'000'000, 'a'), bad_host},
    };
    for (const auto& [text, defect] : cases) {
        EXPECT_EQ(defect_of(text), defect) << text.substr(0, 200);
    }
}

}  // namespace
}  // namespace solicitd
