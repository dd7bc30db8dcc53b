#include "io/multicast_pool.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "io/fd.hpp"
#include "io/kernel.hpp"

namespace solicitd::io {
namespace {

using namespace test;

/// The groups with the high byte of low24 at 0xAB, of which the kernel itself joins none here.
SolicitedNodeGroup group(std::uint32_t number) {
    return {0xAB0000U + number};
}

/// The solicited-node groups of group() that the kernel holds: /proc/net/igmp6.
std::set<SolicitedNodeGroup> held_by_kernel(const std::string& interface) {
    std::set<SolicitedNodeGroup> held;
    std::ifstream table("/proc/net/igmp6");
    for (std::string line; std::getline(table, line);) {
        std::istringstream columns(line);
        std::string index;
        std::string name;
        std::string address;
        columns >> index >> name >> address;
        const std::string ours = "ff0200000000000000000001ffab";
        if (name == interface && address.compare(0, ours.size(), ours) == 0) {
            held.insert(SolicitedNodeGroup{
                static_cast<std::uint32_t>(std::stoul(address.substr(26), nullptr, 16))});
        }
    }
    return held;
}

class MulticastPoolTest : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        // Fixed MACs: a random one could make the kernel join a group() for its link-local address.
        run("ip link add eth9 address 02:00:00:00:00:09 type veth peer name far9"
            " address 02:00:00:00:00:0f; ip link set eth9 up; ip link set far9 up");
        eth9_ = if_nametoindex("eth9");
        far9_ = if_nametoindex("far9");
    }

    /// Few groups a socket: each takes 56 bytes of it. Ends with the network namespace. False
    /// where the limit is the whole machine's (before Linux 6.9).
    static bool shrink_option_memory() {
        std::ofstream limit("/proc/sys/net/core/optmem_max");
        limit << 2048 << std::flush;
        return limit.good();
    }

    Ifindex eth9_ = 0;
    Ifindex far9_ = 0;
    MulticastPool pool_;
};

TEST_F(MulticastPoolTest, JoinsAndLeavesWhatTheKernelThenHolds) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.join(eth9_, group(2)), 0);
    EXPECT_EQ(pool_.join(far9_, group(3)), 0);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1), group(2)}));
    EXPECT_EQ(held_by_kernel("far9"), (std::set{group(3)}));
    EXPECT_EQ(pool_.memberships(), 3U);
    EXPECT_EQ(pool_.sockets(), 2U) << "one for each interface";

    pool_.leave(eth9_, group(1));
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(2)}));
    EXPECT_EQ(pool_.memberships(), 2U);
}

TEST_F(MulticastPoolTest, JoiningTwiceIsJoiningOnce) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.memberships(), 1U);
    pool_.leave(eth9_, group(1));
    EXPECT_TRUE(held_by_kernel("eth9").empty());
}

TEST_F(MulticastPoolTest, LeavingWhatIsNotHeldDoesNothing) {
    pool_.leave(eth9_, group(1));
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    pool_.leave(eth9_, group(2));
    pool_.leave(far9_, group(1));
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
}

TEST_F(MulticastPoolTest, AnEmptySocketIsClosed) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    pool_.leave(eth9_, group(1));
    EXPECT_EQ(pool_.sockets(), 0U);
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
}

TEST_F(MulticastPoolTest, TellsTheErrno) {
    EXPECT_EQ(pool_.join(9999, group(1)), ENODEV);
    EXPECT_EQ(pool_.memberships(), 0U);
    EXPECT_EQ(pool_.sockets(), 0U);
}

TEST_F(MulticastPoolTest, TakesAnotherSocketWhenOneIsFullAndReusesWhatBecomesFree) {
    const std::uint32_t groups = shrink_option_memory() ? 200 : 5000;
    std::set<SolicitedNodeGroup> all;
    for (std::uint32_t i = 0; i < groups; ++i) {
        ASSERT_EQ(pool_.join(eth9_, group(i)), 0) << i;
        all.insert(group(i));
    }
    EXPECT_EQ(held_by_kernel("eth9"), all);
    const std::size_t sockets = pool_.sockets();
    EXPECT_GE(sockets, 2U);

    // Room in the first socket is found again, from behind full ones.
    for (std::uint32_t i = 0; i < 10; ++i) {
        pool_.leave(eth9_, group(i));
    }
    for (std::uint32_t i = 0; i < 10; ++i) {
        EXPECT_EQ(pool_.join(eth9_, group(10000 + i)), 0);
    }
    EXPECT_EQ(pool_.sockets(), sockets);
    EXPECT_EQ(pool_.memberships(), groups);

    for (const SolicitedNodeGroup& one : held_by_kernel("eth9")) {
        pool_.leave(eth9_, one);
    }
    EXPECT_TRUE(held_by_kernel("eth9").empty());
    EXPECT_EQ(pool_.sockets(), 0U);
}

TEST_F(MulticastPoolTest, ForgetsOneInterfaceOnly) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.join(far9_, group(1)), 0);
    pool_.forget(eth9_);
    EXPECT_TRUE(held_by_kernel("eth9").empty());
    EXPECT_EQ(held_by_kernel("far9"), (std::set{group(1)}));
    EXPECT_EQ(pool_.memberships(), 1U);
    EXPECT_EQ(pool_.sockets(), 1U);
}

TEST_F(MulticastPoolTest, TheEndLeavesEverything) {
    {
        MulticastPool short_lived;
        EXPECT_EQ(short_lived.join(eth9_, group(1)), 0);
        EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
    }
    EXPECT_TRUE(held_by_kernel("eth9").empty());
}

TEST_F(MulticastPoolTest, KeepsHoldingThroughDownAndUp) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    run("ip link set eth9 down; ip link set eth9 up");
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
}

TEST_F(MulticastPoolTest, JoinsAgainOnceAnInterfaceHasLostItsMemberships) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.join(eth9_, group(2)), 0);
    run("ip link set eth9 mtu 1200; ip link set eth9 mtu 1500");
    ASSERT_TRUE(held_by_kernel("eth9").empty()) << "the kernel took IPv6 off it";
    pool_.forget(eth9_);
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
}

TEST_F(MulticastPoolTest, LeaveAndJoinWorksOnASocketThatLostItsMembership) {
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(pool_.join(eth9_, group(2)), 0);
    const std::string same_index = " index " + std::to_string(eth9_);
    run("ip link del eth9");
    pool_.leave(eth9_, group(1));  // while there is no such interface
    run("ip link add eth9" + same_index +
        " address 02:00:00:00:00:09 type veth peer name far9; ip link set eth9 up");
    EXPECT_EQ(pool_.join(eth9_, group(1)), 0);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)}));
    pool_.leave(eth9_, group(2));
    EXPECT_EQ(pool_.join(eth9_, group(2)), 0);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1), group(2)}));
    EXPECT_EQ(pool_.sockets(), 1U);
}

/// What the keeper was told, and checks that it fits together.
struct Kept {
    std::map<std::string, int> open;
    std::set<std::string> names;
    std::size_t closed = 0;

    MulticastPool::Keeper keeper() {
        return {[this](const std::string& name, int fd) {
                    EXPECT_TRUE(names.insert(name).second) << name << " twice";
                    EXPECT_EQ(name.find_first_of(": \n"), std::string::npos) << name;
                    EXPECT_LE(name.size(), 255U);
                    EXPECT_GE(fd, 0);
                    open.emplace(name, fd);
                },
                [this](const std::string& name) {
                    EXPECT_EQ(open.erase(name), 1U) << name << " was not open";
                    ++closed;
                }};
    }
};

TEST_F(MulticastPoolTest, TheKeeperIsToldOfEachSocketWhileItExists) {
    const std::uint32_t groups = shrink_option_memory() ? 200 : 5000;
    Kept kept;
    MulticastPool pool(kept.keeper());
    for (std::uint32_t i = 0; i < groups; ++i) {
        ASSERT_EQ(pool.join(eth9_, group(i)), 0) << i;
        ASSERT_EQ(kept.open.size(), pool.sockets()) << "from the first membership on";
    }
    EXPECT_EQ(pool.join(far9_, group(1)), 0);
    EXPECT_EQ(pool.join(9999, group(1)), ENODEV);
    EXPECT_EQ(kept.open.size(), pool.sockets());
    EXPECT_GE(kept.open.size(), 3U);
    for (const auto& [name, fd] : kept.open) {
        int domain = 0;
        socklen_t size = sizeof domain;
        EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size), 0) << name;
        EXPECT_EQ(domain, AF_INET6);
    }
    pool.leave(far9_, group(1));
    EXPECT_EQ(kept.closed, 1U);
    pool.forget(eth9_);
    EXPECT_TRUE(kept.open.empty());
    EXPECT_EQ(pool.sockets(), 0U);
}

TEST_F(MulticastPoolTest, TheEndTellsTheKeeperNothingAndNamesAreNeverTheSame) {
    Kept kept;
    std::vector<Fd> stored;
    for (int i = 0; i < 3; ++i) {
        MulticastPool pool(kept.keeper());
        ASSERT_EQ(pool.join(eth9_, group(1)), 0);
        stored.emplace_back(::dup(kept.open.rbegin()->second));
    }
    EXPECT_EQ(kept.names.size(), 3U);
    EXPECT_EQ(kept.closed, 0U);
    EXPECT_EQ(held_by_kernel("eth9"), (std::set{group(1)})) << "a duplicate holds it";
    stored.clear();
    EXPECT_TRUE(held_by_kernel("eth9").empty());
}

/// No assertion on time: it prints what the pool costs above the least possible.
TEST_F(MulticastPoolTest, AThousandJoinsAgainstABareLoop) {
    static constexpr std::uint32_t kGroups = 1000;
    using Clock = std::chrono::steady_clock;
    const auto bare = [this] {
        const Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const auto begin = Clock::now();
        for (std::uint32_t i = 0; i < kGroups; ++i) {
            ipv6_mreq request{};
            const Ipv6Address address = group(i).address();
            std::memcpy(&request.ipv6mr_multiaddr, address.bytes.data(), address.bytes.size());
            request.ipv6mr_interface = eth9_;
            EXPECT_EQ(
                setsockopt(fd.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)), 0);
        }
        return Clock::now() - begin;
    };
    const auto pooled = [this] {
        MulticastPool pool;
        const auto begin = Clock::now();
        for (std::uint32_t i = 0; i < kGroups; ++i) {
            EXPECT_EQ(pool.join(eth9_, group(i)), 0);
        }
        const auto took = Clock::now() - begin;
        EXPECT_EQ(held_by_kernel("eth9").size(), kGroups);
        return took;
    };
    Clock::duration best_bare = Clock::duration::max();
    Clock::duration best_pooled = Clock::duration::max();
    for (int i = 0; i < 5; ++i) {
        best_bare = std::min(best_bare, bare());
        best_pooled = std::min(best_pooled, pooled());
    }
    const auto ms = [](Clock::duration d) {
        return std::chrono::duration<double, std::milli>(d).count();
    };
    std::cout << "1,000 joins: pool " << ms(best_pooled) << " ms, bare loop " << ms(best_bare)
              << " ms\n";
}

}  // namespace
}  // namespace solicitd::io
