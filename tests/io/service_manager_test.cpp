#include "io/service_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;
using testing::MatchesRegex;

/// What systemd would hear: NOTIFY_SOCKET as a socket of our own, in the abstract namespace.
class ServiceManagerTest : public testing::Test {
protected:
    ServiceManagerTest() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const std::string name = "@solicitd-test-" + std::to_string(::getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
            throw std::system_error(errno, std::generic_category(), "bind " + name);
        }
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        ::unsetenv("WATCHDOG_USEC");
        ::unsetenv("WATCHDOG_PID");
    }
    ~ServiceManagerTest() override { ::unsetenv("NOTIFY_SOCKET"); }

    /// sd_notify() sends before it returns, so what is not here now was never sent.
    std::optional<std::string> heard() const {
        std::array<char, 1024> buffer{};
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) {
            return std::nullopt;
        }
        return std::string(buffer.data(), static_cast<std::size_t>(size));
    }

    Fd socket_;
};

TEST_F(ServiceManagerTest, TellsEachStepOfItsLife) {
    ServiceManager manager;
    manager.ready();
    EXPECT_EQ(heard(), "READY=1");
    manager.feed_watchdog();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    manager.stopping();
    EXPECT_EQ(heard(), "STOPPING=1");
    EXPECT_EQ(heard(), std::nullopt);
}

TEST_F(ServiceManagerTest, TellsWhenItReloads) {
    ServiceManager manager;
    const auto before = std::chrono::steady_clock::now().time_since_epoch() / 1us;
    manager.reloading();
    const auto after = std::chrono::steady_clock::now().time_since_epoch() / 1us;

    const std::string message = heard().value_or("");
    ASSERT_THAT(message, MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
    const auto usec = std::stoll(message.substr(message.rfind('=') + 1));
    EXPECT_LE(before, usec);
    EXPECT_LE(usec, after);
}

TEST_F(ServiceManagerTest, TellsAStatusOnlyWhenItChanges) {
    ServiceManager manager;
    manager.status("3 hosts");
    EXPECT_EQ(heard(), "STATUS=3 hosts");
    manager.status("3 hosts");
    EXPECT_EQ(heard(), std::nullopt);
    manager.status("4 hosts");
    EXPECT_EQ(heard(), "STATUS=4 hosts");
}

TEST_F(ServiceManagerTest, ANewlineInAStatusStartsNoAssignment) {
    ServiceManager manager;
    manager.status("waits for br0\nREADY=1");
    EXPECT_EQ(heard(), "STATUS=waits for br0 READY=1");
}

TEST_F(ServiceManagerTest, TheWatchdogIsOursOnlyWithOurPid) {
    EXPECT_EQ(ServiceManager().watchdog_interval(), std::nullopt);

    ::setenv("WATCHDOG_USEC", "3000000", 1);
    EXPECT_EQ(ServiceManager().watchdog_interval(), 3s);

    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_EQ(ServiceManager().watchdog_interval(), 3s);

    ::setenv("WATCHDOG_PID", std::to_string(::getppid()).c_str(), 1);
    EXPECT_EQ(ServiceManager().watchdog_interval(), std::nullopt);

    ::unsetenv("WATCHDOG_PID");
    ::setenv("WATCHDOG_USEC", "soon", 1);
    EXPECT_EQ(ServiceManager().watchdog_interval(), std::nullopt);
}

TEST_F(ServiceManagerTest, WithoutAServiceManagerNothingHappens) {
    ::unsetenv("NOTIFY_SOCKET");
    ServiceManager manager;
    manager.ready();
    manager.reloading();
    manager.status("text");
    manager.feed_watchdog();
    manager.stopping();
    EXPECT_EQ(heard(), std::nullopt);
}

}  // namespace
}  // namespace solicitd::io
