#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "io/fd.hpp"

namespace solicitd::io {

/// What we tell systemd (sd_notify), and what it told us in the environment. Does nothing when
/// there is no service manager.
class ServiceManager {
public:
    ServiceManager();

    /// WATCHDOG_USEC when it is meant for this process.
    [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_; }

    void ready();
    void reloading();
    void stopping();
    /// Sent only when the text differs from the last that was.
    void status(const std::string& text);
    void feed_watchdog();

    /// The descriptors that an earlier process gave to the service manager's FD store (systemd
    /// hands them to the next one). They leave the store only by forget_fd().
    struct StoredFd {
        std::string name;
        Fd fd;
    };
    [[nodiscard]] std::vector<StoredFd> take_stored_fds();
    /// Gives the store a duplicate under a name of its own: of printable ASCII, without ':'.
    void store_fd(const std::string& name, int fd);
    void forget_fd(const std::string& name);

private:
    /// What sd_notify() returns: negative errno when it was not told.
    int send(const std::string& message, std::span<const int> fds = {});

    std::optional<Duration> watchdog_;
    std::string status_;
    Fd reserve_;
};

}  // namespace solicitd::io
