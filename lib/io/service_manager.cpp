#include "io/service_manager.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <ctime>

namespace solicitd::io {

// What sd_notify() returns is ignored throughout: without a service manager there is nobody to
// tell, and with one that cannot be reached nobody to tell that to.

ServiceManager::ServiceManager() {
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(/*unset_environment=*/0, &usec) > 0) {
        watchdog_ = std::chrono::microseconds{usec};
    }
}

void ServiceManager::ready() {
    sd_notify(0, "READY=1");
}

void ServiceManager::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t usec = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
    // The time is what Type=notify-reload needs (systemd 253), and others ignore.
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, usec);
}

void ServiceManager::stopping() {
    sd_notify(0, "STOPPING=1");
}

void ServiceManager::status(const std::string& text) {
    if (text == status_) {
        return;
    }
    status_ = text;
    std::string message = "STATUS=" + text;
    std::replace(message.begin(), message.end(), '\n', ' ');  // a line is an assignment
    sd_notify(0, message.c_str());
}

void ServiceManager::feed_watchdog() {
    sd_notify(0, "WATCHDOG=1");
}

}  // namespace solicitd::io
