#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "io/atomic_file.hpp"
#include "io/event_loop.hpp"

namespace solicitd {

/// Keeps the hosts over restarts and reboots.
///
/// Into the runtime directory (memory; for a restart or a crash) half a second after hosts came or
/// went; into the state directory (flash, which wears out; for a reboot) at most once in five
/// minutes, and at the end. Never when nothing but ages changed.
class HostKeeper {
public:
    static constexpr Duration kRuntimeDelay = std::chrono::milliseconds(500);
    static constexpr Duration kStateInterval = std::chrono::minutes(5);
    /// After a failed write into the runtime directory; the state directory's comes in its turn.
    static constexpr Duration kRetry = std::chrono::seconds(10);

    using Source = std::function<std::vector<SavedHost>()>;
    using Complain = std::function<void(std::string)>;

    /// `hosts` gives what is to be kept now; `complain` takes a line for the user.
    HostKeeper(io::EventLoop& loop, const std::filesystem::path& runtime_dir,
               const std::filesystem::path& state_dir, Source hosts, Complain complain);

    /// What an earlier run left: in the runtime directory, otherwise in the state directory. A
    /// file that cannot be believed is set aside, named `hosts.damaged`, and told in one line;
    /// so is one that is too large for `max_hosts`.
    [[nodiscard]] std::vector<SavedHost> load(std::size_t max_hosts);

    /// `version` grows whenever hosts come or go.
    void note(std::uint64_t version);
    /// The end: writes what is not written yet.
    void flush();

private:
    struct File {
        std::filesystem::path path;
        io::Durability durability;
        Duration retry;
        io::EventLoop::Timer timer;
        std::uint64_t written = 0;  ///< the version in it
        bool armed = false;
        bool complained = false;
    };

    [[nodiscard]] std::optional<std::vector<SavedHost>> read(const std::filesystem::path& path,
                                                             std::uintmax_t largest);
    void on_timer(File& file);
    void arm(File& file, TimePoint when);
    /// False when it must be tried again.
    bool write(File& file);

    Source hosts_;
    Complain complain_;
    File runtime_;
    File state_;
    std::uint64_t version_ = 0;
    std::optional<TimePoint> state_written_;  ///< or tried, which wears out flash as well
};

}  // namespace solicitd
