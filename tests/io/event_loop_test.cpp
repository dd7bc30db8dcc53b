#include "io/event_loop.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr Duration kPrecise = 1ms;

class EventLoopTest : public testing::Test {
protected:
    EventLoopTest() {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) {
            throw std::system_error(errno, std::generic_category(), "pipe");
        }
        read_end_ = Fd(ends[0]);
        write_end_ = Fd(ends[1]);
        deadline_ = loop_.make_timer(kPrecise, [] { throw std::runtime_error("deadline"); });
        deadline_.set(EventLoop::now() + 10s);
    }

    void send() { ASSERT_EQ(::write(write_end_.get(), "x", 1), 1); }
    void receive() {
        char byte = 0;
        ASSERT_EQ(::read(read_end_.get(), &byte, 1), 1);
    }

    Fd read_end_;
    Fd write_end_;
    EventLoop loop_;
    EventLoop::Timer deadline_;
};

TEST_F(EventLoopTest, CallsForAReadableDescriptorAndReturnsWhatStopWasGiven) {
    const auto source = loop_.on_readable(read_end_.get(), [this] {
        receive();
        loop_.stop(7);
    });
    send();
    EXPECT_EQ(loop_.run(), 7);
    send();
    EXPECT_EQ(loop_.run(), 7) << "the loop runs again";
}

TEST_F(EventLoopTest, CallsWhenTheOtherEndIsGone) {
    const auto source = loop_.on_readable(read_end_.get(), [this] { loop_.stop(1); });
    write_end_ = Fd();
    EXPECT_EQ(loop_.run(), 1);
}

TEST_F(EventLoopTest, StopBeforeRunEndsItAtOnce) {
    const auto source = loop_.on_readable(read_end_.get(), [] { FAIL() << "ran after stop"; });
    send();
    loop_.stop(3);
    EXPECT_EQ(loop_.run(), 3);
}

TEST_F(EventLoopTest, NothingElseRunsAfterStop) {
    int calls = 0;
    const auto callback = [&] {
        ++calls;
        loop_.stop(0);
    };
    auto first = loop_.make_timer(kPrecise, callback);
    auto second = loop_.make_timer(kPrecise, callback);
    first.set(TimePoint{});
    second.set(TimePoint{});
    loop_.run();
    EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, ADescriptorThatCannotBeWatchedIsAnError) {
    try {
        const auto source = loop_.on_readable(12345, [] {});
        FAIL() << "watched a descriptor that is not open";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), EBADF);
    }
}

TEST_F(EventLoopTest, ADestroyedSourceIsSilent) {
    {
        const auto source = loop_.on_readable(read_end_.get(), [] { FAIL() << "not registered"; });
        send();
    }
    auto timer = loop_.make_timer(kPrecise, [this] { loop_.stop(0); });
    timer.set(EventLoop::now() + 10ms);
    EXPECT_EQ(loop_.run(), 0);
}

TEST_F(EventLoopTest, AMovedSourceStaysRegistered) {
    EventLoop::Source outer;
    {
        auto inner = loop_.on_readable(read_end_.get(), [this] { loop_.stop(2); });
        outer = std::move(inner);
    }
    send();
    EXPECT_EQ(loop_.run(), 2);
}

TEST_F(EventLoopTest, ASourceMayBeDestroyedInItsOwnCallback) {
    EventLoop::Source source;
    std::string seen;
    const std::string captured(100, 'c');  // on the heap: a dead callback would be noticed
    source = loop_.on_readable(read_end_.get(), [this, &source, &seen, captured] {
        source = EventLoop::Source();
        seen = captured;
        loop_.stop(0);
    });
    send();
    loop_.run();
    EXPECT_EQ(seen, captured);

    EventLoop::Timer timer;
    timer = loop_.make_timer(kPrecise, [this, &timer, &seen, captured] {
        timer = EventLoop::Timer();
        seen += captured;
        loop_.stop(0);
    });
    timer.set(TimePoint{});
    loop_.run();
    EXPECT_EQ(seen, captured + captured);
}

TEST_F(EventLoopTest, ASourceMayBeReplacedInItsOwnCallback) {
    EventLoop::Source source;
    source = loop_.on_readable(read_end_.get(), [this, &source] {
        source = EventLoop::Source();  // a descriptor has one source
        source = loop_.on_readable(read_end_.get(), [this] { loop_.stop(4); });
    });
    send();
    EXPECT_EQ(loop_.run(), 4);
}

TEST_F(EventLoopTest, AnExceptionLeavesRunAndNotTheLoopBroken) {
    const auto source = loop_.on_readable(read_end_.get(), [this] {
        receive();
        throw std::out_of_range("from the callback");
    });
    auto timer = loop_.make_timer(kPrecise, [this] {
        loop_.stop(1);
        throw std::length_error("from the timer");
    });

    send();
    EXPECT_THROW(loop_.run(), std::out_of_range);
    timer.set(TimePoint{});
    EXPECT_THROW(loop_.run(), std::length_error);
    send();
    EXPECT_THROW(loop_.run(), std::out_of_range);
}

TEST_F(EventLoopTest, ATimerNeverComesBeforeItsTime) {
    TimePoint when;
    TimePoint came;
    auto timer = loop_.make_timer(kPrecise, [&] {
        came = EventLoop::now();
        loop_.stop(0);
    });
    for (int round = 0; round < 20; ++round) {
        when = EventLoop::now() + 1ms + 1ns * round;
        timer.set(when);
        loop_.run();
        EXPECT_GE(came, when);
    }
}

TEST_F(EventLoopTest, ATimerMayBeSetInItsOwnCallback) {
    int calls = 0;
    EventLoop::Timer timer;
    timer = loop_.make_timer(kPrecise, [&] {
        if (++calls == 3) {
            loop_.stop(0);
        } else {
            timer.set(EventLoop::now() + 1ms);
        }
    });
    timer.set(EventLoop::now());
    loop_.run();
    EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, TimersComeInTheOrderOfTheirLatestTimes) {
    std::vector<std::string> order;
    auto early = loop_.make_timer(kPrecise, [&] { order.emplace_back("early"); });
    auto late = loop_.make_timer(kPrecise, [&] {
        order.emplace_back("late");
        loop_.stop(0);
    });
    auto off = loop_.make_timer(kPrecise, [&] { order.emplace_back("off"); });
    const TimePoint start = EventLoop::now();
    late.set(start + 1ms);
    early.set(start + 1h);
    off.set(start + 2ms);

    late.set(start + 40ms);
    early.set(start + 10ms);
    off.set(std::nullopt);
    loop_.run();
    EXPECT_THAT(order, ElementsAre("early", "late"));
}

TEST_F(EventLoopTest, ANewTimerIsOff) {
    const auto untouched = loop_.make_timer(kPrecise, [] { FAIL() << "never set"; });
    auto timer = loop_.make_timer(kPrecise, [this] { loop_.stop(0); });
    timer.set(EventLoop::now() + 10ms);
    loop_.run();
}

TEST_F(EventLoopTest, TakesSignals) {
    sigset_t mask;
    sigset_t before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    {
        const auto source = loop_.on_signal(SIGUSR1, [this] { loop_.stop(5); });
        ::kill(::getpid(), SIGUSR1);
        EXPECT_EQ(loop_.run(), 5);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(EventLoopTest, ASignalThatIsNotBlockedIsRefused) {
    EXPECT_THROW(static_cast<void>(loop_.on_signal(SIGUSR2, [] {})), std::system_error);
}

long voluntary_sleeps() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

TEST_F(EventLoopTest, SleepsThroughWhenThereIsNothingToDo) {
    const auto source = loop_.on_readable(read_end_.get(), [] { FAIL() << "nothing to read"; });
    auto timer = loop_.make_timer(kPrecise, [this] { loop_.stop(0); });
    const auto before = voluntary_sleeps();
    timer.set(EventLoop::now() + 300ms);
    loop_.run();
    // One sleep until the timer; one to spare for a page that had to be read.
    EXPECT_LE(voluntary_sleeps() - before, 2);
}

TEST_F(EventLoopTest, SleepsOnceForEachOfAFew) {
    constexpr int kEvents = 8;
    int left = kEvents;
    const auto source = loop_.on_readable(read_end_.get(), [&] {
        receive();
        if (--left == 0) {
            loop_.stop(0);
        }
    });
    const auto before = voluntary_sleeps();
    const std::jthread sender([this] {
        for (int i = 0; i < kEvents; ++i) {
            send();
            std::this_thread::sleep_for(1ms);
        }
    });
    loop_.run();
    EXPECT_LE(voluntary_sleeps() - before, kEvents + 2);
}

TEST_F(EventLoopTest, SleepsThroughOnceAFloodIsOver) {
    int left = 1000;
    const auto source = loop_.on_readable(read_end_.get(), [&] {
        receive();
        if (--left == 0) {
            loop_.stop(0);
        }
    });
    {
        const std::jthread sender([this, bytes = left] {
            for (int i = 0; i < bytes; ++i) {
                send();
                std::this_thread::sleep_for(100us);
            }
        });
        loop_.run();
    }
    auto timer = loop_.make_timer(kPrecise, [this] { loop_.stop(0); });
    const auto before = voluntary_sleeps();
    timer.set(EventLoop::now() + 300ms);
    loop_.run();
    EXPECT_LE(voluntary_sleeps() - before, 3);
}

/// Somebody who writes without end.
class FloodedEventLoop : public EventLoopTest {
protected:
    FloodedEventLoop()
        : flood_([this, fd = write_end_.get()](const std::stop_token& stop) {
              ::fcntl(fd, F_SETFL, O_NONBLOCK);  // what finds no room is lost
              while (!stop.stop_requested()) {
                  static_cast<void>(!::write(fd, "x", 1));
                  std::this_thread::sleep_for(pause_.load());
              }
          }) {}
    ~FloodedEventLoop() override {
        flood_.request_stop();
        flood_.join();
    }

    /// Runs the loop for a second, and takes what comes byte by byte, each with some work.
    void run_for_a_second(Duration work) {
        const auto source = loop_.on_readable(read_end_.get(), [&] {
            receive();
            ++received_;
            for (const TimePoint end = EventLoop::now() + work; EventLoop::now() < end;) {
            }
        });
        auto end = loop_.make_timer(kPrecise, [this] { loop_.stop(0); });
        EventLoop::Timer ticker;
        ticker = loop_.make_timer(kPrecise, [&] {
            ++ticks_;
            ticker.set(EventLoop::now() + 10ms);
        });
        ticker.set(TimePoint{});
        end.set(EventLoop::now() + 1s);
        const TimePoint begin = EventLoop::now();
        const auto sleeps = voluntary_sleeps();
        loop_.run();
        seconds_ = std::chrono::duration<double>(EventLoop::now() - begin).count();
        sleeps_ = voluntary_sleeps() - sleeps;
    }

    std::atomic<std::chrono::microseconds> pause_{20us};
    int received_ = 0;
    int ticks_ = 0;
    long sleeps_ = 0;
    double seconds_ = 0;

private:
    std::jthread flood_;
};

TEST_F(FloodedEventLoop, SleepsAtMost250TimesASecond) {
    run_for_a_second(0us);
    EXPECT_LE(static_cast<double>(sleeps_), 250 * seconds_ + 2);
    EXPECT_GT(received_, 1000);
}

TEST_F(FloodedEventLoop, HasTimeForOthers) {
    pause_ = 0us;
    run_for_a_second(100us);
    EXPECT_GT(ticks_, 30);
    EXPECT_LE(static_cast<double>(sleeps_), 250 * seconds_ + 2);
}

TEST_F(FloodedEventLoop, TakesHalfAProcessorAtMost) {
    pause_ = 0us;
    const auto cpu = [] {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    };
    const double before = cpu();
    run_for_a_second(100us);
    EXPECT_LE((cpu() - before) / seconds_, 0.6);  // that, and what may be owed
}

}  // namespace
}  // namespace solicitd::io
