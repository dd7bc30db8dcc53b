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
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <variant>

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
    EXPECT_EQ(refusal(kNetRaw), "");
    EXPECT_THAT(refusal(kNetAdmin), HasSubstr("no CAP_NET_RAW: "));
    EXPECT_THAT(refusal(0), HasSubstr("AmbientCapabilities="));
}

TEST(Privileges, RootKeepsWhatIsOfUseAlone) {
    for (const bool multicast_router : {false, true}) {
        const std::uint32_t of_use = multicast_router ? kBoth : kNetRaw;
        in_a_thread([&] {
            ASSERT_GT(own_status()["CapPrm"], kBoth) << "not as root: nothing is given up here";
            keep_needed_privileges(multicast_router);
            auto now = own_status();
            EXPECT_EQ(now["CapPrm"], of_use);
            EXPECT_EQ(now["CapEff"], of_use);
            EXPECT_EQ(now["CapInh"], 0U);
            EXPECT_EQ(now["CapAmb"], 0U);
            EXPECT_EQ(now["NoNewPrivs"], 1U);
            EXPECT_EQ(error_of([&] { set_capabilities(of_use | CAP_TO_MASK(CAP_KILL)); }), EPERM);
            keep_needed_privileges(multicast_router);  // once more is no error
        });
    }
}

TEST(Privileges, TheServicesAmbientOnesReachNoOtherProgram) {
    // As the unit gives them, and with a drop-in of the administrator's, which stands.
    for (const std::uint32_t given : {kNetRaw, kBoth}) {
        in_a_thread([given] {
            set_capabilities(given, given);
            for (const int capability : {CAP_NET_RAW, CAP_NET_ADMIN}) {
                if ((given & CAP_TO_MASK(capability)) != 0) {
                    ASSERT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), 0);
                }
            }
            keep_needed_privileges(false);
            auto now = own_status();
            EXPECT_EQ(now["CapPrm"], given);
            EXPECT_EQ(now["CapEff"], given);
            EXPECT_EQ(now["CapAmb"], 0U);
        });
    }
}

/// Each of what follows works with the service's one capability, or is refused by the kernel
/// without it, whatever else is allowed.
class MinimumTest : public testing::Test {
protected:
    MinimumTest() {
        test::enter_fresh_network();
        test::run("ip link add name br0 type bridge");
        test::run("ip link set dev br0 up");
        test::run("ip address add 2001:db8::2/64 dev br0 nodad");
        bridge_ = ::if_nametoindex("br0");
    }

    /// What it does, or the errno.
    using Outcome = std::variant<int, CaptureMode>;
    Outcome capture(CaptureMode mode) {
        std::optional<CaptureMode> does;
        const int error = error_of([&, this] {
            io::EventLoop loop;
            std::uint64_t dropped = 0;
            const io::PacketCapture capture(
                loop, {bridge_, "br0", mode, io::downstream_filter(true), 1}, dropped,
                [](const io::CapturedPacket&) {}, [] {});
            does = capture.mode();
            EXPECT_EQ(capture.lacks_mcast_router(), does != mode);
        });
        return does ? Outcome(*does) : error;
    }
    static int report() {
        return error_of([] { const io::MldReporter reporter; });
    }
    int probe() {
        int error = 0;
        const int refused = error_of([&, this] {
            error = io::NeighborProber().probe(
                {bridge_, *Ipv6Address::parse("2001:db8::1"), {}, {}, {}});
        });
        return refused != 0 ? refused : error;
    }

    Ifindex bridge_ = 0;
};

TEST_F(MinimumTest, CapturesNeedCapNetRaw) {
    for (const CaptureMode mode : {CaptureMode::allmulti, CaptureMode::promisc}) {
        with_capabilities(kNetAdmin, [&] { EXPECT_EQ(capture(mode), Outcome(EPERM)); });
        with_capabilities(kNetRaw, [&] { EXPECT_EQ(capture(mode), Outcome(mode)); });
    }
}

TEST_F(MinimumTest, ReportsNeedCapNetRaw) {
    with_capabilities(kNetAdmin, [] { EXPECT_EQ(report(), EPERM); });
    with_capabilities(kNetRaw, [] { EXPECT_EQ(report(), 0); });
}

TEST_F(MinimumTest, ProbesNeedCapNetRaw) {
    with_capabilities(kNetAdmin, [this] { EXPECT_EQ(probe(), EPERM); });
    with_capabilities(kNetRaw, [this] { EXPECT_EQ(probe(), 0); });
}

// What is left then is what allmulti shows.
TEST_F(MinimumTest, OnlyToMakeABridgeAMulticastRouterNeedsCapNetAdmin) {
    const auto mode = CaptureMode::mcast_router;
    with_capabilities(kNetRaw, [&] { EXPECT_EQ(capture(mode), Outcome(CaptureMode::allmulti)); });
    with_capabilities(kBoth, [&] { EXPECT_EQ(capture(mode), Outcome(mode)); });
    test::run("ip link set dev br0 type bridge mcast_router 2");
    with_capabilities(kNetRaw, [&] { EXPECT_EQ(capture(mode), Outcome(mode)); });
}

}  // namespace
}  // namespace solicitd
