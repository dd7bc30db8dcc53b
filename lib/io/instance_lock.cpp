#include "io/instance_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace solicitd::io {

namespace {

// Never removed: a lock on a file that another process can no longer find would exclude nobody.
std::filesystem::path lock_file(const std::filesystem::path& runtime_dir) {
    return runtime_dir / "lock";
}

/// What the daemon itself can do about a lock file that cannot be used.
constexpr const char* kRemedy = " (run as root, or name another directory with --runtime-dir)";

/// Throws std::system_error with errno.
[[noreturn]] void refuse(const std::string& what) {
    const int error = errno;
    throw std::system_error(error, std::generic_category(), what);
}

/// Who may write to the directory can put anything in the place of what the daemon writes there,
/// and a lock that names any process to be signaled.
void require_own(const std::filesystem::path& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) {
        struct stat link {};
        if (errno == ENOENT && ::lstat(directory.c_str(), &link) == 0) {
            throw std::runtime_error("the runtime directory " + directory.string() +
                                     " is a link to nothing, which the service leaves when it is "
                                     "stopped; name another one with --runtime-dir");
        }
        refuse("cannot look at the runtime directory " + directory.string() + kRemedy);
    }
    const std::string remedy = "; name one with --runtime-dir that is only this user's";
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        throw std::runtime_error("the runtime directory " + directory.string() +
                                 " belongs to another user (uid " + std::to_string(status.st_uid) +
                                 ")" + remedy);
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw std::runtime_error("others may write to the runtime directory " + directory.string() +
                                 remedy);
    }
}

/// A request for the whole file.
struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

[[noreturn]] void refuse_held(const std::filesystem::path& runtime_dir, pid_t holder) {
    throw InstanceLock::Held("solicitd runs already on " + runtime_dir.string() + " (pid " +
                             std::to_string(holder) +
                             "); stop it, or name another directory with --runtime-dir");
}

/// `remedy`: what ends the message when the file cannot be used.
std::optional<pid_t> holder_of(const Fd& fd, const std::filesystem::path& runtime_dir,
                               const char* remedy) {
    struct flock lock = whole_file();
    if (::fcntl(fd.get(), F_GETLK, &lock) != 0) {
        refuse("cannot ask who holds " + lock_file(runtime_dir).string() + remedy);
    }
    if (lock.l_type == F_UNLCK) {
        return std::nullopt;
    }
    // Such a pid must not reach kill(), to which 0 and -1 mean many processes.
    if (lock.l_pid <= 0) {
        throw InstanceLock::Held(lock_file(runtime_dir).string() +
                                 " is held by a process that has no pid here; run this in the PID "
                                 "namespace (the container) of that solicitd");
    }
    return lock.l_pid;
}

std::optional<pid_t> find_holder(const std::filesystem::path& runtime_dir, const char* remedy) {
    const auto path = lock_file(runtime_dir);
    // O_NONBLOCK: a pipe that somebody put there would be waited for.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd) {
        return holder_of(fd, runtime_dir, remedy);
    }
    if (errno != ENOENT) {
        refuse("cannot open " + path.string() + remedy);
    }
    return std::nullopt;
}

}  // namespace

InstanceLock::InstanceLock(const std::filesystem::path& runtime_dir) {
    if (::mkdir(runtime_dir.c_str(), 0755) != 0 && errno != EEXIST) {
        refuse("cannot make the runtime directory " + runtime_dir.string() + kRemedy);
    }
    // Before all else: the directory may be the service's.
    if (const auto pid = find_holder(runtime_dir, kRemedy)) {
        refuse_held(runtime_dir, *pid);
    }
    require_own(runtime_dir);
    // 0600: whoever can open it can lock it.
    fd_ =
        Fd(::open(lock_file(runtime_dir).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd_) {
        refuse("cannot open " + lock_file(runtime_dir).string() + kRemedy);
    }
    struct flock lock = whole_file();
    while (::fcntl(fd_.get(), F_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            refuse("cannot lock " + lock_file(runtime_dir).string() + kRemedy);
        }
        // No holder any more: it ended between the two calls, and the lock is to be had.
        if (const auto pid = holder_of(fd_, runtime_dir, kRemedy)) {
            refuse_held(runtime_dir, *pid);
        }
    }
}

std::optional<pid_t> InstanceLock::holder(const std::filesystem::path& runtime_dir) {
    return find_holder(runtime_dir, "");
}

}  // namespace solicitd::io
