#include "io/service_manager.hpp"

#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>

namespace solicitd::io {
namespace {

Fd any_descriptor() {
    return Fd(::eventfd(0, EFD_CLOEXEC));
}

}  // namespace

// What send() returns is ignored but for the status: without a service manager there is nobody
// to tell, and with one that cannot be reached nobody to tell that to.

ServiceManager::ServiceManager() : reserve_(any_descriptor()) {
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(/*unset_environment=*/0, &usec) > 0) {
        watchdog_ = std::chrono::microseconds{usec};
    }
}

/// libsystemd opens a socket for each message. So that one can be had when no descriptor is left,
/// as the watchdog must not bite for that, one is held in reserve.
int ServiceManager::send(const std::string& message, std::span<const int> fds) {
    const auto try_to = [&] {
        return sd_pid_notify_with_fds(0, 0, message.c_str(), fds.data(),
                                      static_cast<unsigned>(fds.size()));
    };
    int result = try_to();
    if (result == -EMFILE || result == -ENFILE) {
        reserve_ = Fd();
        result = try_to();
    }
    if (!reserve_) {
        reserve_ = any_descriptor();
    }
    return result;
}

void ServiceManager::ready() {
    send("READY=1");
}

void ServiceManager::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t usec = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
    // The time is what Type=notify-reload needs (systemd 253), and others ignore.
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void ServiceManager::stopping() {
    send("STOPPING=1");
}

void ServiceManager::status(const std::string& text) {
    if (text == status_) {
        return;
    }
    std::string message = "STATUS=" + text;
    std::replace(message.begin(), message.end(), '\n', ' ');  // a line is an assignment
    if (send(message) >= 0) {
        status_ = text;
    }
}

void ServiceManager::feed_watchdog() {
    send("WATCHDOG=1");
}

std::vector<ServiceManager::StoredFd> ServiceManager::take_stored_fds() {
    struct Free {
        // libsystemd gives what malloc() gave it.
        void operator()(void* memory) const {
            std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc)
        }
    };
    char** raw_names = nullptr;
    // Out of the environment, so that no child takes them for its own.
    const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &raw_names);
    const std::unique_ptr<char*, Free> names(raw_names);
    std::vector<StoredFd> stored;
    for (int i = 0; i < count; ++i) {
        const std::unique_ptr<char, Free> name(raw_names[i]);
        stored.push_back({name.get(), Fd(SD_LISTEN_FDS_START + i)});
    }
    return stored;
}

void ServiceManager::store_fd(const std::string& name, int fd) {
    // FDPOLL=0: a socket that reports an error still holds its memberships.
    send("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, {&fd, 1});
}

void ServiceManager::forget_fd(const std::string& name) {
    send("FDSTOREREMOVE=1\nFDNAME=" + name);
}

}  // namespace solicitd::io
