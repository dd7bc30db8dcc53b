#include "privileges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "io/bridge_mcast_router.hpp"
#include "io/kernel.hpp"
#include "io/mld_reporter.hpp"
#include "io/neighbor_prober.hpp"
#include "io/packet_capture.hpp"
#include "io/packet_filter.hpp"

namespace solicitd {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kNetRaw = CAP_TO_MASK(CAP_NET_RAW);
constexpr std::uint32_t kNetAdmin = CAP_TO_MASK(CAP_NET_ADMIN);
constexpr std::uint32_t kBoth = kNetRaw | kNetAdmin;

void set_capabilities(std::uint32_t permitted, std::uint32_t inheritable = 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    sets[0] = {permitted, permitted, inheritable};
    if (syscall(SYS_capset, &header, sets.data()) != 0) {
        throw std::system_error(errno, std::generic_category(), "capset");
    }
}

/// Capabilities are each thread's own: the other tests keep theirs.
void in_a_thread(const std::function<void()>& call) {
    std::thread(call).join();
}
void with_capabilities(std::uint32_t permitted, const std::function<void()>& call) {
    in_a_thread([&] {
        set_capabilities(permitted);
        call();
    });
}

/// What the kernel says of this thread: CapPrm and so on.
std::map<std::string, std::uint64_t> own_status() {
    std::ifstream file("/proc/thread-self/status");
    std::map<std::string, std::uint64_t> status;
    for (std::string line; std::getline(file, line);) {
        const std::string key = line.substr(0, line.find(':'));
        if (key.starts_with("Cap") || key == "NoNewPrivs") {
            status[key] = std::stoull(line.substr(key.size() + 1), nullptr, 16);
        }
    }
    return status;
}

int error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    return 0;
}

std::string refusal(std::uint32_t permitted) {
    std::string text;
    with_capabilities(permitted, [&] {
        try {
            check_privileges();
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
    });
    return text;
}

TEST(Privileges, WhatIsMissingIsNamedWithTheRemedy) {
    EXPECT_EQ(refusal(kBoth), "");
    EXPECT_THAT(refusal(kNetAdmin), HasSubstr("no CAP_NET_RAW: "));
    EXPECT_THAT(refusal(kNetRaw), HasSubstr("no CAP_NET_ADMIN: "));
    EXPECT_THAT(refusal(0), HasSubstr("no CAP_NET_RAW and CAP_NET_ADMIN: "));
    EXPECT_THAT(refusal(0), HasSubstr("AmbientCapabilities="));
}

TEST(Privileges, RootKeepsTheTwoAlone) {
    in_a_thread([] {
        ASSERT_NE(own_status()["CapPrm"], kBoth) << "not as root: nothing is given up here";
        keep_needed_privileges();
        auto now = own_status();
        EXPECT_EQ(now["CapPrm"], kBoth);
        EXPECT_EQ(now["CapEff"], kBoth);
        EXPECT_EQ(now["CapInh"], 0U);
        EXPECT_EQ(now["CapAmb"], 0U);
        EXPECT_EQ(now["NoNewPrivs"], 1U);
        EXPECT_EQ(error_of([] { set_capabilities(kBoth | CAP_TO_MASK(CAP_KILL)); }), EPERM);
        keep_needed_privileges();  // once more is no error
    });
}

TEST(Privileges, TheServicesAmbientOnesReachNoOtherProgram) {
    in_a_thread([] {
        set_capabilities(kBoth, kBoth);
        for (const int capability : {CAP_NET_RAW, CAP_NET_ADMIN}) {
            ASSERT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), 0);
        }
        keep_needed_privileges();
        auto now = own_status();
        EXPECT_EQ(now["CapPrm"], kBoth);
        EXPECT_EQ(now["CapEff"], kBoth);
        EXPECT_EQ(now["CapAmb"], 0U);
    });
}

/// Neither of the two can go: each of what follows is refused by the kernel without one of them,
/// whatever the other one allows, and works with both.
class MinimumTest : public testing::Test {
protected:
    MinimumTest() {
        test::enter_fresh_network();
        test::run("ip link add name br0 type bridge");
        test::run("ip link set dev br0 up");
        bridge_ = ::if_nametoindex("br0");
    }

    int capture() {
        return error_of([this] {
            io::EventLoop loop;
            std::uint64_t dropped = 0;
            const io::PacketCapture capture(
                loop, bridge_, "br0", CaptureMode::allmulti, io::downstream_filter(true), dropped,
                [](const io::CapturedPacket&) {}, [] {});
        });
    }
    static int report() {
        return error_of([] { const io::MldReporter reporter; });
    }
    int probe() { return io::NeighborProber().probe(bridge_, *Ipv6Address::parse("2001:db8::1")); }
    int multicast_router() {
        return error_of([this] { const io::BridgeMcastRouter router(bridge_); });
    }

    Ifindex bridge_ = 0;
};

TEST_F(MinimumTest, CapturesNeedCapNetRaw) {
    with_capabilities(kNetAdmin, [this] { EXPECT_EQ(capture(), EPERM); });
    with_capabilities(kBoth, [this] { EXPECT_EQ(capture(), 0); });
}

TEST_F(MinimumTest, ReportsNeedCapNetRaw) {
    with_capabilities(kNetAdmin, [] { EXPECT_EQ(report(), EPERM); });
    with_capabilities(kBoth, [] { EXPECT_EQ(report(), 0); });
}

TEST_F(MinimumTest, ProbesNeedCapNetAdmin) {
    with_capabilities(kNetRaw, [this] { EXPECT_EQ(probe(), EPERM); });
    with_capabilities(kBoth, [this] { EXPECT_EQ(probe(), 0); });
}

TEST_F(MinimumTest, TheBridgesMulticastRouterNeedsCapNetAdmin) {
    with_capabilities(kNetRaw, [this] { EXPECT_EQ(multicast_router(), EPERM); });
    with_capabilities(kBoth, [this] { EXPECT_EQ(multicast_router(), 0); });
}

}  // namespace
}  // namespace solicitd
