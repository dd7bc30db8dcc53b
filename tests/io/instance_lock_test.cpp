#include "io/instance_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <system_error>

#include "fakes/temporary_directory.hpp"
#include "io/fd.hpp"

namespace solicitd::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class InstanceLockTest : public testing::Test {
protected:
    const test::TemporaryDirectory directory_;
    const std::filesystem::path base_ = directory_.path();
    const std::filesystem::path dir_ = base_ / "runtime";
};

/// Another process that holds the lock until it is killed.
class OtherHolder {
public:
    explicit OtherHolder(const std::filesystem::path& dir) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) {
            throw std::system_error(errno, std::generic_category(), "pipe");
        }
        const Fd ready(ends[0]);
        Fd report(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            const InstanceLock lock(dir);
            static_cast<void>(::write(report.get(), "x", 1));
            ::pause();
            ::_exit(0);
        }
        report = Fd();  // so that a child that fails is seen as end of file
        char byte = 0;
        EXPECT_EQ(::read(ready.get(), &byte, 1), 1) << "the child did not get the lock";
    }
    ~OtherHolder() { kill(); }
    OtherHolder(const OtherHolder&) = delete;
    OtherHolder& operator=(const OtherHolder&) = delete;

    pid_t pid() const { return pid_; }
    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            pid_ = -1;
        }
    }

private:
    pid_t pid_ = -1;
};

TEST_F(InstanceLockTest, MakesTheDirectoryAndLocksIt) {
    const InstanceLock lock(dir_);
    EXPECT_TRUE(std::filesystem::is_directory(dir_));
    // The lock is a process's: only another one can see it.
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(InstanceLock::holder(dir_) == ::getppid() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "the child did not see its parent hold the lock";
}

TEST_F(InstanceLockTest, RefusesASecondOneAndNamesTheFirst) {
    const OtherHolder other(dir_);
    EXPECT_EQ(InstanceLock::holder(dir_), other.pid());
    try {
        const InstanceLock lock(dir_);
        FAIL() << "two processes hold the lock";
    } catch (const InstanceLock::Held& held) {
        EXPECT_EQ(std::string(held.what()),
                  "solicitd runs already on " + dir_.string() + " (pid " +
                      std::to_string(other.pid()) +
                      "); stop it, or name another directory with --runtime-dir");
    }
}

TEST_F(InstanceLockTest, AKilledHolderLeavesNothingStale) {
    OtherHolder other(dir_);
    other.kill();
    EXPECT_EQ(InstanceLock::holder(dir_), std::nullopt);
    EXPECT_NO_THROW(InstanceLock{dir_});
}

TEST_F(InstanceLockTest, TwoDirectoriesAreTwoDaemons) {
    const OtherHolder other(dir_);
    EXPECT_NO_THROW(InstanceLock{base_ / "another"});
}

TEST_F(InstanceLockTest, NobodyHoldsADirectoryThatIsNotThere) {
    EXPECT_EQ(InstanceLock::holder(dir_), std::nullopt);
}

TEST_F(InstanceLockTest, ADirectoryThatCannotBeMadeComesWithARemedy) {
    try {
        const InstanceLock lock(base_ / "missing" / "runtime");
        FAIL() << "made a directory in a directory that is missing";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENOENT);
        EXPECT_THAT(error.what(), AllOf(HasSubstr((base_ / "missing" / "runtime").string()),
                                        HasSubstr("--runtime-dir")));
    }
}

TEST_F(InstanceLockTest, OthersMayWriteToNothingWhateverTheUmask) {
    const mode_t before = ::umask(0);
    const InstanceLock lock(dir_);
    ::umask(before);
    const auto mode = [](const std::filesystem::path& path) {
        return static_cast<unsigned>(std::filesystem::status(path).permissions());
    };
    EXPECT_EQ(mode(dir_), 0755U);
    EXPECT_EQ(mode(dir_ / "lock"), 0600U);
}

TEST_F(InstanceLockTest, RefusesADirectoryThatOthersMayWriteTo) {
    for (const unsigned mode : {0777U, 01777U, 0775U, 0757U}) {
        std::filesystem::create_directory(dir_);
        std::filesystem::permissions(dir_, static_cast<std::filesystem::perms>(mode));
        try {
            const InstanceLock lock(dir_);
            FAIL() << "uses a directory of mode " << std::oct << mode;
        } catch (const std::runtime_error& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("others may write"), HasSubstr(dir_.string()),
                                            HasSubstr("--runtime-dir")));
        }
        EXPECT_TRUE(std::filesystem::is_empty(dir_)) << "left something behind";
        std::filesystem::remove(dir_);
    }
}

TEST_F(InstanceLockTest, RefusesADirectoryOfAnotherUser) {
    std::filesystem::create_directory(dir_);
    if (::chown(dir_.c_str(), 12345, 12345) != 0) {
        GTEST_SKIP() << "only root can give a directory away";
    }
    try {
        const InstanceLock lock(dir_);
        FAIL() << "uses a directory of another user";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("another user (uid 12345)"),
                                        HasSubstr(dir_.string()), HasSubstr("--runtime-dir")));
    }
}

TEST_F(InstanceLockTest, ADirectoryThatIsALinkIsJudgedByItsTarget) {
    // systemd makes /run/solicitd one for a DynamicUser=.
    std::filesystem::create_directory(base_ / "private");
    std::filesystem::create_directory_symlink(base_ / "private", dir_);
    EXPECT_NO_THROW(InstanceLock{dir_});
    std::filesystem::permissions(base_ / "private", std::filesystem::perms::all);
    EXPECT_THROW(InstanceLock{dir_}, std::runtime_error);
}

TEST_F(InstanceLockTest, DoesNotFollowASymbolicLink) {
    std::filesystem::create_directory(dir_);
    std::filesystem::create_symlink(base_ / "elsewhere", dir_ / "lock");
    EXPECT_THROW(InstanceLock{dir_}, std::system_error);
    EXPECT_FALSE(std::filesystem::exists(base_ / "elsewhere"));
}

// With DynamicUser=, /run/solicitd is a link into /run/private, which goes when the service stops.
TEST_F(InstanceLockTest, ALinkThatAStoppedServiceLeftIsToldAsSuch) {
    std::filesystem::create_symlink(base_ / "gone", dir_);
    try {
        const InstanceLock lock(dir_);
        FAIL() << "took a link to nothing";
    } catch (const std::exception& error) {
        EXPECT_THAT(error.what(),
                    AllOf(HasSubstr("the runtime directory " + dir_.string()),
                          HasSubstr("is a link to nothing"), HasSubstr("--runtime-dir")));
    }
}

}  // namespace
}  // namespace solicitd::io
