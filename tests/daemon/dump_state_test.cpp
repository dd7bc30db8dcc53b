#include "dump_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "fakes/temporary_directory.hpp"
#include "io/atomic_file.hpp"
#include "io/fd.hpp"
#include "io/instance_lock.hpp"
#include "io/state_json.hpp"

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

StateSnapshot state_of(pid_t pid) {
    StateSnapshot state;
    state.version = "0.1.0";
    state.pid = static_cast<std::uint32_t>(pid);
    state.ready = true;
    return state;
}

class DumpStateTest : public testing::Test {
protected:
    // One test asks as another user.
    DumpStateTest() { std::filesystem::permissions(dir_, std::filesystem::perms(0755)); }

    struct Answer {
        int exit_code = -1;
        std::string out;
        std::string err;
    };
    Answer ask(bool json, std::chrono::milliseconds patience = 10s) const {
        std::ostringstream out;
        std::ostringstream err;
        const int exit_code = dump_state(dir_, json, out, err, patience);
        return {exit_code, out.str(), err.str()};
    }

    const test::TemporaryDirectory directory_;
    const std::filesystem::path dir_ = directory_.path();
};

/// A process that holds the lock as the daemon does, and answers SIGUSR1 with what it is told to.
class FakeDaemon {
public:
    enum class Manner { writes_its_state, writes_rubbish, is_silent };

    FakeDaemon(const std::filesystem::path& dir, Manner manner) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) {
            throw std::system_error(errno, std::generic_category(), "pipe");
        }
        const io::Fd ready(ends[0]);
        io::Fd report(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(dir, manner, report.get());
        }
        report = io::Fd();  // so that a child that fails is seen as end of file
        char byte = 0;
        EXPECT_EQ(::read(ready.get(), &byte, 1), 1) << "the daemon did not start";
    }
    ~FakeDaemon() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    pid_t pid() const { return pid_; }
    std::string document() const { return io::to_json(state_of(pid_)); }

private:
    [[noreturn]] static void serve(const std::filesystem::path& dir, Manner manner, int report) {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &signals, nullptr);
        const io::InstanceLock lock(dir);
        static_cast<void>(::write(report, "x", 1));
        for (;;) {
            int signal = 0;
            ::sigwait(&signals, &signal);
            const auto durability = io::Durability::process_crash;
            // Other files come and go in the directory, too.
            io::write_atomically(dir / "hosts.json", "{}", durability);
            if (manner == Manner::writes_its_state) {
                io::write_atomically(dir / kStateFile, io::to_json(state_of(::getpid())),
                                     durability);
            } else if (manner == Manner::writes_rubbish) {
                io::write_atomically(dir / kStateFile, "rubbish", durability);
            }
        }
    }

    pid_t pid_ = -1;
};

TEST_F(DumpStateTest, PrintsTheDocument) {
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_its_state);
    const Answer answer = ask(true);
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_EQ(answer.out, daemon.document());
    EXPECT_THAT(answer.err, IsEmpty());
}

TEST_F(DumpStateTest, PrintsTheTable) {
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_its_state);
    const Answer answer = ask(false);
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_THAT(answer.out,
                HasSubstr("solicitd 0.1.0 (pid " + std::to_string(daemon.pid()) + "), up 0s"));
    EXPECT_THAT(answer.err, IsEmpty());
}

TEST_F(DumpStateTest, WhatWasThereBeforeIsNoAnswer) {
    std::ofstream(dir_ / kStateFile) << io::to_json(state_of(1));
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_its_state);
    for (int round = 0; round < 20; ++round) {
        const Answer answer = ask(true);
        EXPECT_EQ(answer.exit_code, 0);
        EXPECT_EQ(answer.out, daemon.document());
        std::ofstream(dir_ / kStateFile) << io::to_json(state_of(1));
    }
}

TEST_F(DumpStateTest, ManyMayAskAtOnce) {
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_its_state);
    std::vector<std::future<Answer>> answers;
    for (int client = 0; client < 8; ++client) {
        answers.push_back(std::async(std::launch::async, [this] { return ask(true); }));
    }
    for (auto& each : answers) {
        const Answer answer = each.get();
        EXPECT_EQ(answer.exit_code, 0);
        EXPECT_EQ(answer.out, daemon.document());
        EXPECT_THAT(answer.err, IsEmpty());
    }
}

TEST_F(DumpStateTest, NoDaemonIsOneLineWithTheRemedy) {
    const std::string line = "no solicitd is running on " + dir_.string() +
                             "; start it, or name its directory with --runtime-dir\n";
    Answer answer = ask(false);
    EXPECT_EQ(answer.exit_code, 1);
    EXPECT_EQ(answer.err, line);
    EXPECT_THAT(answer.out, IsEmpty());

    { const FakeDaemon ended(dir_, FakeDaemon::Manner::writes_its_state); }
    answer = ask(false);
    EXPECT_EQ(answer.exit_code, 1);
    EXPECT_EQ(answer.err, line) << "the lock file of a daemon that ended";

    std::filesystem::remove_all(dir_);
    answer = ask(false);
    EXPECT_EQ(answer.exit_code, 1);
    EXPECT_EQ(answer.err, line) << "no directory";
}

TEST_F(DumpStateTest, NoAnswerIsOneLine) {
    std::ofstream(dir_ / kStateFile) << io::to_json(state_of(1));
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::is_silent);
    const Answer answer = ask(true, 100ms);
    EXPECT_EQ(answer.exit_code, 1);
    EXPECT_THAT(answer.err, MatchesRegex("solicitd \\(pid [0-9]+\\) gave no answer in 0 s; "
                                         "its journal may say why: journalctl _PID=[0-9]+\n"));
    EXPECT_THAT(answer.out, IsEmpty());
}

TEST_F(DumpStateTest, ADocumentThatIsNoneIsOneLine) {
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_rubbish);
    const Answer answer = ask(false);
    EXPECT_EQ(answer.exit_code, 1);
    EXPECT_THAT(answer.err, MatchesRegex("not a state document of solicitd: [^\n]+\n"));
    EXPECT_THAT(answer.out, IsEmpty());
}

TEST_F(DumpStateTest, AUserWhoMayNotIsToldToBeRoot) {
    const FakeDaemon daemon(dir_, FakeDaemon::Manner::writes_its_state);
    constexpr uid_t kNobody = 65534;
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const io::Fd output(ends[0]);
    io::Fd input(ends[1]);
    const pid_t client = ::fork();
    if (client == 0) {
        if (::getuid() != 0 || ::setresuid(kNobody, kNobody, kNobody) != 0) {
            ::_exit(77);
        }
        const Answer answer = ask(false);
        static_cast<void>(::write(input.get(), answer.err.data(), answer.err.size()));
        ::_exit(answer.exit_code);
    }
    input = io::Fd();
    std::string text(1000, '\0');
    const ssize_t size = ::read(output.get(), text.data(), text.size());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    int status = 0;
    ::waitpid(client, &status, 0);
    if (WEXITSTATUS(status) == 77) {
        GTEST_SKIP() << "this user cannot become another one: run it as root";
    }
    EXPECT_EQ(WEXITSTATUS(status), 1);
    // The lock is root's (whoever may open it could hold it), so the signal is not even tried.
    EXPECT_EQ(text, "cannot open " + (dir_ / "lock").string() +
                        ": Permission denied; run this as root\n");
}

}  // namespace
}  // namespace solicitd
