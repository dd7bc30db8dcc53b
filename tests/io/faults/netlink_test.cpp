// What talks to the kernel over netlink, when the system fails it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fakes/faults.hpp"
#include "io/bridge_mcast_router.hpp"
#include "io/check/link_survey.hpp"
#include "io/check/route_lookup.hpp"
#include "io/event_loop.hpp"
#include "io/kernel.hpp"
#include "io/netlink_monitor.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::HasSubstr;

const Ipv6Address kHost = Ipv6Address::parse("2001:db8::99").value();

/// A network of its own, and what one of everything is.
class FaultyNetlink : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("ip link add br0 type bridge; ip link set br0 up; ip link add lan0 type veth peer name "
            "far0"
            "; ip link set far0 up; ip link set lan0 up; ip -6 address add 2001:db8::1/64 dev lan0 "
            "nodad"
            "; ip -6 neigh add proxy 2001:db8::7 dev lan0");
        lan_ = if_nametoindex("lan0");
        bridge_ = if_nametoindex("br0");
    }

    /// What a person needs to hear of a socket that is not to be had.
    static void expect_reason(const Outcome& outcome, const EachFault& fault) {
        if (fault.call() == "socket" && fault.error() == EAFNOSUPPORT) {
            EXPECT_THAT(outcome.text, HasSubstr("RestrictAddressFamilies=AF_NETLINK"));
        } else {
            EXPECT_EQ(outcome.text.find("RestrictAddressFamilies"), std::string::npos)
                << "no remedy against " << outcome.text;
        }
        if (outcome.text != "std::bad_alloc") {
            EXPECT_THAT(outcome.text, HasSubstr("cannot "));
            EXPECT_THAT(outcome.text,
                        HasSubstr(fault.error() == kShort ? "(Out of memory)" : fault.reason()));
        }
    }

    Ifindex lan_ = 0;
    Ifindex bridge_ = 0;
};

TEST_F(FaultyNetlink, ABridgesSettingIsReadOrTheErrnoTold) {
    EachFault fault;
    while (fault.next()) {
        McastRouter value = McastRouter::never;
        const Outcome outcome = fault.during([&] { value = read_mcast_router(bridge_); });
        SCOPED_TRACE(fault.text());
        if (outcome.failed()) {
            expect_reason(outcome, fault);
            EXPECT_TRUE(outcome.error == fault.error() || outcome.text == "std::bad_alloc");
        } else {
            EXPECT_EQ(value, McastRouter::learn);
        }
        EXPECT_EQ(outcome.failed(),
                  fault.struck() && fault.call() != "close" && fault.error() != EINTR);
    }
}

TEST_F(FaultyNetlink, ABridgeThatCouldNotBeMadeARouterIsWhatItWas) {
    EachFault fault;
    while (fault.next()) {
        std::optional<BridgeMcastRouter> router;
        const Outcome outcome = fault.during([&] { router.emplace(bridge_); });
        SCOPED_TRACE(fault.text());
        EXPECT_EQ(read_mcast_router(bridge_),
                  outcome.failed() ? McastRouter::learn : McastRouter::always);
        EXPECT_EQ(outcome.failed(),
                  fault.struck() && fault.call() != "close" && fault.error() != EINTR);
        router.reset();
        EXPECT_EQ(read_mcast_router(bridge_), McastRouter::learn);
    }
}

TEST_F(FaultyNetlink, ToPutABridgeBackMayFailButEndsNobody) {
    EachFault fault;
    while (fault.next()) {
        std::optional<BridgeMcastRouter> router(bridge_);
        EXPECT_FALSE(fault.during([&] { router.reset(); }).failed());
        set_mcast_router(bridge_, McastRouter::learn);
    }
}

TEST_F(FaultyNetlink, ASurveyIsWholeOrTheReasonIsTold) {
    const LinkSurvey whole = survey_links();
    ASSERT_EQ(whole.links.size(), 4U);
    EachFault fault;
    while (fault.next()) {
        LinkSurvey survey;
        const Outcome outcome = fault.during([&] { survey = survey_links(); });
        SCOPED_TRACE(fault.text());
        EXPECT_EQ(outcome.failed(),
                  fault.struck() && fault.call() != "close" && fault.error() != EINTR);
        if (outcome.failed()) {
            expect_reason(outcome, fault);
        } else {
            EXPECT_EQ(survey.links.size(), whole.links.size());
            EXPECT_EQ(survey.addresses.size(), whole.addresses.size());
            EXPECT_EQ(survey.routes.size(), whole.routes.size());
            EXPECT_EQ(survey.proxy_entries, whole.proxy_entries);
        }
    }
}

TEST_F(FaultyNetlink, ARouteIsFoundOrNone) {
    ASSERT_EQ(find_route(kHost), lan_);
    EachFault fault;
    while (fault.next()) {
        Ifindex out = 0;
        const Outcome outcome = fault.during([&] { out = find_route(kHost); });
        SCOPED_TRACE(fault.text());
        if (outcome.failed()) {
            expect_reason(outcome, fault);
        } else if (fault.call() == "recvmsg" && fault.error() != EINTR) {
            EXPECT_EQ(out, 0U);
        } else {
            EXPECT_EQ(out, lan_);
        }
    }
}

TEST_F(FaultyNetlink, AMonitorSubscribesOrTheReasonIsTold) {
    EachFault fault;
    while (fault.next()) {
        std::optional<EventLoop> loop(std::in_place);
        std::optional<NetlinkMonitor> monitor;
        std::uint64_t rounds = 0;
        const Outcome outcome = fault.during([&] {
            monitor.emplace(*loop, [&](const Event& event) {
                if (const auto* end = std::get_if<DumpEnd>(&event)) {
                    rounds += end->kind == DumpKind::neighbors ? 1 : 0;
                    loop->stop(rounds == 1 ? 0 : 1);
                }
            });
        });
        SCOPED_TRACE(fault.text());
        if (outcome.failed()) {
            expect_reason(outcome, fault);
        } else {
            // The buffer, the filter and the group of new kernels are not worth ending for.
            monitor->resync();
            EXPECT_TRUE(run_until_stopped(*loop));
        }
        monitor.reset();
        loop.reset();
    }
}

/// One on a loop of its own, so that many can meet their faults first and get over them together.
struct Watch {
    void take(const Event& event) {
        if (const auto* link = std::get_if<LinkSeen>(&event)) {
            links.insert(link->name);
        } else if (std::holds_alternative<DumpBegin>(event)) {
            ++begins;
        } else if (const auto* end = std::get_if<DumpEnd>(&event)) {
            ++ends;
            EXPECT_TRUE(end->kind != DumpKind::links || links.size() == 4)
                << "what it lacks would be taken for gone";
            if (monitor.counters().dumps > 0) {
                loop.stop(0);
            }
        }
    }

    EventLoop loop;
    std::set<std::string> links;
    int begins = 0;
    int ends = 0;
    NetlinkMonitor monitor{loop, [this](const Event& event) { take(event); }};
    std::string fault;
};

TEST_F(FaultyNetlink, ARoundThatMeetsAFaultIsRunAgainUntilItIsWhole) {
    std::list<Watch> watches(100);
    auto watch = watches.begin();
    int refused = 0;
    EachFault fault({"sendmsg", "recvfrom", "nlmsg_alloc"});
    while (fault.next()) {
        ASSERT_NE(watch, watches.end());
        const NetlinkMonitor::Counters& counters = watch->monitor.counters();
        watch->monitor.resync();
        const Outcome outcome = fault.during([&] {
            while (!EachFault::came() && !run_until_stopped(watch->loop, 5ms)) {
            }
        });
        SCOPED_TRACE(fault.text());
        EXPECT_FALSE(outcome.failed());
        const bool overrun = fault.call() == "recvfrom" && fault.error() == ENOBUFS;
        EXPECT_EQ(counters.overruns, overrun ? 1U : 0U);
        if (fault.error() != kShort) {  // where the queue was empty, nothing was cut off
            EXPECT_EQ(counters.errors > 0, fault.struck() && !overrun && fault.error() != EINTR);
        }
        refused += fault.struck() && fault.call() != "recvfrom" ? 1 : 0;
        watch->fault = fault.text();
        ++watch;
    }
    EXPECT_EQ(refused, 16) << "four requests that fail in four ways";
    // Those come a second later, all of them.
    for (auto each = watches.begin(); each != watch; ++each) {
        EXPECT_TRUE(each->monitor.counters().dumps > 0 || run_until_stopped(each->loop))
            << each->fault;
    }
}

TEST_F(FaultyNetlink, AnAnswerThatTheKernelTakesBackIsAskedForAgain) {
    for (const int answer : {kRefused, kBrokenOff, kInconsistent}) {
        Watch watch;
        const NetlinkMonitor::Counters& counters = watch.monitor.counters();
        watch.monitor.resync();
        // The end of a dump may come in a datagram of its own.
        const Fault fault("recvfrom", answer, 1, answer == kBrokenOff ? 4 : 1);
        EXPECT_TRUE(run_until_stopped(watch.loop)) << answer;
        EXPECT_GE(fault.struck(), 1);
        EXPECT_EQ(counters.errors > 0, answer != kInconsistent) << answer;
    }
}

// It is not asked for ever: the round goes on, and tells of no end of what it could not have.
TEST_F(FaultyNetlink, WhatTheKernelNeverTellsWholeHasNoEnd) {
    Watch watch;
    watch.monitor.resync();
    const Fault fault("recvfrom", kInconsistent, 1, Fault::kAlways);
    EXPECT_FALSE(run_until_stopped(watch.loop, 100ms));
    EXPECT_EQ(watch.monitor.counters().dumps, 0U);
    EXPECT_EQ(watch.ends, 0);
    EXPECT_EQ(watch.begins, 4) << "each kind was tried";
}

TEST_F(FaultyNetlink, APingThatFailsIsCountedAndTheNextOneAnswered) {
    EventLoop loop;
    NetlinkMonitor monitor(loop, [](const Event&) {});
    EachFault fault({"sendmsg", "nlmsg_alloc", "recvfrom"});
    while (fault.next()) {
        const std::uint64_t errors = monitor.counters().errors;
        bool sent = false;
        const Outcome outcome = fault.during([&] {
            monitor.ping([&] { loop.stop(0); });
            sent = monitor.counters().errors == errors;
            EXPECT_EQ(run_until_stopped(loop, sent ? 10s : 1ms), sent);
        });
        SCOPED_TRACE(fault.text());
        EXPECT_FALSE(outcome.failed());
        EXPECT_EQ(monitor.answered(), sent);
        EXPECT_TRUE(sent || fault.call() != "recvfrom");
        monitor.ping([&] { loop.stop(0); });
        EXPECT_TRUE(run_until_stopped(loop)) << "the watchdog would starve";
    }
}

}  // namespace
}  // namespace solicitd::io
