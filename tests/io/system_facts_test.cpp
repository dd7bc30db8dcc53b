#include "io/check/system_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "io/check/link_survey.hpp"
#include "io/check/mld_trial.hpp"
#include "io/check/processes.hpp"
#include "io/fd.hpp"
#include "io/kernel.hpp"
#include "io/kernel_groups.hpp"

namespace solicitd::io {
namespace {

using namespace test;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

OnLinkRoute route(const std::string& interface, const std::string& prefix, std::uint32_t metric) {
    return {if_nametoindex(interface.c_str()), Ipv6Prefix::parse(prefix).value(), 254, metric};
}

Config config() {
    Config config;
    config.upstreams = {{"eth9", {"br0"}, {}}};
    return config;
}

/// A router with eth9, a cable to `gateway`, and br0, a bridge without snooping that has carrier.
class SystemFactsTest : public testing::Test {
protected:
    SystemFactsTest() {
        enter_fresh_network();
        run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
        run("ip link add eth9 type veth peer name gateway");
        run("ip link add br0 type bridge mcast_snooping 0; ip link add lan0 type veth peer name "
            "host0; ip link set lan0 master br0");
        run("ip link set gateway up; ip link set host0 up");
        for (const char* name : {"eth9", "lan0", "br0"}) {
            bring_up(name);
        }
        run("ip -6 addr add 2001:db8:1::2/64 dev eth9 metric 2048");
        run("ip -6 addr add 2001:db8:1::3/64 dev br0 metric 256");
        // The kernel joins their groups afterwards (kernel: addrconf_dad_work).
        if (!eventually([] { return output("ip -6 addr show tentative").empty(); })) {
            throw std::runtime_error("the addresses stay tentative");
        }
    }

    static SystemFacts look() { return gather_system_facts(config(), std::nullopt); }
    static SystemFacts::Upstream upstream() { return look().upstreams.at(0); }
    static SystemFacts::Interface downstream() { return look().downstreams.at(0); }
};

TEST_F(SystemFactsTest, TellsOfTheInterfacesAsTheyAre) {
    const SystemFacts facts = look();
    ASSERT_EQ(facts.upstreams.size(), 1U);
    EXPECT_EQ(facts.upstreams[0].link.name, "eth9");
    EXPECT_THAT(facts.upstreams[0].downstreams, ElementsAre("br0"));
    EXPECT_TRUE(facts.upstreams[0].link.usable());
    EXPECT_THAT(facts.upstreams[0].link.routes,
                ElementsAre(route("eth9", "2001:db8:1::/64", 2048)));
    EXPECT_TRUE(facts.upstreams[0].has_prefix);
    ASSERT_EQ(facts.downstreams.size(), 1U);
    EXPECT_EQ(facts.downstreams[0].name, "br0");
    EXPECT_TRUE(facts.downstreams[0].usable());
    EXPECT_FALSE(facts.downstreams[0].snooping_bridge);
    EXPECT_EQ(facts.downstreams[0].multicast_router, std::nullopt);
    EXPECT_THAT(facts.downstreams[0].routes, ElementsAre(route("br0", "2001:db8:1::/64", 256)));
    EXPECT_TRUE(facts.kernel.has_value());
    EXPECT_FALSE(facts.daemon.has_value());
}

TEST_F(SystemFactsTest, FollowsWhatHappensToThem) {
    run("ip link set br0 type bridge mcast_snooping 1");
    EXPECT_TRUE(downstream().snooping_bridge);
    EXPECT_EQ(downstream().multicast_router, false);
    run("ip link set br0 type bridge mcast_router 2");
    EXPECT_EQ(downstream().multicast_router, true);
    run("ip link set eth9 mtu 1279");
    EXPECT_FALSE(upstream().link.has_ipv6);
    run("ip link set eth9 mtu 1500; echo 1 > /proc/sys/net/ipv6/conf/eth9/disable_ipv6");
    EXPECT_FALSE(upstream().link.has_ipv6);
    run("ip link set br0 down");
    EXPECT_FALSE(downstream().running);
    run("ip link set eth9 master br0");
    EXPECT_EQ(upstream().link.bridge, "br0");
    run("ip link del eth9");
    EXPECT_FALSE(upstream().link.exists);
}

TEST_F(SystemFactsTest, ReadsTheSettings) {
    EXPECT_THAT(look().forwarding, Optional(false));
    run("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    run("echo 0 > /proc/sys/net/ipv6/conf/br0/forwarding");
    EXPECT_THAT(look().forwarding, Optional(true));
    EXPECT_THAT(upstream().link.forwarding, Optional(true));
    EXPECT_THAT(downstream().forwarding, Optional(false));

    EXPECT_THAT(upstream().proxy_ndp, Optional(false));
    run("echo 1 > /proc/sys/net/ipv6/conf/all/proxy_ndp");
    EXPECT_THAT(upstream().proxy_ndp, Optional(true)) << "the kernel asks for one of the two";
}

TEST_F(SystemFactsTest, CountsTheProxyEntriesOfTheUpstream) {
    EXPECT_THAT(upstream().proxy_entries, Optional(0U));
    run("ip -6 neigh add proxy 2001:db8:1::5 dev br0");
    run("ip -6 neigh add 2001:db8:1::6 lladdr 02:00:00:00:00:01 dev eth9");
    EXPECT_THAT(upstream().proxy_entries, Optional(0U)) << "another's, and one that is none";
    run("ip -6 neigh add proxy 2001:db8:1::5 dev eth9");
    run("ip -6 neigh add proxy 2001:db8:1::6 dev eth9");
    EXPECT_THAT(upstream().proxy_entries, Optional(2U));
}

TEST_F(SystemFactsTest, AConfiguredPrefixNeedsNoOther) {
    run("ip -6 addr flush dev eth9 scope global");
    EXPECT_FALSE(upstream().has_prefix);
    Config fixed = config();
    fixed.upstreams[0].prefixes = {Ipv6Prefix::parse("2001:db8:1::/64").value()};
    EXPECT_TRUE(gather_system_facts(fixed, std::nullopt).upstreams[0].has_prefix);
    run("ip -6 route add 2001:db8:2::/64 dev eth9");
    EXPECT_TRUE(upstream().has_prefix);
}

TEST_F(SystemFactsTest, ReportsLeaveUnlessAFirewallDropsThem) {
    EXPECT_THAT(upstream().reports_leave, Optional(true));
    run("nft 'table ip6 fw { chain out { type filter hook output priority 0; icmpv6 type { 131, "
        "132, 143 } drop; }; }'");
    EXPECT_THAT(upstream().reports_leave, Optional(false));
    run("nft delete table ip6 fw");
    EXPECT_THAT(upstream().reports_leave, Optional(true));
}

TEST_F(SystemFactsTest, NothingIsSaidOfReportsThatAreNotSent) {
    run("ip link set eth9 down");
    EXPECT_EQ(try_mld_report("eth9", if_nametoindex("eth9"), {}, 50ms), std::nullopt);
    EXPECT_EQ(try_mld_report("none", 999, {}, 50ms), std::nullopt);
}

TEST_F(SystemFactsTest, TheTrialIsOver) {
    const Ifindex eth9 = if_nametoindex("eth9");
    const auto before = read_kernel_groups()[eth9];
    const SystemFacts facts = look();
    EXPECT_EQ(facts.upstreams[0].kernel_groups, before);
    EXPECT_EQ(read_kernel_groups()[eth9], before);
}

TEST_F(SystemFactsTest, FindsHostsToWhichTheKernelSendsElsewhere) {
    SystemFacts::Daemon daemon;
    daemon.state.emplace();
    for (const char* address : {"2001:db8:1::11:1", "2001:db8:1::11:2", "2001:db8:1::11:3"}) {
        StateSnapshot::Host& host = daemon.state->hosts.emplace_back();
        host.address = address;
        host.downstream = "br0";
        host.state = "confirmed";
        host.joined = true;
    }
    daemon.state->hosts[2].state = "absent";
    const auto misrouted = [&] {
        std::vector<std::string> addresses;
        const SystemFacts facts = gather_system_facts(config(), daemon);
        for (const auto& host : facts.upstreams.at(0).misrouted) {
            EXPECT_EQ(host.downstream, "br0");
            addresses.push_back(host.address);
        }
        return addresses;
    };
    EXPECT_THAT(misrouted(), IsEmpty());
    run("ip -6 route del 2001:db8:1::/64 dev br0");
    EXPECT_THAT(misrouted(), ElementsAre("2001:db8:1::11:1", "2001:db8:1::11:2"));
    run("ip -6 route add 2001:db8:1::11:1/128 dev br0");  // a host's own route is as good
    EXPECT_THAT(misrouted(), ElementsAre("2001:db8:1::11:2"));
    run("ip -6 route del 2001:db8:1::/64 dev eth9");
    EXPECT_THAT(misrouted(), IsEmpty()) << "no way at all is not the upstream's";
}

TEST_F(SystemFactsTest, TheSurveySeesEveryInterfaceOnce) {
    std::vector<std::string> names;
    for (const LinkSeen& link : survey_links().links) {
        names.push_back(link.name);
    }
    for (const char* name : {"lo", "eth9", "gateway", "br0", "lan0", "host0"}) {
        EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
    }
}

/// A process that changes itself, and then waits to be killed.
class Child {
public:
    template <typename Change>
    explicit Child(Change change) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        const Fd ready(ends[0]);
        Fd report(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            change();
            static_cast<void>(::write(report.get(), "x", 1));
            for (;;) {
                ::pause();
            }
        }
        report = Fd();
        char byte = 0;
        EXPECT_EQ(::read(ready.get(), &byte, 1), 1);
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }

private:
    pid_t pid_ = -1;
};

TEST(Processes, AreFoundByNameInThisNetworkOnly) {
    enter_fresh_network();
    constexpr std::array<std::string_view, 2> kNames{"other", "some-ndppd"};
    EXPECT_THAT(runs_here(kNames), Optional(false));
    {
        const Child abroad([] {
            ::prctl(PR_SET_NAME, "some-ndppd");
            ::unshare(CLONE_NEWNET);
        });
        EXPECT_THAT(runs_here(kNames), Optional(false));
        const Child here([] { ::prctl(PR_SET_NAME, "some-ndppd"); });
        EXPECT_THAT(runs_here(kNames), Optional(true));
    }
    EXPECT_THAT(runs_here(kNames), Optional(false));
}

TEST(Processes, HiddenOnesMayBeThere) {
    run("mount -t proc -o hidepid=2 proc /proc");
    static constexpr std::array<std::string_view, 1> kNames{"some-ndppd"};
    const Child here([] { ::prctl(PR_SET_NAME, "some-ndppd"); });
    EXPECT_THAT(runs_here(kNames), Optional(true)) << "root sees all";
    constexpr uid_t kNobody = 65534;
    enum { saw_what_is_right = 10, saw_what_is_wrong, stayed_root };
    const pid_t user = ::fork();
    if (user == 0) {
        ::_exit(::setresuid(kNobody, kNobody, kNobody) != 0 ? stayed_root
                : runs_here(kNames) == std::nullopt         ? saw_what_is_right
                                                            : saw_what_is_wrong);
    }
    int status = 0;
    ::waitpid(user, &status, 0);
    run("umount /proc");
    if (WEXITSTATUS(status) == stayed_root) {
        GTEST_SKIP() << "this user cannot become another one: run it as root";
    }
    EXPECT_EQ(WEXITSTATUS(status), saw_what_is_right);
}

TEST(Processes, TellTheirCapabilities) {
    const auto has = [](pid_t pid, unsigned bit) {
        return (effective_capabilities(pid).value() >> bit & 1U) != 0;
    };
    EXPECT_TRUE(has(::getpid(), CAP_NET_ADMIN));
    EXPECT_TRUE(has(::getpid(), CAP_NET_RAW));
    const Child without([] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
        ::syscall(SYS_capget, &header, sets.data());
        sets[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &= ~CAP_TO_MASK(CAP_NET_ADMIN);
        ::syscall(SYS_capset, &header, sets.data());
    });
    EXPECT_FALSE(has(without.pid(), CAP_NET_ADMIN));
    EXPECT_TRUE(has(without.pid(), CAP_NET_RAW));
    EXPECT_EQ(effective_capabilities(0), std::nullopt);
}

}  // namespace
}  // namespace solicitd::io
