#include "io/service_manager.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "fakes/notify_socket.hpp"
#include "io/fd.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;
using testing::MatchesRegex;

class ServiceManagerTest : public testing::Test {
protected:
    ServiceManagerTest() {
        ::unsetenv("WATCHDOG_USEC");
        ::unsetenv("WATCHDOG_PID");
    }

    std::optional<std::string> heard() const {
        const auto message = systemd_.hear();
        return message ? std::optional(message->text) : std::nullopt;
    }

    test::NotifySocket systemd_;
};

/// Whether both are the same open file, so that what one holds the other keeps.
bool same_file(int a, int b) {
    struct stat of_a {};
    struct stat of_b {};
    return ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/// While it lives, nothing more can be opened.
class NoDescriptorLeft {
public:
    NoDescriptorLeft() {
        const int next = ::dup(STDIN_FILENO);
        ::close(next);
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        now.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptorLeft(const NoDescriptorLeft&) = delete;
    NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

private:
    rlimit before_{};
};

TEST_F(ServiceManagerTest, IsHeardWhenNoDescriptorIsLeft) {
    ServiceManager manager;
    const NoDescriptorLeft none;
    ASSERT_EQ(::dup(STDIN_FILENO), -1);
    for (int i = 0; i < 3; ++i) {
        manager.feed_watchdog();
        EXPECT_EQ(heard(), "WATCHDOG=1");
    }
    manager.store_fd("mld-1-2", STDIN_FILENO);
    EXPECT_EQ(heard(), "FDSTORE=1\nFDPOLL=0\nFDNAME=mld-1-2");
    ASSERT_EQ(::dup(STDIN_FILENO), -1) << "the reserve is back";
}

TEST_F(ServiceManagerTest, StoresADuplicateUnderItsNameAndForgetsItByThat) {
    ServiceManager manager;
    const Fd kept(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    manager.store_fd("mld-1-2", kept.get());
    const auto stored = systemd_.hear().value();
    EXPECT_EQ(stored.text, "FDSTORE=1\nFDPOLL=0\nFDNAME=mld-1-2");
    ASSERT_TRUE(stored.fd);
    EXPECT_NE(stored.fd.get(), kept.get());
    EXPECT_TRUE(same_file(stored.fd.get(), kept.get()));

    manager.forget_fd("mld-1-2");
    const auto forgotten = systemd_.hear().value();
    EXPECT_EQ(forgotten.text, "FDSTOREREMOVE=1\nFDNAME=mld-1-2");
    EXPECT_FALSE(forgotten.fd);
    EXPECT_EQ(heard(), std::nullopt);
}

/// systemd hands descriptors over from number 3 on: in a process of its own, where those are free
/// to be replaced. Its exit code: 0, or the number of the check that failed.
int take_in_child(const char* pid_of_whom) {
    const Fd one(::socket(AF_INET6, SOCK_DGRAM, 0));
    const Fd two(::socket(AF_INET6, SOCK_DGRAM, 0));
    const pid_t child = ::fork();
    if (child == 0) {
        const int first = ::fcntl(one.get(), F_DUPFD, 100);
        const int second = ::fcntl(two.get(), F_DUPFD, 100);
        ::dup2(first, 3);
        ::dup2(second, 4);
        ::setenv("LISTEN_FDS", "2", 1);
        ::setenv("LISTEN_FDNAMES", "mld-7-1-2:mld-7-2-3", 1);
        ::setenv("LISTEN_PID",
                 pid_of_whom != nullptr ? pid_of_whom : std::to_string(::getpid()).c_str(), 1);
        ServiceManager manager;
        std::vector<ServiceManager::StoredFd> stored = manager.take_stored_fds();
        if (pid_of_whom != nullptr) {
            ::_exit(stored.empty() ? 0 : 1);
        }
        int failed = stored.size() == 2 ? 0 : 2;
        if (failed == 0) {
            failed = stored[0].name == "mld-7-1-2" && stored[1].name == "mld-7-2-3" ? 0 : 3;
        }
        if (failed == 0) {
            failed = same_file(stored[0].fd.get(), first) && same_file(stored[1].fd.get(), second)
                         ? 0
                         : 4;
        }
        if (failed == 0) {
            failed = (::fcntl(stored[0].fd.get(), F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 5;
        }
        if (failed == 0) {  // taken once, and no child takes them for its own
            failed = manager.take_stored_fds().empty() && ::getenv("LISTEN_FDS") == nullptr &&
                             ::getenv("LISTEN_PID") == nullptr &&
                             ::getenv("LISTEN_FDNAMES") == nullptr
                         ? 0
                         : 6;
        }
        if (failed == 0) {
            stored.clear();
            failed = ::fcntl(3, F_GETFD) == -1 && ::fcntl(4, F_GETFD) == -1 ? 0 : 7;
        }
        ::_exit(failed);
    }
    int status = -1;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

TEST_F(ServiceManagerTest, TakesWhatAnEarlierProcessStored) {
    EXPECT_EQ(take_in_child(nullptr), 0);
}

TEST_F(ServiceManagerTest, DescriptorsMeantForAnotherProcessAreNotOurs) {
    EXPECT_EQ(take_in_child("1"), 0);
    EXPECT_TRUE(ServiceManager().take_stored_fds().empty());
}

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
    manager.store_fd("mld-1-2", systemd_.fd());
    manager.forget_fd("mld-1-2");
    manager.stopping();
    EXPECT_EQ(heard(), std::nullopt);
}

}  // namespace
}  // namespace solicitd::io
