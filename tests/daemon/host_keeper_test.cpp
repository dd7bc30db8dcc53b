#include "host_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/saved_hosts.hpp"
#include "fakes/temporary_directory.hpp"

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using test::content_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Clock = std::chrono::steady_clock;

SavedHost host(const std::string& address) {
    return {"br0", Ipv6Address::parse(address).value(), {}, {}};
}

class HostKeeperTest : public testing::Test {
protected:
    HostKeeperTest() {
        keeper_ = std::make_unique<HostKeeper>(
            loop_, top_ / "run", top_ / "state",
            [this] {
                ++asked_;
                return hosts_;
            },
            [this](std::string line) { complaints_.push_back(std::move(line)); });
    }

    [[nodiscard]] std::filesystem::path runtime() const { return top_ / "run/hosts"; }
    [[nodiscard]] std::filesystem::path state() const { return top_ / "state/hosts"; }

    static void write(const std::filesystem::path& path, const std::string& text) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }
    /// Runs the loop until the condition holds; how long that took, nullopt at the deadline.
    std::optional<Clock::duration> run_until(const std::function<bool()>& condition,
                                             Clock::duration deadline = 15s) {
        const auto began = Clock::now();
        io::EventLoop::Timer timer;
        timer = loop_.make_timer(0s, [&] {
            if (condition() || Clock::now() - began > deadline) {
                loop_.stop(0);
            } else {
                timer.set(io::EventLoop::now() + 5ms);
            }
        });
        timer.set(io::EventLoop::now());
        loop_.run();
        return condition() ? std::optional(Clock::now() - began) : std::nullopt;
    }
    void run_for(Clock::duration duration) {
        static_cast<void>(run_until([] { return false; }, duration));
    }

    const test::TemporaryDirectory directory_;
    const std::filesystem::path top_ = directory_.path();
    io::EventLoop loop_;
    std::vector<SavedHost> hosts_{host("2001:db8::1")};
    std::vector<std::string> complaints_;
    int asked_ = 0;
    std::unique_ptr<HostKeeper> keeper_;
};

TEST_F(HostKeeperTest, AChangeIsInTheRuntimeDirectoryWithinASecond) {
    keeper_->note(1);
    const auto took = run_until([&] { return std::filesystem::exists(runtime()); });
    ASSERT_TRUE(took);
    EXPECT_LT(*took, 1s);
    EXPECT_EQ(content_of(runtime()), format_saved_hosts(hosts_));
    EXPECT_FALSE(std::filesystem::exists(state())) << "flash is written after five minutes";
    EXPECT_EQ(asked_, 1);
}

TEST_F(HostKeeperTest, ABurstOfChangesIsOneWrite) {
    for (std::uint64_t version = 1; version <= 1000; ++version) {
        keeper_->note(version);
    }
    run_for(1200ms);
    EXPECT_EQ(asked_, 1);
}

TEST_F(HostKeeperTest, EachLaterChangeIsWrittenAgainButNotToFlash) {
    for (std::uint64_t version = 1; version <= 2; ++version) {
        hosts_.push_back(host("2001:db8::" + std::to_string(version + 1)));
        keeper_->note(version);
        EXPECT_TRUE(run_until([&] { return content_of(runtime()) == format_saved_hosts(hosts_); }));
    }
    EXPECT_FALSE(std::filesystem::exists(state()));
    keeper_->flush();
    EXPECT_EQ(content_of(state()), format_saved_hosts(hosts_));
    EXPECT_EQ(asked_, 3) << "the runtime directory had it all";
}

TEST_F(HostKeeperTest, NothingIsWrittenWhenNobodyCameOrWent) {
    keeper_->note(0);
    run_for(1s);
    keeper_->flush();
    EXPECT_EQ(asked_, 0);
    EXPECT_FALSE(std::filesystem::exists(runtime()));
    EXPECT_FALSE(std::filesystem::exists(state()));

    keeper_->note(1);
    keeper_->flush();
    EXPECT_EQ(asked_, 2);
    keeper_->note(1);
    keeper_->flush();
    run_for(1s);
    EXPECT_EQ(asked_, 2);
}

TEST_F(HostKeeperTest, TheRuntimeDirectoryIsReadFirst) {
    EXPECT_THAT(keeper_->load(4096), IsEmpty());
    write(state(), format_saved_hosts({host("2001:db8::5")}));
    ASSERT_THAT(keeper_->load(4096), SizeIs(1));
    EXPECT_EQ(keeper_->load(4096)[0].address, host("2001:db8::5").address);
    write(runtime(), format_saved_hosts({}));
    EXPECT_THAT(keeper_->load(4096), IsEmpty()) << "all went, after the state was written";
    EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(HostKeeperTest, ADamagedFileIsSetAsideWithOneLineAndTheOtherIsRead) {
    write(runtime(), "solicitd hosts 1\nend 5\n");
    write(state(), format_saved_hosts(hosts_));
    EXPECT_THAT(keeper_->load(4096), SizeIs(1));
    EXPECT_THAT(complaints_,
                ElementsAre(runtime().native() +
                            " holds no hosts of an earlier run: it does not end with the number of "
                            "its hosts; set aside as " +
                            runtime().native() + ".damaged"));
    EXPECT_EQ(content_of(runtime().native() + ".damaged"), "solicitd hosts 1\nend 5\n");
    EXPECT_FALSE(std::filesystem::exists(runtime()));
    EXPECT_THAT(keeper_->load(4096), SizeIs(1));
    EXPECT_THAT(complaints_, SizeIs(1));
}

TEST_F(HostKeeperTest, WhatIsNoSuchFileIsSetAsideToo) {
    write(runtime(), "");
    std::filesystem::create_directories(state());
    EXPECT_THAT(keeper_->load(4096), IsEmpty());
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("line 1 is not"), HasSubstr("set aside")));
    keeper_->note(1);
    keeper_->flush();
    EXPECT_EQ(content_of(state()), format_saved_hosts(hosts_));
    EXPECT_THAT(complaints_, SizeIs(2));
}

TEST_F(HostKeeperTest, AFileTooLargeToBeOursIsNotRead) {
    write(runtime(), "");
    std::filesystem::resize_file(runtime(), 8'000'000);  // a hole: it takes no room
    EXPECT_THAT(keeper_->load(4096), IsEmpty());
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("it is too large")));
    write(runtime(), "");
    std::filesystem::resize_file(runtime(), 8'000'000);
    EXPECT_THAT(keeper_->load(100'000), IsEmpty());
    EXPECT_THAT(complaints_.back(), HasSubstr("line 1 is not")) << "it may be as large as that";
}

/// A file where the directory should be, since nothing is unwritable for root.
TEST_F(HostKeeperTest, ADirectoryThatCannotBeWrittenIsToldOnceAndTriedAgain) {
    write(top_ / "run", "");
    keeper_->note(1);
    ASSERT_TRUE(run_until([&] { return complaints_.size() == 1; }));
    EXPECT_THAT(complaints_[0], HasSubstr("cannot save the hosts: "));
    EXPECT_THAT(complaints_[0], HasSubstr((top_ / "run").native()));

    keeper_->note(2);
    keeper_->flush();
    EXPECT_THAT(complaints_, SizeIs(1));
    EXPECT_EQ(content_of(state()), format_saved_hosts(hosts_)) << "the other one is written";

    std::filesystem::remove(top_ / "run");
    EXPECT_TRUE(run_until([&] { return content_of(runtime()) == format_saved_hosts(hosts_); },
                          HostKeeper::kRetry + 2s))
        << "without another change";

    std::filesystem::remove_all(top_ / "run");
    write(top_ / "run", "");
    keeper_->note(3);
    keeper_->flush();
    EXPECT_THAT(complaints_, SizeIs(2)) << "it had worked meanwhile";
}

}  // namespace
}  // namespace solicitd
