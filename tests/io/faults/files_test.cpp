// What reads and writes files, when the system fails it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "core/config.hpp"
#include "fakes/faults.hpp"
#include "fakes/temporary_directory.hpp"
#include "io/atomic_file.hpp"
#include "io/capture_mode.hpp"
#include "io/config_file.hpp"
#include "io/fd.hpp"
#include "io/instance_lock.hpp"
#include "io/kernel_groups.hpp"
#include "io/mld_output.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

class FaultyFiles : public testing::Test {
protected:
    std::vector<std::string> names() const { return directory_.names(); }

    const TemporaryDirectory directory_;
    const std::filesystem::path dir_ = directory_.path();
};

class FaultyAtomicFile : public FaultyFiles, public testing::WithParamInterface<Durability> {};

INSTANTIATE_TEST_SUITE_P(EachDurability, FaultyAtomicFile,
                         testing::Values(Durability::process_crash, Durability::power_loss));

TEST_P(FaultyAtomicFile, IsTheOldOneOrTheNewOneAndAFailureIsTold) {
    const auto path = dir_ / "state.json";
    EachFault fault;
    while (fault.next()) {
        write_atomically(path, "old", Durability::process_crash);
        const Outcome outcome =
            fault.during([&] { write_atomically(path, "the new one", GetParam()); });
        SCOPED_TRACE(fault.text());

        EXPECT_THAT(names(), ElementsAre("state.json")) << "no temporary is left";
        const bool synced = outcome.text.find("cannot sync the directory") == std::string::npos;
        EXPECT_EQ(content_of(path), outcome.failed() && synced ? "old" : "the new one");
        if (outcome.failed()) {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_THAT(outcome.text, HasSubstr(dir_.string()));
            EXPECT_THAT(outcome.text, HasSubstr(fault.reason()));
        }
        if (fault.call() == "write" && (fault.error() == EINTR || fault.error() == kShort)) {
            EXPECT_FALSE(outcome.failed()) << "the rest is written by another call";
        }
    }
}

TEST_P(FaultyAtomicFile, ALongOneGoesThroughManyShortWrites) {
    const Fault fault("write", kShort, 1, Fault::kAlways);
    const std::string content(1000, 'x');
    write_atomically(dir_ / "state.json", content, GetParam());
    EXPECT_EQ(fault.struck(), 1000);
    EXPECT_EQ(content_of(dir_ / "state.json"), content);
}

using FaultyInstanceLock = FaultyFiles;

TEST_F(FaultyInstanceLock, IsHeldOrTheReasonAndTheRemedyAreTold) {
    const auto runtime_dir = dir_ / "run";
    EachFault fault;
    while (fault.next()) {
        std::filesystem::remove_all(runtime_dir);
        const Outcome outcome = fault.during([&] { const InstanceLock lock(runtime_dir); });
        SCOPED_TRACE(fault.text());
        if (fault.struck() && fault.call() != "close") {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_THAT(outcome.text, HasSubstr(runtime_dir.string()));
            EXPECT_THAT(outcome.text, HasSubstr(fault.reason()));
            EXPECT_THAT(outcome.text, HasSubstr("--runtime-dir"));
        } else {
            EXPECT_FALSE(outcome.failed()) << outcome.text;
        }
        // Nothing stays locked, and the next one may have it.
        EXPECT_FALSE(InstanceLock::holder(runtime_dir));
        EXPECT_NO_THROW(InstanceLock{runtime_dir});
    }
}

TEST_F(FaultyInstanceLock, OneWhoseHolderEndsWhileWeAskIsOurs) {
    const Fault held("fcntl", EAGAIN);
    EXPECT_NO_THROW(InstanceLock lock(dir_));
    EXPECT_EQ(held.struck(), 1);
}

TEST_F(FaultyInstanceLock, ToAskForTheHolderMayFail) {
    { const InstanceLock lock(dir_); }
    EachFault fault;
    while (fault.next()) {
        const Outcome outcome =
            fault.during([&] { EXPECT_FALSE(InstanceLock::holder(dir_).has_value()); });
        SCOPED_TRACE(fault.text());
        if (fault.struck() && fault.call() != "close") {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_THAT(outcome.text, HasSubstr((dir_ / "lock").string()));
        } else {
            EXPECT_FALSE(outcome.failed()) << outcome.text;
        }
    }
}

class FaultyConfigFile : public FaultyFiles {
protected:
    FaultyConfigFile() {
        std::ofstream(path_) << "linger = 60\n[[upstream]]\ninterface = \"eth9\"\n"
                                "downstream = [\"br0\"]\n";
    }
    const std::filesystem::path path_ = dir_ / "solicitd.toml";
};

TEST_F(FaultyConfigFile, IsReadWholeOrRefusedByName) {
    EachFault fault;
    while (fault.next()) {
        std::string interface;
        const Outcome outcome =
            fault.during([&] { interface = read_config_file(path_).upstreams.at(0).interface; });
        SCOPED_TRACE(fault.text());
        const bool matters = fault.struck() && fault.call() != "close" && fault.error() != EINTR &&
                             fault.error() != kShort;
        EXPECT_EQ(outcome.failed(), matters) << outcome.text;
        EXPECT_EQ(interface, matters ? "" : "eth9");
        if (matters) {
            EXPECT_THAT(outcome.text,
                        HasSubstr(path_.string() +
                                  ": the configuration file cannot be read: " + fault.reason()));
        }
        if (fault.error() == EACCES) {
            EXPECT_THAT(outcome.text, HasSubstr("; let the user that solicitd runs as read it"));
        }
    }
}

TEST_F(FaultyConfigFile, ComesByteByByteAsWell) {
    const Fault fault("read", kShort, 1, Fault::kAlways);
    EXPECT_EQ(read_config_file(path_).upstreams.at(0).interface, "eth9");
    EXPECT_GT(fault.struck(), 60);
}

TEST_F(FaultyConfigFile, AnotherFileByMistakeIsNotReadToItsEnd) {
    std::ofstream(path_) << std::string(5U << 20U, '#');
    try {
        (void)read_config_file(path_);
        FAIL() << "read 5 MiB";
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("it is longer than 1 MiB"));
    }
}

TEST(FaultyKernelGroups, AreReadWholeOrTheReasonIsTold) {
    const KernelGroups all = read_kernel_groups();
    EachFault fault;
    while (fault.next()) {
        KernelGroups groups;
        const Outcome outcome = fault.during([&] { groups = read_kernel_groups(); });
        SCOPED_TRACE(fault.text());
        if (outcome.failed()) {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_NE(fault.error(), EINTR);
            EXPECT_THAT(outcome.text, HasSubstr("cannot read /proc/self/net/igmp6: "));
        } else {
            EXPECT_EQ(groups, all) << "half a list would look like lost memberships";
        }
    }
}

TEST(FaultyKernelGroups, ComeByteByByteAsWell) {
    const KernelGroups all = read_kernel_groups();
    const Fault fault("read", kShort, 1, Fault::kAlways);
    EXPECT_EQ(read_kernel_groups(), all);
}

TEST(FaultyMldOutput, IsReadWholeOrNotAtAll) {
    const auto whole = read_mld_output("lo");
    ASSERT_TRUE(whole);
    EachFault fault;
    while (fault.next()) {
        std::optional<MldOutput> output;
        const Outcome outcome = fault.during([&] { output = read_mld_output("lo"); });
        SCOPED_TRACE(fault.text());
        EXPECT_FALSE(outcome.failed());
        EXPECT_EQ(output.has_value(), fault.error() != EIO || fault.call() == "close");
    }
}

TEST(FaultyMldOutput, AnInterfaceThatGoesWhileItIsReadTellsNothing) {
    const auto whole = read_mld_output("lo");
    ASSERT_TRUE(whole);
    // However much came before the error: half a number would be believed.
    for (int bytes = 1; bytes < 10'000; bytes += 7) {
        Fault fault("read", kShort, 1, bytes);
        fault.then(EIO);
        const auto output = read_mld_output("lo");
        if (fault.struck() <= bytes) {
            EXPECT_TRUE(output) << "got to the end";
            return;
        }
        ASSERT_FALSE(output) << "after " << bytes << " bytes";
    }
    FAIL() << "never got to the end";
}

TEST(FaultyKernelVersion, IsNotKnownWhenTheKernelDoesNotSay) {
    const Fault fault("uname", EFAULT);
    EXPECT_FALSE(running_kernel());
    EXPECT_EQ(fault.struck(), 1);
}

}  // namespace
}  // namespace solicitd::io
