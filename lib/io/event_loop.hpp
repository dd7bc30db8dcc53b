#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/time.hpp"

struct sd_event;
struct sd_event_source;

namespace solicitd::io {

/// A thin, owned layer over sd-event: the loop that everything in the daemon runs on.
///
/// Callbacks run one at a time in the thread of run(). No exception crosses into C: one that
/// leaves a callback ends run() and is thrown from there. A Source, or a Timer, must not outlive
/// its loop; destroying one inside its own callback is allowed.
///
/// It wakes up at most 250 times in any second, and takes half of a processor in the long run; see
/// Pace. Whoever makes more happen finds it asleep for up to 13 ms at a time; timers, signals and
/// the watchdog have their turn among the rest. What comes after a pause is dealt with at once.
class EventLoop {
public:
    /// Unregisters its callback when destroyed.
    class Source {
    public:
        struct Entry;
        Source();
        Source(Source&&) noexcept;
        Source& operator=(Source&&) noexcept;
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;
        ~Source();

    protected:
        friend class EventLoop;
        explicit Source(std::unique_ptr<Entry> entry);
        std::unique_ptr<Entry> entry_;
    };

    /// A one-shot timer on CLOCK_BOOTTIME that is set as often as wanted.
    class Timer : public Source {
    public:
        Timer() = default;
        /// Replaces an earlier time. nullopt: off. A time that has passed is due at once.
        void set(std::optional<TimePoint> when);

    private:
        friend class EventLoop;
        using Source::Source;
    };

    /// Throws std::system_error when the system has no resources for it.
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// CLOCK_BOOTTIME, read afresh.
    [[nodiscard]] static TimePoint now();

    /// The callback runs whenever the descriptor is readable or has an error; the fd stays the
    /// caller's and must outlive the Source. One Source a descriptor (epoll's EEXIST otherwise).
    [[nodiscard]] Source on_readable(int fd, std::function<void()> callback);
    /// Takes the signal from its default action. The caller blocks it first (sigprocmask).
    [[nodiscard]] Source on_signal(int signal, std::function<void()> callback);
    /// Off until set. `accuracy`: how late it may come, so that the kernel can gather wake-ups.
    [[nodiscard]] Timer make_timer(Duration accuracy, std::function<void()> callback);

    /// Runs until stop(), even one before run(); returns what stop() was given. May be called
    /// again.
    int run();
    /// No further callback runs before run() returns.
    void stop(int exit_code);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
