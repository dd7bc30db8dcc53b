#include "io/kernel_groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "io/kernel.hpp"
#include "io/multicast_pool.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

SolicitedNodeGroup group(std::uint32_t low24) {
    return {low24};
}

TEST(ParseKernelGroups, ReadsTheKernelsLines) {
    // Of Linux 6.18, and of a long name next to an index of four digits.
    EXPECT_THAT(parse_kernel_groups(
                    "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
                    "1    lo              ff010000000000000000000000000001     1 00000008 0\n"
                    "2    eth9            ff0200000000000000000001ff345678     1 00000004 0\n"
                    "2    eth9            ff0200000000000000000001ff000009     2 00000004 0\n"
                    "2    eth9            ff020000000000000000000000000001     1 0000000C 0\n"
                    "1234 fifteen-letters ff0200000000000000000001ffabcdef     1 00000004 0\n"),
                ElementsAre(Pair(2, ElementsAre(group(0x000009), group(0x345678))),
                            Pair(1234, ElementsAre(group(0xABCDEF)))));
}

TEST(ParseKernelGroups, AGroupIsThereOnce) {
    const std::string line = "7 eth9 ff0200000000000000000001ff000001 1 00000004 0\n";
    EXPECT_THAT(parse_kernel_groups(line + line), ElementsAre(Pair(7, ElementsAre(group(1)))));
}

TEST(ParseKernelGroups, PassesOverWhatTheKernelCannotHaveWritten) {
    const std::string address = "ff0200000000000000000001ff000001";
    for (const std::string& line : std::vector<std::string>{
             std::string(),
             std::string("\n\n"),
             std::string("7"),
             std::string("7 eth9"),
             "eth9 " + address + " 1",
             "7 " + address + " 1",
             "-7 eth9 " + address + " 1",
             "0 eth9 " + address + " 1",
             "99999999999 eth9 " + address + " 1",
             "0x7 eth9 " + address + " 1",
             "7 eth9 " + address + "0 1",
             "7 eth9 " + address.substr(1) + " 1",
             "7 eth9 ff02::1:ff00:1 1",
             "7 eth9 gg" + address.substr(2) + " 1",
             "7 eth9 -1" + address.substr(2) + " 1",
             std::string("7 eth9 ") + std::string(32, '\0'),
             std::string(100'000, ' '),
         }) {
        EXPECT_THAT(parse_kernel_groups(line), IsEmpty()) << line.substr(0, 100);
        EXPECT_THAT(parse_kernel_groups(line + "\n7 eth9 " + address + "\n"),
                    ElementsAre(Pair(7, ElementsAre(group(1)))))
            << line.substr(0, 100);
    }
}

TEST(ReadKernelGroups, ShowsWhatIsJoinedAndNoLongerWhatIsLeft) {
    enter_fresh_network();
    run("ip link add eth9 type veth peer name far9; ip link set eth9 up; ip link set far9 up");
    const Ifindex eth9 = if_nametoindex("eth9");
    const auto held = [&] {
        KernelGroups all = read_kernel_groups();
        EXPECT_TRUE(std::is_sorted(all[eth9].begin(), all[eth9].end()));
        return std::count(all[eth9].begin(), all[eth9].end(), group(0xAB0001)) == 1;
    };
    MulticastPool pool;
    EXPECT_FALSE(held());
    ASSERT_EQ(pool.join(eth9, group(0xAB0001)), 0);
    EXPECT_TRUE(held());

    // More than one read() takes.
    for (std::uint32_t i = 2; i <= 1000; ++i) {
        ASSERT_EQ(pool.join(eth9, group(0xAB0000 + i)), 0);
    }
    EXPECT_GE(read_kernel_groups()[eth9].size(), 1000U);
    EXPECT_TRUE(held());

    pool.leave(eth9, group(0xAB0001));
    EXPECT_FALSE(held());
}

// The kernel would pass over some of them: what goes while it is read shifts what comes after.
TEST(ReadKernelGroups, MissesNothingThatIsHeldWhileOtherGroupsComeAndGo) {
    enter_fresh_network();
    run("ip link add eth9 type veth peer name far9; ip link set eth9 up; ip link set far9 up");
    const Ifindex eth9 = if_nametoindex("eth9");
    MulticastPool pool;
    constexpr std::uint32_t kGroups = 1000;
    for (std::uint32_t i = 0; i < kGroups; ++i) {
        ASSERT_EQ(pool.join(eth9, group(0xAB0000 + i)), 0);
    }
    std::atomic<bool> done = false;
    std::thread others([&done, loopback = if_nametoindex("lo")] {
        while (!done) {
            MulticastPool theirs;
            for (std::uint32_t i = 0; i < 8; ++i) {
                (void)theirs.join(loopback, group(i));
            }
            std::this_thread::sleep_for(50ms);  // as often as somebody might
        }
    });
    std::size_t incomplete = 0;
    for (int i = 0; i < 400; ++i) {
        const auto held = read_kernel_groups()[eth9];
        const auto ours = std::count_if(held.begin(), held.end(), [](SolicitedNodeGroup each) {
            return each.low24 >= 0xAB0000 && each.low24 < 0xAB0000 + kGroups;
        });
        incomplete += ours < kGroups ? 1 : 0;
    }
    done = true;
    others.join();
    EXPECT_EQ(incomplete, 0U);
}

TEST(ReadKernelGroups, FollowsThisNamespace) {
    enter_fresh_network();
    EXPECT_THAT(read_kernel_groups(), IsEmpty());
}

}  // namespace
}  // namespace solicitd::io
