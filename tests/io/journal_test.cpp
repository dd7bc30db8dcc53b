#include "io/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

namespace level = spdlog::level;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* kTime = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\\.[0-9]{3} ";

/// Puts a file in the place of stderr.
class StderrFile {
public:
    StderrFile() : file_(std::tmpfile()), saved_(::dup(STDERR_FILENO)) {
        if (file_ == nullptr || ::dup2(::fileno(file_), STDERR_FILENO) < 0) {
            throw std::system_error(errno, std::generic_category(), "redirect stderr");
        }
    }
    ~StderrFile() {
        ::dup2(saved_.get(), STDERR_FILENO);
        std::fclose(file_);
    }
    StderrFile(const StderrFile&) = delete;
    StderrFile& operator=(const StderrFile&) = delete;

    std::string text() const {
        std::array<char, 4096> buffer{};
        const ssize_t size = ::pread(::fileno(file_), buffer.data(), buffer.size(), 0);
        return std::string(buffer.data(), static_cast<std::size_t>(size));
    }
    /// As systemd sets it.
    std::string journal_stream() const {
        struct stat status {};
        ::fstat(::fileno(file_), &status);
        return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    }

private:
    std::FILE* file_;
    Fd saved_;
};

class JournalOnStderrTest : public testing::Test {
protected:
    JournalOnStderrTest() { ::unsetenv("JOURNAL_STREAM"); }
    StderrFile stderr_;
};

TEST_F(JournalOnStderrTest, WritesTimeLevelAndTextWithoutColors) {
    Journal journal(level::info);
    EXPECT_FALSE(journal.is_native());
    journal.write({level::info, "", "joined ff02::1:ff00:1 on eth9", {{"INTERFACE", "eth9"}}});
    EXPECT_THAT(stderr_.text(),
                MatchesRegex(kTime + std::string("info     joined ff02::1:ff00:1 on eth9\n")));
}

TEST_F(JournalOnStderrTest, ARecordIsOneLineAndNoTerminalObeysIt) {
    Journal journal(level::info);
    journal.write({level::warn, "", "no \n\x1b[2J{} \xc3\xa9", {}});
    EXPECT_THAT(
        stderr_.text(),
        MatchesRegex(kTime + std::string("warning  no \\\\n\\\\x1b\\[2J\\{\\} \xc3\xa9\n")));
}

TEST_F(JournalOnStderrTest, WritesOnlyWhatTheLevelAsksFor) {
    Journal journal(level::warn);
    EXPECT_TRUE(journal.wants(level::err));
    EXPECT_FALSE(journal.wants(level::info));
    journal.write({level::info, "", "too much", {}});
    EXPECT_THAT(stderr_.text(), IsEmpty());

    journal.set_level(level::debug);
    EXPECT_TRUE(journal.wants(level::debug));
    journal.write({level::debug, "", "wanted now", {}});
    EXPECT_THAT(stderr_.text(), MatchesRegex(kTime + std::string("debug    wanted now\n")));
}

TEST_F(JournalOnStderrTest, AStderrRedirectedSinceIsNotTheJournal) {
    ::setenv("JOURNAL_STREAM", "1:2", 1);
    EXPECT_FALSE(Journal(level::info).is_native());
    ::setenv("JOURNAL_STREAM", "nonsense", 1);
    EXPECT_FALSE(Journal(level::info).is_native());
    ::unsetenv("JOURNAL_STREAM");
}

/// journald's end of the native protocol. Needs a private /run (tests/netns/sandbox).
class NativeJournalTest : public testing::Test {
protected:
    using Fields = std::multimap<std::string, std::string>;

    void SetUp() override {
        if (std::filesystem::exists("/run/systemd")) {
            GTEST_SKIP() << "this /run has a journal already: run this by tests/netns/sandbox";
        }
        listen();
        ::setenv("JOURNAL_STREAM", stderr_.journal_stream().c_str(), 1);
    }
    void TearDown() override {
        ::unsetenv("JOURNAL_STREAM");
        if (socket_) {
            std::filesystem::remove_all("/run/systemd");
        }
    }

    void listen() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, "/run/systemd/journal/socket");
        std::filesystem::create_directories("/run/systemd/journal");
        socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0) {
            throw std::system_error(errno, std::generic_category(), address.sun_path);
        }
    }

    /// One datagram of https://systemd.io/JOURNAL_NATIVE_PROTOCOL: NAME=VALUE lines, or NAME,
    /// newline, 64-bit little-endian size, value, newline.
    Fields receive() const {
        std::array<char, 65536> buffer{};
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        EXPECT_GT(size, 0) << "nothing was sent";
        std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        Fields fields;
        while (!text.empty()) {
            const std::size_t end = text.find_first_of("=\n");
            const std::string name = text.substr(0, end);
            std::size_t value_size = 0;
            std::size_t value_begin = end + 1;
            if (text[end] == '=') {
                value_size = text.find('\n') - value_begin;
            } else {
                for (std::size_t byte = 0; byte < 8; ++byte) {
                    value_size |= std::size_t{static_cast<unsigned char>(text[value_begin + byte])}
                                  << (8 * byte);
                }
                value_begin += 8;
            }
            fields.emplace(name, text.substr(value_begin, value_size));
            text.erase(0, value_begin + value_size + 1);
        }
        return fields;
    }

    StderrFile stderr_;
    Fd socket_;
};

TEST_F(NativeJournalTest, SendsTextPriorityIdAndFields) {
    Journal journal(level::info);
    EXPECT_TRUE(journal.is_native());
    journal.write({level::info,
                   "8d45620c1a4348dbb17410da57c60c66",
                   "joined",
                   {{"INTERFACE", "eth9"}, {"GROUP", "ff02::1:ff00:1"}}});
    EXPECT_THAT(receive(),
                UnorderedElementsAre(Pair("MESSAGE", "joined"), Pair("PRIORITY", "6"),
                                     Pair("SYSLOG_IDENTIFIER", "solicitd"),
                                     Pair("MESSAGE_ID", "8d45620c1a4348dbb17410da57c60c66"),
                                     Pair("INTERFACE", "eth9"), Pair("GROUP", "ff02::1:ff00:1")));
    EXPECT_THAT(stderr_.text(), IsEmpty());
}

TEST_F(NativeJournalTest, ARecordWithoutAnIdHasNoSuchField) {
    Journal journal(level::info);
    journal.write({level::info, "", "started", {}});
    EXPECT_EQ(receive().count("MESSAGE_ID"), 0U);
}

TEST_F(NativeJournalTest, EachLevelHasItsSyslogPriority) {
    Journal journal(level::trace);
    std::string priorities;
    for (const auto each :
         {level::trace, level::debug, level::info, level::warn, level::err, level::critical}) {
        journal.write({each, "", "text", {}});
        priorities += receive().find("PRIORITY")->second;
    }
    EXPECT_EQ(priorities, "776432");
}

TEST_F(NativeJournalTest, AnyByteIsCarriedAndForgesNoField) {
    const std::string text = "two\nPRIORITY=0\nlines {}";
    const std::string name = "br\n0=\x1b\xff";
    Journal journal(level::info);
    journal.write({level::info, "", text, {{"INTERFACE", name}}});
    EXPECT_THAT(receive(), UnorderedElementsAre(Pair("MESSAGE", text), Pair("PRIORITY", "6"),
                                                Pair("SYSLOG_IDENTIFIER", "solicitd"),
                                                Pair("INTERFACE", name)));
}

TEST_F(NativeJournalTest, WhatTheSocketRefusesGoesToTheStream) {
    Journal journal(level::info);
    std::filesystem::remove("/run/systemd/journal/socket");
    // A stream where journald's datagram socket should be: EPROTOTYPE.
    const Fd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/run/systemd/journal/socket");
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    journal.write({level::err, "", "not\nlost", {}});
    EXPECT_EQ(stderr_.text(), "<3>not\\nlost\n");
}

}  // namespace
}  // namespace solicitd::io
