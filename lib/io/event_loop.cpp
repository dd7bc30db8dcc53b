#include "io/event_loop.hpp"

#include <systemd/sd-event.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <ctime>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "io/pace.hpp"

namespace solicitd::io {

namespace {

constexpr clockid_t kClock = CLOCK_BOOTTIME;

/// Between two sleeps, when there is always more to do.
constexpr Duration kTurn = std::chrono::milliseconds{2};

// No std::string: this runs at every turn of the loop.
void check(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(-result, std::generic_category(), what);
    }
}

// Rounded up, so that a timer never comes before its time. Not negative: sd-event is unsigned.
std::uint64_t to_usec(Duration duration) {
    using std::chrono::microseconds;
    return static_cast<std::uint64_t>(
        std::max(std::chrono::ceil<microseconds>(duration), microseconds{0}).count());
}

TimePoint read(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);  // cannot fail: Linux has had these clocks since 2.6.39
    return TimePoint{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

// Deaf to everything: what comes meanwhile is dealt with together. A signal may cut it short.
void sleep_until(TimePoint when) {
    using namespace std::chrono;
    const nanoseconds since_boot = when.time_since_epoch();
    const auto whole = floor<seconds>(since_boot);
    const timespec time{static_cast<time_t>(whole.count()), (since_boot - whole).count()};
    clock_nanosleep(kClock, TIMER_ABSTIME, &time, nullptr);
}

}  // namespace

struct EventLoop::Impl {
    Impl() { check(sd_event_new(&event), "cannot make an event loop"); }
    ~Impl() { sd_event_unref(event); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void turn();
    void sleep();
    /// Calls what is due, one callback at most; false when nothing was within `timeout_usec`.
    bool dispatch(std::uint64_t timeout_usec) {
        const int result = sd_event_run(event, timeout_usec);
        check(result, "the event loop failed");
        worked = worked || result > 0;
        return result > 0;
    }
    [[nodiscard]] bool ended() const { return exit_code || failure; }

    sd_event* event = nullptr;
    Pace pace;
    TimePoint woke;
    bool worked = false;   // since then
    TimePoint cpu_before;  // on the clock of the thread's CPU time
    std::optional<int> exit_code;
    std::exception_ptr failure;
};

struct EventLoop::Source::Entry {
    Entry(Impl& the_loop, std::function<void()> the_callback)
        : loop(the_loop),
          callback(std::make_shared<const std::function<void()>>(std::move(the_callback))) {}
    ~Entry() { sd_event_source_disable_unref(source); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    static int dispatch(void* userdata) {
        auto& entry = *static_cast<Entry*>(userdata);
        Impl& loop = entry.loop;
        const auto callback = entry.callback;  // the entry may be gone before the callback returns
        try {
            (*callback)();
        } catch (...) {
            loop.failure = std::current_exception();
        }
        return 0;
    }

    Impl& loop;
    std::shared_ptr<const std::function<void()>> callback;
    sd_event_source* source = nullptr;
};

EventLoop::Source::Source() = default;
EventLoop::Source::Source(std::unique_ptr<Entry> entry) : entry_(std::move(entry)) {}
EventLoop::Source::Source(Source&&) noexcept = default;
EventLoop::Source& EventLoop::Source::operator=(Source&&) noexcept = default;
EventLoop::Source::~Source() = default;

void EventLoop::Timer::set(std::optional<TimePoint> when) {
    assert(entry_ != nullptr);
    if (when) {
        check(sd_event_source_set_time(entry_->source, to_usec(when->time_since_epoch())),
              "cannot set a timer");
    }
    check(sd_event_source_set_enabled(entry_->source, when ? SD_EVENT_ONESHOT : SD_EVENT_OFF),
          "cannot set a timer");
}

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

TimePoint EventLoop::now() {
    return read(kClock);
}

EventLoop::Source EventLoop::on_readable(int fd, std::function<void()> callback) {
    auto entry = std::make_unique<Source::Entry>(*impl_, std::move(callback));
    const auto handler = [](sd_event_source*, int, std::uint32_t, void* userdata) {
        return Source::Entry::dispatch(userdata);
    };
    check(sd_event_add_io(impl_->event, &entry->source, fd, EPOLLIN, handler, entry.get()),
          "cannot watch a file descriptor");
    return Source(std::move(entry));
}

EventLoop::Source EventLoop::on_signal(int signal, std::function<void()> callback) {
    auto entry = std::make_unique<Source::Entry>(*impl_, std::move(callback));
    const auto handler = [](sd_event_source*, const signalfd_siginfo*, void* userdata) {
        return Source::Entry::dispatch(userdata);
    };
    check(sd_event_add_signal(impl_->event, &entry->source, signal, handler, entry.get()),
          "cannot take a signal (is it blocked?)");
    return Source(std::move(entry));
}

EventLoop::Timer EventLoop::make_timer(Duration accuracy, std::function<void()> callback) {
    auto entry = std::make_unique<Source::Entry>(*impl_, std::move(callback));
    const auto handler = [](sd_event_source*, std::uint64_t, void* userdata) {
        return Source::Entry::dispatch(userdata);
    };
    // sd-event takes an accuracy of 0 for its default, 250 ms.
    const std::uint64_t accuracy_usec = std::max(to_usec(accuracy), std::uint64_t{1});
    check(sd_event_add_time(impl_->event, &entry->source, kClock, 0, accuracy_usec, handler,
                            entry.get()),
          "cannot make a timer");
    Timer timer(std::move(entry));
    timer.set(std::nullopt);
    return timer;
}

/// Everything that is due, as far as that is done within the time.
void EventLoop::Impl::turn() {
    const TimePoint end = now() + kTurn;
    while (!ended() && dispatch(0) && now() < end) {
    }
}

void EventLoop::Impl::sleep() {
    std::optional<TimePoint> rest;
    if (std::exchange(worked, false)) {
        const TimePoint cpu = read(CLOCK_THREAD_CPUTIME_ID);
        pace.spend(woke, cpu - std::exchange(cpu_before, cpu));
        rest = pace.rest_until(now());
    } else {
        pace.rested_in_vain(woke);
    }
    if (rest) {
        sleep_until(*rest);
    } else {
        dispatch(UINT64_MAX);
    }
    woke = now();
}

// Not sd_event_loop(): that can be left only once in the life of an sd_event.
int EventLoop::run() {
    for (;;) {
        impl_->turn();
        if (impl_->ended()) {
            break;
        }
        impl_->sleep();
    }
    const auto exit_code = std::exchange(impl_->exit_code, std::nullopt);
    if (impl_->failure) {
        std::rethrow_exception(std::exchange(impl_->failure, nullptr));
    }
    return *exit_code;
}

void EventLoop::stop(int exit_code) {
    impl_->exit_code = exit_code;
}

}  // namespace solicitd::io
