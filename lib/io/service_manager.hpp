#pragma once

#include <optional>
#include <string>

#include "core/time.hpp"

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
    /// Sent only when the text differs from the last.
    void status(const std::string& text);
    void feed_watchdog();

private:
    std::optional<Duration> watchdog_;
    std::string status_;
};

}  // namespace solicitd::io
