#pragma once

#include <sched.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "io/event_loop.hpp"

/// What tests against the real kernel share: its state is changed by commands and read back.
namespace solicitd::test {

using namespace std::chrono_literals;

/// What the shell command writes to stdout; throws when it fails.
inline std::string output(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) {
        throw std::runtime_error("cannot run: " + command);
    }
    std::string text;
    std::array<char, 4096> part{};
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
        text.append(part.data(), size);
    }
    if (const int status = ::pclose(pipe); status != 0) {
        throw std::runtime_error("failed (" + std::to_string(status) + "): " + command);
    }
    return text;
}

inline void run(const std::string& command) {
    (void)output(command);
}

/// Takes this thread, and the commands that it runs, into a network namespace of its own. The one
/// before ends with the last socket in it. (/sys stays that of the first; /proc/net follows.)
inline void enter_fresh_network() {
    if (::unshare(CLONE_NEWNET) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot unshare the network");
    }
    run("ip link set lo up");
}

/// For fixtures that change interfaces where they are: only tests/netns/sandbox gives them a
/// network that is theirs.
inline void require_sandbox() {
    if (std::getenv("SOLICITD_IN_OWN_NAMESPACES") == nullptr) {
        throw std::runtime_error("this test changes the network: run it by tests/netns/sandbox");
    }
}

/// For state of the kernel that tells nobody when it changes. False at the deadline.
[[nodiscard]] inline bool eventually(const std::function<bool()>& condition,
                                     std::chrono::milliseconds deadline = 5s) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

/// Sets the interface up and waits until it passes packets: the kernel works on that afterwards.
inline void bring_up(const std::string& interface) {
    run("ip link set dev " + interface + " up");
    if (!eventually([&] {
            return output("ip -o link show dev " + interface).find(" state UP ") !=
                   std::string::npos;
        })) {
        throw std::runtime_error(interface + " does not come up");
    }
}

/// Runs the loop until stop(0) is called in a callback; false at the deadline.
[[nodiscard]] inline bool run_until_stopped(io::EventLoop& loop,
                                            std::chrono::milliseconds deadline = 10s) {
    auto timer = loop.make_timer(1ms, [&loop] { loop.stop(1); });
    timer.set(io::EventLoop::now() + deadline);
    return loop.run() == 0;
}

}  // namespace solicitd::test
