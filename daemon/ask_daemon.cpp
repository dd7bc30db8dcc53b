#include "ask_daemon.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "io/fd.hpp"
#include "io/instance_lock.hpp"

namespace solicitd {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Sees files that are renamed into a directory from its construction on, so that what was there
/// before the daemon was asked is not taken for the answer.
class RenameWatch {
public:
    explicit RenameWatch(const std::filesystem::path& directory)
        : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
        if (!fd_ ||
            ::inotify_add_watch(fd_.get(), directory.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0) {
            throw std::system_error(errno, std::generic_category(),
                                    "cannot watch " + directory.string());
        }
    }

    /// Whether a file of that name came before the deadline.
    [[nodiscard]] bool wait_for(std::string_view name, Clock::time_point deadline) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            pollfd readable{fd_.get(), POLLIN, 0};
            const int ready = ::poll(&readable, 1, static_cast<int>(std::max(left, 0ms).count()));
            if (ready == 0) {
                return false;
            }
            if (ready < 0 && errno != EINTR) {
                throw std::system_error(errno, std::generic_category(), "poll");
            }
            if (ready > 0 && has_seen(name)) {
                return true;
            }
        }
    }

private:
    [[nodiscard]] bool has_seen(std::string_view name) {
        alignas(inotify_event) std::array<char, 4096> buffer{};
        const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
        bool seen = false;
        for (ssize_t offset = 0; offset < size;) {
            inotify_event event{};
            const char* const start = buffer.data() + offset;
            std::memcpy(&event, start, sizeof event);
            // The name is padded with NUL, and may be missing.
            seen = seen || (event.len > 0 && name == start + sizeof event);
            offset += static_cast<ssize_t>(sizeof event + event.len);
        }
        return seen;
    }

    io::Fd fd_;
};

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) {
        throw std::runtime_error("cannot read " + path.string());
    }
    return text;
}

pid_t daemon_of(const std::filesystem::path& runtime_dir) {
    const auto pid = io::InstanceLock::holder(runtime_dir);
    if (!pid) {
        throw NoDaemon("no solicitd is running on " + runtime_dir.string() +
                       "; start it, or name its directory with --runtime-dir");
    }
    return *pid;
}

}  // namespace

StateAnswer ask_for_state(const std::filesystem::path& runtime_dir,
                          std::chrono::milliseconds patience) {
    static_cast<void>(daemon_of(runtime_dir));  // or there may be no directory to watch
    RenameWatch watch(runtime_dir);
    const auto deadline = Clock::now() + patience;
    const pid_t pid = daemon_of(runtime_dir);  // anew: the signal must reach nobody but the holder
    if (::kill(pid, SIGUSR1) != 0) {
        throw std::system_error(errno, std::generic_category(),
                                "cannot signal solicitd (pid " + std::to_string(pid) + ")");
    }
    if (!watch.wait_for(kStateFile, deadline)) {
        throw NoAnswer(pid,
                       "solicitd (pid " + std::to_string(pid) + ") gave no answer in " +
                           std::to_string(patience / 1s) +
                           " s; its journal may say why: journalctl _PID=" + std::to_string(pid));
    }
    return {pid, content_of(runtime_dir / kStateFile)};
}

std::string explain(const std::system_error& error) {
    const bool denied = error.code() == std::errc::permission_denied ||
                        error.code() == std::errc::operation_not_permitted;
    return std::string(error.what()) + (denied ? "; run this as root" : "");
}

}  // namespace solicitd
