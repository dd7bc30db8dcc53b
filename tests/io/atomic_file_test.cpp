#include "io/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "fakes/temporary_directory.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

class AtomicFileTest : public testing::TestWithParam<Durability> {
protected:
    std::vector<std::string> names() const { return directory_.names(); }

    const TemporaryDirectory directory_;
    const std::filesystem::path dir_ = directory_.path();
    const std::filesystem::path path_ = dir_ / "state.json";
};

INSTANTIATE_TEST_SUITE_P(EachDurability, AtomicFileTest,
                         testing::Values(Durability::process_crash, Durability::power_loss));

TEST_P(AtomicFileTest, MakesAndReplacesTheFile) {
    write_atomically(path_, "first", GetParam());
    EXPECT_EQ(content_of(path_), "first");
    const std::string large(1'000'000, 'x');
    write_atomically(path_, large, GetParam());
    EXPECT_EQ(content_of(path_), large);
    write_atomically(path_, "", GetParam());
    EXPECT_EQ(content_of(path_), "");
    EXPECT_THAT(names(), ElementsAre("state.json"));
}

TEST_P(AtomicFileTest, AReaderKeepsTheOldOne) {
    write_atomically(path_, "old", GetParam());
    std::ifstream reader(path_);
    write_atomically(path_, "new", GetParam());
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader), {}), "old");
}

TEST_P(AtomicFileTest, IsReadableByAllWhateverTheUmask) {
    const mode_t before = ::umask(0077);
    write_atomically(path_, "text", GetParam());
    ::umask(before);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0644U);
}

TEST_P(AtomicFileTest, AFullDiskLeavesTheOldOneAndNoTemporary) {
    write_atomically(path_, "old", GetParam());
    // Past the limit write() first comes short, then fails: the same as on a full disk.
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{4096, before.rlim_max};
    const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    int error = 0;
    std::string text;
    try {
        write_atomically(path_, std::string(10'000, 'x'), GetParam());
    } catch (const std::system_error& failure) {
        error = failure.code().value();
        text = failure.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, old_handler);

    EXPECT_EQ(error, EFBIG);
    EXPECT_THAT(text, HasSubstr(path_.string()));
    EXPECT_EQ(content_of(path_), "old");
    EXPECT_THAT(names(), ElementsAre("state.json"));
}

TEST_P(AtomicFileTest, WhatACrashLeftIsInNobodysWay) {
    std::ofstream(path_.string() + ".tmp") << "half of a docu";
    write_atomically(path_, "whole", GetParam());
    EXPECT_EQ(content_of(path_), "whole");
    EXPECT_THAT(names(), ElementsAre("state.json"));
}

TEST_P(AtomicFileTest, ASymbolicLinkInTheWayIsReplacedAndNotFollowed) {
    const auto victim = dir_ / "victim";
    std::ofstream(victim) << "precious";
    std::filesystem::create_symlink(victim, path_.string() + ".tmp");
    std::filesystem::create_symlink(victim, path_);
    write_atomically(path_, "state", GetParam());
    EXPECT_EQ(content_of(victim), "precious");
    EXPECT_EQ(content_of(path_), "state");
    EXPECT_FALSE(std::filesystem::is_symlink(path_));
}

TEST_P(AtomicFileTest, AMissingDirectoryIsNamed) {
    const auto path = dir_ / "missing" / "state.json";
    try {
        write_atomically(path, "text", GetParam());
        FAIL() << "wrote into a directory that is missing";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENOENT);
        EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }
}

TEST_P(AtomicFileTest, ADirectoryInTheWayIsNamedAndNoTemporaryIsLeft) {
    std::filesystem::create_directory(path_);
    EXPECT_THROW(write_atomically(path_, "text", GetParam()), std::system_error);
    EXPECT_THAT(names(), ElementsAre("state.json"));
}

TEST_P(AtomicFileTest, APathWithoutADirectoryIsInTheCurrentOne) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(dir_);
    write_atomically("state.json", "text", GetParam());
    std::filesystem::current_path(before);
    EXPECT_EQ(content_of(path_), "text");
}

}  // namespace
}  // namespace solicitd::io
