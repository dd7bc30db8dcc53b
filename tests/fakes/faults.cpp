#include "fakes/faults.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fakes/allocations.hpp"

namespace solicitd::test {
namespace {

/// The ways in which a call fails when the kernel is short of something, or the interface or the
/// right has gone. EINTR stands where a call can be interrupted.
struct Ways {
    std::string_view call;
    std::array<int, 4> errors;  // the rest is 0

    [[nodiscard]] std::size_t size() const {
        return static_cast<std::size_t>(std::find(errors.begin(), errors.end(), 0) -
                                        errors.begin());
    }
};
constexpr Ways kWays[] = {
    {"socket", {EMFILE, EAFNOSUPPORT}},
    {"bind", {ENODEV}},
    {"setsockopt", {ENOMEM, ENODEV}},
    {"getsockopt", {ENOBUFS}},
    {"getsockname", {ENOBUFS}},
    {"sendmsg", {ENOBUFS, ENETDOWN}},
    {"recv", {ENOBUFS, ENOMEM, EINTR}},
    {"recvfrom", {ENOBUFS, ENOMEM, EINTR, kShort}},
    {"recvmsg", {ENOBUFS, ENOMEM, EINTR}},
    {"open", {EMFILE, EACCES, ENOMEM}},
    {"read", {EIO, EINTR, kShort}},
    {"write", {ENOSPC, EIO, EINTR, kShort}},
    {"close", {EIO}},
    {"fchmod", {EPERM}},
    {"fcntl", {ENOLCK}},
    {"fstat", {EIO}},
    {"fsync", {EIO, ENOSPC}},
    {"mmap", {ENOMEM}},
    {"mkdir", {EROFS, ENOSPC}},
    {"rename", {EACCES, ENOSPC}},
    {"unlink", {EACCES}},
    {"uname", {EFAULT}},
    {"epoll_create1", {EMFILE}},
    {"epoll_ctl", {ENOMEM, ENOSPC}},
    {"epoll_wait", {EINTR, ENOMEM}},
    {"signalfd", {EMFILE}},
    {"timerfd_create", {EMFILE}},
    {"timerfd_settime", {ENOMEM}},
    {"nl_socket_alloc", {ENOMEM}},
    {"nlmsg_alloc", {ENOMEM, kShort}},
    {"nlmsg_alloc_simple", {ENOMEM}},
    {"operator new", {ENOMEM}},
};

const Ways& ways_of(std::string_view call) {
    const auto* const it = std::find_if(std::begin(kWays), std::end(kWays),
                                        [&](const Ways& ways) { return ways.call == call; });
    if (it == std::end(kWays)) {
        throw std::logic_error("faults.cpp lets no " + std::string(call) + " fail");
    }
    return *it;
}

/// What is to fail. Nothing here allocates, as it is asked inside of malloc's users.
struct Plan {
    bool armed = false;
    const std::vector<std::string_view>* only = nullptr;  // empty: any but operator new
    int skip = 0;                                         // calls until the fault
    int times = 0;                                        // then this many fail
    int error = 0;  // 0: in way `way` of the call that it turns out to be
    std::size_t way = 0;
    int then = 0;  // the error of all calls after those; 0: they do not fail
    int struck = 0;
    std::string_view call{};  // that failed
};
Plan plan;

bool is_meant(std::string_view call) {
    return plan.only->empty()
               ? call != "operator new"
               : std::find(plan.only->begin(), plan.only->end(), call) != plan.only->end();
}

/// The error with which this call must fail; 0: it must not.
int fault_of(std::string_view call) {
    const bool meant = plan.armed && is_meant(call);
    if (meant && plan.times == 0 && plan.then != 0) {
        plan.times = Fault::kAlways;
        plan.error = plan.then;
    }
    if (!meant || plan.times == 0) {
        return 0;
    }
    if (plan.skip > 0) {
        --plan.skip;
        return 0;
    }
    --plan.times;
    ++plan.struck;
    plan.call = call;
    if (plan.error == 0) {
        plan.armed = false;
        // The operation may have called something else at this place last time.
        const Ways& ways = ways_of(call);
        plan.error = ways.errors[plan.way % ways.size()];
    }
    return plan.error;
}

/// Sets errno; false when the call goes ahead.
bool fails(std::string_view call) {
    const int error = fault_of(call);
    if (error != 0) {
        errno = error;
    }
    return error != 0;
}

/// Of the library that would have been called.
template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Makes what came over netlink what `fault` says.
void spoil(void* data, ssize_t size, int fault) {
    auto left = static_cast<int>(size);
    const int error = -EBUSY;
    for (auto* message = static_cast<nlmsghdr*>(data); nlmsg_ok(message, left) != 0;
         message = nlmsg_next(message, &left)) {
        if (fault == kInconsistent) {
            message->nlmsg_flags |= NLM_F_DUMP_INTR;
        } else if (fault == kRefused) {
            message->nlmsg_type = NLMSG_ERROR;
        }
        if (fault == kRefused || (fault == kBrokenOff && message->nlmsg_type == NLMSG_DONE)) {
            std::memcpy(nlmsg_data(message), &error, sizeof error);
        }
    }
}

bool grants_allocation() {
    return fault_of("operator new") == 0;
}

}  // namespace

std::size_t open_descriptors() {
    DIR* const directory = opendir("/proc/self/fd");
    std::size_t count = 0;
    while (readdir(directory) != nullptr) {
        ++count;
    }
    closedir(directory);
    return count - 3;  // ".", ".." and the directory itself
}

Fault::Fault(std::string_view call, int error, int nth, int times) : calls_{call} {
    (void)ways_of(call);
    before_allocation = grants_allocation;
    plan = Plan{true, &calls_, nth - 1, times, error};
}
Fault::~Fault() {
    plan = {};
}
Fault& Fault::then(int error) {
    plan.then = error;
    return *this;
}
int Fault::struck() const {
    return plan.struck;
}

EachFault::EachFault(std::vector<std::string_view> calls)
    : calls_(std::move(calls)), descriptors_(open_descriptors()) {
    for (const std::string_view call : calls_) {
        (void)ways_of(call);
    }
    before_allocation = grants_allocation;
}
EachFault::~EachFault() {
    plan = {};
}

bool EachFault::next() {
    EXPECT_EQ(open_descriptors(), descriptors_) << "descriptors left open: " << text();
    if (begun_ && !struck()) {
        return false;
    }
    if (std::exchange(begun_, true) && ++way_ >= ways_of(call_).size()) {
        ++nth_;
        way_ = 0;
    }
    return true;
}

void EachFault::begin() {
    plan = Plan{true, &calls_, nth_ - 1, 1, 0, way_};
}

void EachFault::end() {
    plan.armed = false;
    call_ = plan.call;
    error_ = plan.error;
}

bool EachFault::came() {
    return plan.struck > 0;
}

std::string EachFault::text() const {
    const std::string call = "call " + std::to_string(nth_);
    return struck() ? call + ", " + std::string(call_) + ": " + reason() : call;
}

std::string EachFault::reason() const {
    return error_ == kShort ? "short" : std::generic_category().message(error_);
}

}  // namespace solicitd::test

using solicitd::test::fails;
using solicitd::test::kShort;
using solicitd::test::next;

/// Stands before a function of a library: fails, or calls it.
#define FAULTY(result, failed, name, parameters, arguments)      \
    result name parameters {                                     \
        static auto* const real = next<decltype(::name)>(#name); \
        return fails(#name) ? (failed) : real arguments;         \
    }

extern "C" {

FAULTY(int, -1, socket, (int domain, int type, int protocol) noexcept, (domain, type, protocol))
FAULTY(int, -1, bind, (int fd, const sockaddr* address, socklen_t size) noexcept,
       (fd, address, size))
FAULTY(int, -1, setsockopt,
       (int fd, int level, int option, const void* value, socklen_t size) noexcept,
       (fd, level, option, value, size))
FAULTY(int, -1, getsockopt, (int fd, int level, int option, void* value, socklen_t* size) noexcept,
       (fd, level, option, value, size))
FAULTY(int, -1, getsockname, (int fd, sockaddr* address, socklen_t* size) noexcept,
       (fd, address, size))
FAULTY(ssize_t, -1, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags))
FAULTY(ssize_t, -1, recv, (int fd, void* data, size_t size, int flags), (fd, data, size, flags))
FAULTY(ssize_t, -1, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags))
FAULTY(void*, MAP_FAILED, mmap,
       (void* where, size_t size, int protection, int flags, int fd, off_t at) noexcept,
       (where, size, protection, flags, fd, at))
FAULTY(int, -1, fchmod, (int fd, mode_t mode) noexcept, (fd, mode))
FAULTY(int, -1, fstat, (int fd, struct stat* status) noexcept, (fd, status))
FAULTY(int, -1, fsync, (int fd), (fd))
FAULTY(int, -1, mkdir, (const char* path, mode_t mode) noexcept, (path, mode))
FAULTY(int, -1, rename, (const char* from, const char* to) noexcept, (from, to))
FAULTY(int, -1, unlink, (const char* path) noexcept, (path))
FAULTY(int, -1, uname, (utsname * system) noexcept, (system))
FAULTY(int, -1, epoll_create1, (int flags) noexcept, (flags))
FAULTY(int, -1, epoll_wait, (int epoll, epoll_event* events, int most, int patience),
       (epoll, events, most, patience))
FAULTY(int, -1, signalfd, (int fd, const sigset_t* signals, int flags) noexcept,
       (fd, signals, flags))
FAULTY(int, -1, timerfd_create, (clockid_t clock, int flags) noexcept, (clock, flags))
FAULTY(int, -1, timerfd_settime,
       (int fd, int flags, const itimerspec* time, itimerspec* before) noexcept,
       (fd, flags, time, before))
FAULTY(nl_sock*, nullptr, nl_socket_alloc, (), ())
FAULTY(nl_msg*, nullptr, nlmsg_alloc_simple, (int type, int flags), (type, flags))

// Those that can come short, too.

nl_msg* nlmsg_alloc() {
    static auto* const real = next<decltype(::nlmsg_alloc)>("nlmsg_alloc");
    if (!fails("nlmsg_alloc")) {
        return real();
    }
    if (errno != kShort) {
        return nullptr;
    }
    errno = 0;
    return nlmsg_alloc_size(NLMSG_HDRLEN);
}

ssize_t read(int fd, void* data, size_t size) {
    static auto* const real = next<decltype(::read)>("read");
    if (!fails("read")) {
        return real(fd, data, size);
    }
    return errno == kShort ? real(fd, data, std::min<size_t>(size, 1)) : -1;
}

ssize_t write(int fd, const void* data, size_t size) {
    static auto* const real = next<decltype(::write)>("write");
    if (!fails("write")) {
        return real(fd, data, size);
    }
    return errno == kShort ? real(fd, data, std::min<size_t>(size, 1)) : -1;
}

ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
    static auto* const real = next<decltype(::recvfrom)>("recvfrom");
    const int fault = fails("recvfrom") ? errno : 0;
    if (fault > 0) {
        return -1;
    }
    const ssize_t received = real(fd, data, size, flags, from, from_size);
    solicitd::test::spoil(data, received, fault);
    return fault == kShort && received >= 0 ? static_cast<ssize_t>(size) + 1 : received;
}

// To take something out needs nothing, and libsystemd counts on it.
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    static auto* const real = next<decltype(::epoll_ctl)>("epoll_ctl");
    return operation != EPOLL_CTL_DEL && fails("epoll_ctl") ? -1
                                                            : real(epoll, operation, fd, event);
}

// It closes all the same (close(2)).
int close(int fd) {
    static auto* const real = next<decltype(::close)>("close");
    const int result = real(fd);
    return fails("close") ? -1 : result;
}

// Those with arguments that are not always there.

int open(const char* path, int flags, ...) {
    static auto* const real = next<decltype(::open)>("open");
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails("open") ? -1 : real(path, flags, mode);
}

int fcntl(int fd, int command, ...) {
    static auto* const real = next<decltype(::fcntl)>("fcntl");
    va_list rest;
    va_start(rest, command);
    void* const argument = va_arg(rest, void*);
    va_end(rest);
    return fails("fcntl") ? -1 : real(fd, command, argument);
}

}  // extern "C"
