// The event loop, and the captures that it serves, when the system fails them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <variant>

#include "fakes/faults.hpp"
#include "io/bridge_mcast_router.hpp"
#include "io/event_loop.hpp"
#include "io/fd.hpp"
#include "io/link_capture.hpp"
#include "io/wire.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A loop with a source of each kind, all of which are due.
class FaultyEventLoop : public testing::Test {
protected:
    FaultyEventLoop() {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0 || ::write(ends[1], "x", 1) != 1) {
            throw std::system_error(errno, std::generic_category(), "pipe");
        }
        readable_ = Fd(ends[0]);
        writable_ = Fd(ends[1]);
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    }
    ~FaultyEventLoop() override { ::signal(SIGUSR1, SIG_IGN); }  // forgets one that is pending

    /// Returns when all three were called, once each.
    void turn() {
        called_ = 0;
        EventLoop loop;
        const auto count = [&] {
            if (++called_ == 3) {
                loop.stop(0);
            }
        };
        std::optional<EventLoop::Source> source;
        source = loop.on_readable(readable_.get(), [&] {
            source.reset();
            count();
        });
        const auto on_signal = loop.on_signal(SIGUSR1, count);
        auto timer = loop.make_timer(1ms, count);
        timer.set(EventLoop::now());
        ::raise(SIGUSR1);
        loop.run();
    }

    Fd readable_;
    Fd writable_;
    int called_ = 0;
};

TEST_F(FaultyEventLoop, TurnsOrTellsWhatItCannotDo) {
    EachFault fault({"epoll_create1", "epoll_ctl", "epoll_wait", "signalfd", "timerfd_create",
                     "timerfd_settime", "fcntl"});
    while (fault.next()) {
        const Outcome outcome = fault.during([&] { turn(); });
        SCOPED_TRACE(fault.text());
        if (outcome.failed()) {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_THAT(outcome.text, AnyOf(StartsWith("cannot make an event loop: "),
                                            StartsWith("cannot watch a file descriptor: "),
                                            StartsWith("cannot take a signal"),
                                            StartsWith("cannot make a timer: "),
                                            StartsWith("the event loop failed: ")));
            EXPECT_THAT(outcome.text, HasSubstr(fault.reason()));
        } else {
            EXPECT_EQ(called_, 3);
        }
    }
}

TEST_F(FaultyEventLoop, IsNotEndedByAnInterruption) {
    for (const char* call : {"epoll_wait", "read"}) {
        const Fault interrupted(call, EINTR);
        turn();
        EXPECT_EQ(called_, 3);
        EXPECT_EQ(interrupted.struck(), 1) << call;
    }
}

/// eth9 with a neighbor on the cable, and br0 that snoops.
class FaultyCapture : public testing::TestWithParam<StartCapture> {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("ip link add eth9 type veth peer name far9; ip link set far9 up"
            "; ip link add br0 type bridge; ip link set br0 up");
        bring_up("eth9");
    }

    [[nodiscard]] StartCapture what() const {
        StartCapture capture = GetParam();
        capture.index = if_nametoindex(capture.name.c_str());
        return capture;
    }

    /// What a capture changes outside of its socket.
    static std::string traces() {
        return output(
            "ip -d -o link show dev br0 | grep -o ' mcast_router [0-9]'"
            "; ip -d -o link | grep -oE '(promiscuity|allmulti) [0-9]+'");
    }

    CaptureCounters counters_;
};

TEST_P(FaultyCapture, HearsOrTellsWhyNotAndLeavesNoTrace) {
    const std::string before = traces();
    EachFault fault;
    while (fault.next()) {
        std::optional<EventLoop> loop(std::in_place);
        std::optional<PacketCapture> capture;
        const Outcome outcome = fault.during(
            [&] { capture = open_capture(*loop, what(), counters_, [](const Event&) {}); });
        SCOPED_TRACE(fault.text());
        if (!fault.struck()) {
            EXPECT_NE(traces(), before) << "or nothing tells that it is gone";
        } else if (outcome.failed() && outcome.text != "std::bad_alloc") {
            EXPECT_EQ(outcome.error, fault.error());
            EXPECT_THAT(outcome.text, HasSubstr("cannot "));
            EXPECT_THAT(outcome.text, HasSubstr(fault.reason()));
        }
        capture.reset();
        loop.reset();
        EXPECT_EQ(traces(), before);
    }
}

std::string mode_of(const testing::TestParamInfo<StartCapture>& each) {
    const auto* const lan = std::get_if<OnDownstream>(&each.param.side);
    std::string name(lan == nullptr ? "upstream" : to_string(lan->mode));
    std::erase(name, '-');
    return name;
}

INSTANTIATE_TEST_SUITE_P(
    EachMode, FaultyCapture,
    testing::Values(StartCapture{0, "eth9", OnUpstream{}},
                    StartCapture{0, "eth9", OnDownstream{CaptureMode::allmulti}},
                    StartCapture{0, "eth9", OnDownstream{CaptureMode::promisc}},
                    StartCapture{0, "br0", OnDownstream{CaptureMode::mcast_router, true}}),
    mode_of);

/// A solicitation too long for the ring: the rest is read from the queue.
Packet long_solicitation(const Ipv6Address& target) {
    Packet option(256, 0);
    option[0] = kNonceOption;
    option[1] = 256 / 8;
    return dad_solicitation(target, option);
}

class FaultyReading : public FaultyCapture {
protected:
    void SetUp() override {
        FaultyCapture::SetUp();
        far_.emplace("far9");
        capture_ = open_capture(
            loop_, what(), counters_,
            [this](const Event& event) {
                const auto* host = std::get_if<HostSeen>(&event);
                if (host != nullptr && host->address == awaited_) {
                    loop_.stop(0);
                }
            },
            [this] { ++unbound_; });
    }

    /// Runs the loop until the host that the packet tells of is heard.
    [[nodiscard]] bool hears(const Ipv6Address& host, const Packet& packet) {
        awaited_ = host;
        far_->send(packet);
        return run_until_stopped(loop_);
    }

    EventLoop loop_;
    std::optional<Wire> far_;
    Ipv6Address awaited_;
    int unbound_ = 0;
    std::optional<PacketCapture> capture_;
};

INSTANTIATE_TEST_SUITE_P(OneMode, FaultyReading,
                         testing::Values(StartCapture{0, "eth9", OnDownstream{}}), mode_of);

const Ipv6Address kHost = address("2001:db8::1");
const Ipv6Address kOther = address("2001:db8::2");

TEST_P(FaultyReading, AnErrorOfTheMomentLosesNothing) {
    for (const int error : {EINTR, ENETDOWN, ENOMEM}) {
        const Fault fault("recv", error, 1, 2);
        EXPECT_TRUE(hears(kHost, long_solicitation(kHost))) << error;
        EXPECT_EQ(fault.struck(), 2);
    }
    EXPECT_EQ(unbound_, 0) << "the interface is still there";
    EXPECT_EQ(counters_.nd.messages, 3U);
}

TEST_P(FaultyReading, ALongOneThatIsNotThereIsCountedAndTheNextOneHeard) {
    const Fault fault("recv", EAGAIN);
    far_->send(long_solicitation(kHost));
    EXPECT_TRUE(hears(kOther, dad_solicitation(kOther)));
    EXPECT_EQ(fault.struck(), 1);
    EXPECT_EQ(counters_.nd.messages, 1U);
    EXPECT_EQ(counters_.dropped, 1U);
}

TEST_P(FaultyReading, ALongOneThatCannotBeHadIsGivenUp) {
    const Fault fault("recv", ENOMEM, 1, 3);
    far_->send(long_solicitation(kHost));
    EXPECT_TRUE(hears(kOther, dad_solicitation(kOther)));
    EXPECT_EQ(fault.struck(), 3);
    EXPECT_EQ(counters_.dropped, 1U);
}

TEST_P(FaultyReading, DropsThatAreNotToldAreNotCounted) {
    {
        const Fault fault("getsockopt", ENOBUFS);
        capture_.reset();
        EXPECT_EQ(fault.struck(), 1);
    }
    EXPECT_EQ(counters_.dropped, 0U);
}

}  // namespace
}  // namespace solicitd::io
