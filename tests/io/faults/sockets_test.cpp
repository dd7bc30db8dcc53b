// What joins, reports, and tells others, when the system fails it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fakes/faults.hpp"
#include "fakes/notify_socket.hpp"
#include "io/check/mld_trial.hpp"
#include "io/check/system_facts.hpp"
#include "io/fd.hpp"
#include "io/journal.hpp"
#include "io/kernel.hpp"
#include "io/kernel_groups.hpp"
#include "io/mld_reporter.hpp"
#include "io/multicast_pool.hpp"
#include "io/neighbor_prober.hpp"
#include "io/service_manager.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::HasSubstr;

/// The kernel itself joins none of these here.
SolicitedNodeGroup group(std::uint32_t number) {
    return {0xAB0000U + number};
}

/// A network of its own with an upstream that can send.
class FaultySockets : public testing::Test {
protected:
    void SetUp() override {
        enter_fresh_network();
        run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; ip link add eth9 address"
            " 02:00:00:00:00:09 type veth peer name far9; ip link set far9 up");
        bring_up("eth9");
        upstream_ = if_nametoindex("eth9");
    }

    /// Those of group() that the kernel holds on the upstream.
    [[nodiscard]] std::set<SolicitedNodeGroup> held() const {
        std::set<SolicitedNodeGroup> ours;
        KernelGroups groups = read_kernel_groups();
        for (const SolicitedNodeGroup one : groups[upstream_]) {
            if (one.low24 >> 16U == 0xAB) {
                ours.insert(one);
            }
        }
        return ours;
    }

    /// A sender is made, or what cannot be sent is named, and why.
    template <typename Sender>
    static void is_there_or_tells_why(const std::string& what) {
        EachFault fault;
        while (fault.next()) {
            const Outcome outcome = fault.during([] { const Sender sender; });
            SCOPED_TRACE(fault.text());
            EXPECT_EQ(outcome.failed(), fault.struck() && fault.call() != "close");
            if (outcome.failed()) {
                EXPECT_EQ(outcome.error, fault.error());
                EXPECT_THAT(outcome.text, HasSubstr(what));
                EXPECT_THAT(outcome.text, HasSubstr(fault.reason()));
            }
        }
    }

    Ifindex upstream_ = 0;
};

/// A pool, and what its keeper was told to keep.
class FaultyPool : public FaultySockets {
protected:
    /// Joins group(2) while group(1) is held or not, by the fault; then without it.
    void join_with(EachFault& fault, bool beside_another) {
        while (fault.next()) {
            kept_.clear();
            MulticastPool pool({[this](const std::string& name, int) { kept_.insert(name); },
                                [this](const std::string& name) { kept_.erase(name); }});
            std::set<SolicitedNodeGroup> wanted;
            if (beside_another) {
                ASSERT_EQ(pool.join(upstream_, group(1)), 0);
                wanted.insert(group(1));
            }
            outcome_ = fault.during([&] { return pool.join(upstream_, group(2)); });
            SCOPED_TRACE(fault.text());
            if (!outcome_.failed()) {
                wanted.insert(group(2));
            }
            EXPECT_EQ(held(), wanted);
            EXPECT_EQ(pool.memberships(), wanted.size());
            EXPECT_EQ(kept_.size(), pool.sockets());
            check_outcome(fault, beside_another);

            EXPECT_EQ(pool.join(upstream_, group(2)), 0);
            wanted.insert(group(2));
            EXPECT_EQ(held(), wanted);
            for (const SolicitedNodeGroup one : wanted) {
                pool.leave(upstream_, one);
            }
            EXPECT_TRUE(held().empty());
            EXPECT_EQ(pool.sockets(), 0U);
            EXPECT_TRUE(kept_.empty());
        }
    }

    void check_outcome(const EachFault& fault, bool beside_another) const {
        if (!fault.struck() || fault.call() == "close") {
            EXPECT_FALSE(outcome_.failed());
        } else if (fault.call() == "operator new") {
            EXPECT_TRUE(outcome_.threw);
        } else if (beside_another && fault.error() == ENOMEM) {
            EXPECT_FALSE(outcome_.failed()) << "a full socket: another one has room";
        } else {
            EXPECT_EQ(outcome_.error, fault.error());
        }
    }

    std::set<std::string> kept_;
    Outcome outcome_;
};

TEST_F(FaultyPool, AFirstJoinHoldsOrTellsTheErrno) {
    EachFault fault;
    join_with(fault, false);
}

TEST_F(FaultyPool, AJoinBesideAnotherHoldsOrTellsTheErrno) {
    EachFault fault;
    join_with(fault, true);
}

TEST_F(FaultyPool, WithoutMemoryNothingIsHeldThatIsNotKnown) {
    for (const bool beside_another : {false, true}) {
        EachFault fault({"operator new"});
        join_with(fault, beside_another);
    }
}

TEST_F(FaultyPool, NoSocketIsToBeHadWhenOneIsFull) {
    MulticastPool pool;
    ASSERT_EQ(pool.join(upstream_, group(1)), 0);
    Fault full("setsockopt", ENOMEM, 1, Fault::kAlways);
    EXPECT_EQ(pool.join(upstream_, group(2)), ENOMEM);
    EXPECT_EQ(full.struck(), 2) << "on the one that is there, and on a fresh one";
    EXPECT_EQ(pool.sockets(), 1U);
    EXPECT_EQ(pool.memberships(), 1U);
    EXPECT_EQ(held(), (std::set{group(1)}));
}

TEST_F(FaultySockets, AReporterIsThereOrTheReasonIsTold) {
    is_there_or_tells_why<MldReporter>("MLD reports");
}

TEST_F(FaultySockets, AReportTellsItsErrnoAndTheNextOneGoes) {
    MldReporter reporter;
    const std::vector<SolicitedNodeGroup> groups{group(1)};
    const auto send = [&] {
        return reporter.send(upstream_, Ipv6Address::parse("fe80::ff:fe00:9").value(),
                             MldVersion::v2, groups);
    };
    ASSERT_TRUE(eventually([&] { return send() == 0; }));
    EachFault fault({"sendmsg"});
    while (fault.next()) {
        const Outcome outcome = fault.during(send);
        SCOPED_TRACE(fault.text());
        EXPECT_EQ(outcome.error, fault.error());
        EXPECT_EQ(send(), 0);
    }
    const Fault interrupted("sendmsg", EINTR, 1, 3);
    EXPECT_EQ(send(), 0);
    EXPECT_EQ(interrupted.struck(), 3);
}

TEST_F(FaultySockets, AProbeTellsItsErrnoAndTheNextOneGoes) {
    NeighborProber prober;
    run("ip address add 2001:db8::1/64 dev eth9 nodad");
    const ProbeHost what{upstream_, Ipv6Address::parse("2001:db8::99").value(), {}, {}, {}};
    EachFault fault;
    while (fault.next()) {
        const Outcome outcome = fault.during([&] { return prober.probe(what); });
        SCOPED_TRACE(fault.text());
        EXPECT_EQ(outcome.error, fault.struck() && fault.error() != EINTR ? fault.error() : 0);
        EXPECT_EQ(prober.probe(what), 0);
    }
}

TEST_F(FaultySockets, AProbePastRoutesTellsItsErrnoAndTheNextOneGoes) {
    NeighborProber prober;
    const ProbeHost what{upstream_,
                         Ipv6Address::parse("2001:db8::99").value(),
                         Ipv6Address::parse("fe80::1").value(),
                         {},
                         {}};
    EachFault fault;
    while (fault.next()) {
        const Outcome outcome = fault.during([&] { return prober.probe_past_routes(what); });
        SCOPED_TRACE(fault.text());
        EXPECT_EQ(outcome.error, fault.struck() && fault.error() != EINTR ? fault.error() : 0);
        EXPECT_EQ(prober.probe_past_routes(what), 0);
    }
}

TEST_F(FaultySockets, AProberIsThereOrTheReasonIsTold) {
    is_there_or_tells_why<NeighborProber>("Neighbor Solicitations");
}

// As when another interface gets the name between looking it up and binding to it.
TEST_F(FaultySockets, AProberThatIsBoundToAnotherInterfaceFindsBack) {
    NeighborProber prober;
    run("ip address add 2001:db8::1/64 dev eth9 nodad");
    const ProbeHost what{upstream_, Ipv6Address::parse("2001:db8::99").value(), {}, {}, {}};
    {
        const Fault swapped("sendmsg", EINVAL);
        EXPECT_EQ(prober.probe(what), EINVAL);
    }
    const Fault unbound("setsockopt", ENODEV);
    EXPECT_EQ(prober.probe(what), ENODEV) << "bound anew";
}

TEST_F(FaultySockets, ATrialTellsTheTruthOrNothing) {
    ASSERT_EQ(try_mld_report("eth9", upstream_, {}), true);
    EachFault fault;
    while (fault.next()) {
        std::optional<bool> leaves;
        EXPECT_FALSE(
            fault.during([&] { leaves = try_mld_report("eth9", upstream_, {}); }).failed());
        SCOPED_TRACE(fault.text());
        EXPECT_NE(leaves, false);
        if (!fault.struck()) {
            EXPECT_EQ(leaves, true);
        }
        if (fault.call() == "socket" || fault.call() == "setsockopt") {
            EXPECT_EQ(leaves, std::nullopt);
        }
    }
}

TEST_F(FaultySockets, ALookAtTheSystemTellsTheTruthOrNothing) {
    run("ip link add br0 type bridge; ip link set br0 up; ip -6 address add 2001:db8::1/64 dev eth9"
        "; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
        "; echo 1 > /proc/sys/net/ipv6/conf/eth9/proxy_ndp");
    Config config;
    config.upstreams = {{"eth9", {"br0"}, {}}};
    EachFault fault({"open", "read", "uname"});
    while (fault.next()) {
        SystemFacts facts;
        EXPECT_FALSE(
            fault.during([&] { facts = gather_system_facts(config, std::nullopt); }).failed());
        SCOPED_TRACE(fault.text());
        const SystemFacts::Upstream& upstream = facts.upstreams.at(0);
        EXPECT_TRUE(upstream.link.exists && upstream.link.running && upstream.has_prefix);
        EXPECT_TRUE(upstream.link.has_ipv6);
        EXPECT_TRUE(facts.forwarding.value_or(true));
        EXPECT_TRUE(upstream.link.forwarding.value_or(true));
        EXPECT_TRUE(upstream.proxy_ndp.value_or(true));
        EXPECT_NE(upstream.reports_leave, false);
        EXPECT_FALSE(facts.proxy_process.value_or(false));
        if (upstream.kernel_groups) {
            EXPECT_FALSE(upstream.kernel_groups->empty()) << "those of its own addresses";
        }
    }
}

class FaultyServiceManager : public testing::Test {
protected:
    /// All that came since the last call.
    std::vector<std::string> heard() const {
        std::vector<std::string> messages;
        while (const auto message = systemd_.hear()) {
            messages.push_back(message->text);
        }
        return messages;
    }

    NotifySocket systemd_;
};

TEST_F(FaultyServiceManager, OneThatCannotBeReachedIsNoReasonToEnd) {
    EachFault fault;
    while (fault.next()) {
        const Outcome outcome = fault.during([&] {
            ServiceManager manager;
            manager.ready();
            manager.reloading();
            manager.status("serves 3 hosts");
            manager.feed_watchdog();
            manager.store_fd("mld-1", systemd_.fd());
            manager.forget_fd("mld-1");
            manager.stopping();
        });
        SCOPED_TRACE(fault.text());
        EXPECT_FALSE(outcome.failed());
        EXPECT_GE(heard().size(), fault.struck() ? 6U : 7U) << "one may be lost, but no more";
    }
}

TEST_F(FaultyServiceManager, AStatusThatWasLostIsToldAgain) {
    ServiceManager manager;
    {
        const Fault fault("sendmsg", ENOBUFS);
        manager.status("serves 3 hosts");
        ASSERT_EQ(fault.struck(), 1);
    }
    manager.status("serves 3 hosts");
    manager.status("serves 3 hosts");
    EXPECT_THAT(heard(), testing::ElementsAre("STATUS=serves 3 hosts"));
}

TEST(FaultyJournal, AStderrOfWhichNothingIsToldIsNotTheJournal) {
    struct stat status {};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const std::string stream = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    EXPECT_TRUE(Journal(spdlog::level::info).is_native());
    {
        const Fault fault("fstat", EIO);
        EXPECT_FALSE(Journal(spdlog::level::info).is_native());
        EXPECT_EQ(fault.struck(), 1);
    }
    ::unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace solicitd::io
