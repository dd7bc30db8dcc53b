#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <stdexcept>

#include "io/fd.hpp"

namespace solicitd::io {

/// One daemon a runtime directory. The kernel keeps the lock (fcntl, RUNTIME_DIR/lock), so a
/// crash leaves nothing stale, and it names the holder.
class InstanceLock {
public:
    /// Another process holds the lock; what() names it and the directory.
    struct Held : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    /// Makes the directory (0755) when it is missing. Throws Held; std::runtime_error with the path
    /// and remedy when anybody but this user and root may write there; std::system_error likewise
    /// when it cannot be used.
    explicit InstanceLock(const std::filesystem::path& runtime_dir);

    /// The daemon that runs on this directory, if one does. Throws std::system_error when the lock
    /// file may not be opened (EACCES), Held when the holder lives in a PID namespace that is
    /// hidden from here. Not for the daemon itself: POSIX lets go of a process's lock when the
    /// process closes any descriptor of the file.
    [[nodiscard]] static std::optional<pid_t> holder(const std::filesystem::path& runtime_dir);

private:
    Fd fd_;
};

}  // namespace solicitd::io
