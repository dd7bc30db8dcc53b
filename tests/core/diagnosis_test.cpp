#include "core/diagnosis/diagnosis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kHost = "2001:db8:1::11:1";
constexpr const char* kOwn = "2001:db8:1::3";

Ipv6Address address(const std::string& text) {
    return Ipv6Address::parse(text).value();
}

std::string group_text(const std::string& host) {
    return SolicitedNodeGroup::of(address(host)).address().to_string();
}

OnLinkRoute route(Ifindex index, std::uint32_t metric, std::uint32_t table = 254) {
    return {index, Ipv6Prefix(address("2001:db8:1::"), 64), table, metric};
}

StateSnapshot::Host host(const std::string& text, const std::string& state) {
    StateSnapshot::Host described;
    described.address = text;
    described.downstream = "br0";
    described.state = state;
    described.joined = true;
    described.group = group_text(text);
    return described;
}

StateSnapshot::Group group(const std::string& of_host) {
    StateSnapshot::Group described;
    described.group = group_text(of_host);
    described.state = "held";
    described.hosts = 1;
    described.asked = 3;
    described.held_for = 3600s;
    return described;
}

SystemFacts::Interface usable(const std::string& name, Ifindex index, std::uint32_t metric) {
    SystemFacts::Interface link;
    link.name = name;
    link.exists = link.running = link.has_ipv6 = true;
    link.forwarding = true;
    link.routes = {route(index, metric)};
    return link;
}

/// eth9 and br0 as in docs/architecture.md, ndppd, and a daemon that serves one host.
SystemFacts healthy() {
    StateSnapshot state;
    state.version = "0.1.0";
    state.ready = true;
    state.host_timeout = 300s;
    state.announce = "auto";
    state.announce_interval = 90s;
    state.hosts = {host(kHost, "confirmed"), host(kOwn, "own")};
    StateSnapshot::Upstream served;
    served.interface = {"eth9", 2, "usable", "02:00:00:00:00:09"};
    served.downstreams = {"br0"};
    served.querier.state = "present";
    served.groups = {group(kHost), group(kOwn)};
    served.groups[1].asked = 0;
    state.upstreams = {served};

    SystemFacts::Upstream upstream;
    upstream.link = usable("eth9", 2, 1024);
    upstream.downstreams = {"br0"};
    upstream.has_prefix = true;
    upstream.proxy_ndp = false;
    upstream.proxy_entries = 0;
    upstream.kernel_groups = {SolicitedNodeGroup::of(address(kOwn)),
                              SolicitedNodeGroup::of(address(kHost))};
    upstream.reports_leave = true;

    SystemFacts facts;
    facts.kernel = KernelVersion{6, 18};
    facts.forwarding = true;
    facts.proxy_process = true;
    facts.optmem_max = 131072;
    facts.upstreams = {upstream};
    facts.downstreams = {usable("br0", 3, 256)};
    facts.downstreams[0].snooping_bridge = true;
    facts.downstreams[0].multicast_router = false;
    facts.daemon = SystemFacts::Daemon{812, state, 1ULL << 12U | 1ULL << 13U};
    return facts;
}

StateSnapshot& state_of(SystemFacts& facts) {
    return facts.daemon->state.value();
}
StateSnapshot::Upstream& served(SystemFacts& facts) {
    return state_of(facts).upstreams[0];
}

/// "id interface" each.
std::vector<std::string> found(const SystemFacts& facts) {
    std::vector<std::string> ids;
    for (const Finding& finding : diagnose(facts)) {
        EXPECT_THAT(finding.text, Not(IsEmpty()));
        EXPECT_THAT(finding.remedy, Not(IsEmpty()));
        ids.push_back(std::string(to_string(finding.id)) +
                      (finding.interface.empty() ? "" : ' ' + finding.interface));
    }
    return ids;
}

TEST(Diagnosis, AHealthySystemYieldsNothing) {
    EXPECT_THAT(found(healthy()), IsEmpty());
    EXPECT_THAT(unseen(healthy()), IsEmpty());

    SystemFacts without_daemon = healthy();
    without_daemon.daemon.reset();
    EXPECT_THAT(found(without_daemon), IsEmpty());
    EXPECT_THAT(unseen(without_daemon), ElementsAre(HasSubstr("querier")));

    SystemFacts young = healthy();
    served(young).querier.state = "unknown";
    EXPECT_THAT(found(young), IsEmpty());
    EXPECT_THAT(unseen(young), ElementsAre(HasSubstr("no MLD query has been heard yet")));
}

TEST(Diagnosis, NothingIsClaimedAboutWhatWasNotSeen) {
    SystemFacts facts = healthy();
    facts.kernel.reset();
    facts.capture = CaptureMode::allmulti;
    facts.forwarding.reset();
    facts.proxy_process.reset();
    facts.optmem_max.reset();
    facts.daemon->capabilities.reset();
    SystemFacts::Upstream& upstream = facts.upstreams[0];
    upstream.link.forwarding.reset();
    upstream.proxy_ndp.reset();
    upstream.proxy_entries.reset();
    upstream.kernel_groups.reset();
    upstream.reports_leave.reset();
    facts.downstreams[0].forwarding.reset();
    EXPECT_THAT(found(facts), IsEmpty());
    EXPECT_THAT(unseen(facts), testing::SizeIs(7));

    upstream.link.exists = false;  // and of what is not there, one thing is said
    EXPECT_THAT(unseen(facts), testing::SizeIs(4));
}

struct Case {
    const char* name;
    std::function<void(SystemFacts&)> change;
    std::vector<std::string> findings;
};

class EachRule : public testing::TestWithParam<Case> {};

TEST_P(EachRule, FindsWhatItIsFor) {
    SystemFacts facts = healthy();
    GetParam().change(facts);
    EXPECT_EQ(found(facts), GetParam().findings);
}

using Facts = SystemFacts;

std::string case_name(const testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Interfaces, EachRule,
    testing::Values(
        Case{"absent",
             [](Facts& f) { f.upstreams[0].link = {}, f.upstreams[0].link.name = "eth9"; },
             {"absent eth9"}},
        Case{
            "absent_downstream", [](Facts& f) { f.downstreams[0].exists = false; }, {"absent br0"}},
        Case{"down", [](Facts& f) { f.upstreams[0].link.running = false; }, {"down eth9"}},
        Case{"no_ipv6", [](Facts& f) { f.downstreams[0].has_ipv6 = false; }, {"no-ipv6 br0"}},
        Case{"bridge_port", [](Facts& f) { f.downstreams[0].bridge = "br1"; }, {"bridge-port br0"}},
        Case{"a_down_upstream_is_the_only_cause",
             [](Facts& f) {
                 f.upstreams[0].link.running = false;
                 f.upstreams[0].has_prefix = false;
                 f.proxy_process = false;
                 served(f).querier.state = "absent";
                 served(f).problems = {"down", "no-prefix", "no-querier"};
             },
             {"down eth9"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Forwarding, EachRule,
    testing::Values(Case{"off", [](Facts& f) { f.forwarding = false; }, {"forwarding-off"}},
                    Case{"off_everywhere_is_said_once",
                         [](Facts& f) {
                             f.forwarding = false;
                             f.upstreams[0].link.forwarding = f.downstreams[0].forwarding = false;
                         },
                         {"forwarding-off"}},
                    Case{"forced",
                         [](Facts& f) {
                             f.forwarding = false;
                             f.upstreams[0].link.force_forwarding =
                                 f.downstreams[0].force_forwarding = true;
                         },
                         {}},
                    Case{"forced_one_way",
                         [](Facts& f) {
                             f.forwarding = false;
                             f.upstreams[0].link.force_forwarding = true;
                         },
                         {"forwarding-off br0"}},
                    Case{"hosts_see_no_router",
                         [](Facts& f) { f.downstreams[0].forwarding = false; },
                         {"forwarding-off br0"}},
                    // What ndppd serves needs no more than conf.all: an upstream that lives on
                    // Router Advertisements is often left so.
                    Case{"a_host_towards_the_gateway",
                         [](Facts& f) { f.upstreams[0].link.forwarding = false; },
                         {}},
                    Case{"the_kernels_proxy_needs_it",
                         [](Facts& f) {
                             f.proxy_process = false;
                             f.upstreams[0].proxy_ndp = true;
                             f.upstreams[0].proxy_entries = 1;
                             f.upstreams[0].link.forwarding = false;
                         },
                         {"forwarding-off eth9"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Proxy, EachRule,
    testing::Values(Case{"none", [](Facts& f) { f.proxy_process = false; }, {"no-nd-proxy eth9"}},
                    Case{"the_kernel",
                         [](Facts& f) {
                             f.proxy_process = false;
                             f.upstreams[0].proxy_ndp = true;
                             f.upstreams[0].proxy_entries = 1;
                         },
                         {}},
                    Case{"a_setting_without_entries",
                         [](Facts& f) {
                             f.proxy_process = false;
                             f.upstreams[0].proxy_ndp = true;
                         },
                         {"no-nd-proxy eth9"}},
                    Case{"entries_without_the_setting",
                         [](Facts& f) {
                             f.proxy_process = false;
                             f.upstreams[0].proxy_entries = 5;
                         },
                         {"no-nd-proxy eth9"}},
                    Case{"processes_are_hidden", [](Facts& f) { f.proxy_process.reset(); }, {}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Routes, EachRule,
    testing::Values(
        Case{"equal",
             [](Facts& f) { f.upstreams[0].link.routes = {route(2, 256)}; },
             {"wrong-route br0"}},
        Case{"worse",
             [](Facts& f) { f.downstreams[0].routes = {route(3, 2048)}; },
             {"wrong-route br0"}},
        Case{"better_by_one", [](Facts& f) { f.upstreams[0].link.routes = {route(2, 257)}; }, {}},
        Case{"the_best_of_several_counts",
             [](Facts& f) {
                 f.downstreams[0].routes = {route(3, 4096), route(3, 256)};
             },
             {}},
        Case{"so_it_does_upstream",
             [](Facts& f) {
                 f.upstreams[0].link.routes = {route(2, 4096), route(2, 128), route(2, 1024)};
             },
             {"wrong-route br0"}},
        Case{
            "another_table", [](Facts& f) { f.downstreams[0].routes = {route(3, 4096, 100)}; }, {}},
        Case{
            "another_prefix",
            [](Facts& f) {
                f.downstreams[0].routes = {{3, Ipv6Prefix(address("2001:db8:2::"), 64), 254, 4096}};
            },
            {}},
        Case{"one_of_two_downstreams_is_enough",
             [](Facts& f) {
                 f.upstreams[0].downstreams = {"br0", "br1"};
                 served(f).downstreams = {"br0", "br1"};
                 f.downstreams.push_back(usable("br1", 4, 4096));
             },
             {}},
        Case{"a_downstream_of_another_upstream_is_not",
             [](Facts& f) {
                 f.downstreams[0].routes = {route(3, 2048)};
                 f.downstreams.push_back(usable("br1", 4, 256));
             },
             {"wrong-route br0"}},
        Case{"no_route_to_a_host",
             [](Facts& f) {
                 f.downstreams[0].routes.clear();
                 f.upstreams[0].misrouted = {{kHost, "br0"}, {kOwn, "br0"}};
             },
             {"wrong-route br0"}},
        Case{"a_down_downstream_explains_it",
             [](Facts& f) {
                 f.downstreams[0].running = false;
                 f.upstreams[0].misrouted = {{kHost, "br0"}};
             },
             {"down br0"}},
        Case{"the_metrics_explain_it",
             [](Facts& f) {
                 f.downstreams[0].routes = {route(3, 2048)};
                 f.upstreams[0].misrouted = {{kHost, "br0"}};
             },
             {"wrong-route br0"}},
        Case{"no_prefix", [](Facts& f) { f.upstreams[0].has_prefix = false; }, {"no-prefix eth9"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Capture, EachRule,
    testing::Values(Case{"old_kernel",
                         [](Facts& f) {
                             f.capture = CaptureMode::allmulti, f.kernel = KernelVersion{6, 15};
                         },
                         {"deaf-capture br0"}},
                    Case{"new_kernel",
                         [](Facts& f) {
                             f.capture = CaptureMode::allmulti, f.kernel = KernelVersion{6, 16};
                         },
                         {}},
                    Case{"auto_that_may_not",
                         [](Facts& f) {
                             f.kernel = KernelVersion{4, 19};
                         },
                         {"deaf-capture br0"}},
                    Case{"auto_before_the_daemon_runs",
                         [](Facts& f) {
                             f.kernel = KernelVersion{4, 19};
                             f.daemon.reset();
                         },
                         {}},
                    Case{"a_multicast_router",
                         [](Facts& f) {
                             f.kernel = KernelVersion{4, 19};
                             f.downstreams[0].multicast_router = true;
                         },
                         {}},
                    Case{"a_bridge_that_went_away",
                         [](Facts& f) {
                             f.kernel = KernelVersion{4, 19};
                             f.downstreams[0].multicast_router.reset();
                         },
                         {}},
                    Case{"promisc",
                         [](Facts& f) {
                             f.capture = CaptureMode::promisc, f.kernel = KernelVersion{4, 19};
                         },
                         {}},
                    Case{"old_kernel_and_no_snooping",
                         [](Facts& f) {
                             f.capture = CaptureMode::allmulti;
                             f.kernel = KernelVersion{4, 19};
                             f.downstreams[0].snooping_bridge = false;
                         },
                         {}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Daemon, EachRule,
    testing::Values(
        Case{"no_answer", [](Facts& f) { f.daemon->state.reset(); }, {"no-answer"}},
        Case{"no_capabilities", [](Facts& f) { f.daemon->capabilities = 0; }, {"no-capability"}},
        Case{"net_raw_is_enough", [](Facts& f) { f.daemon->capabilities = 1ULL << 13U; }, {}},
        Case{"serves_others",
             [](Facts& f) { served(f).interface.name = "eth8"; },
             {"not-served eth9"}},
        Case{"serves_not_all",
             [](Facts& f) {
                 f.upstreams[0].downstreams = {"br0", "br1"};
                 f.downstreams.push_back(usable("br1", 4, 4096));
             },
             {"not-served br1"}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Groups, EachRule,
    testing::Values(
        Case{"reports_discarded",
             [](Facts& f) { f.upstreams[0].reports_leave = false; },
             {"reports-discarded eth9"}},
        Case{"no_querier",
             [](Facts& f) { served(f).querier.state = "absent"; },
             {"no-querier eth9"}},
        Case{"no_querier_yet", [](Facts& f) { served(f).querier.state = "unknown"; }, {}},
        Case{"lost",
             [](Facts& f) { f.upstreams[0].kernel_groups->pop_back(); },
             {"groups-lost eth9"}},
        Case{"not_held_yet",
             [](Facts& f) {
                 f.upstreams[0].kernel_groups->pop_back();
                 served(f).groups[0].state = "joining";
             },
             {}},
        Case{"more_in_the_kernel_than_ours",
             [](Facts& f) { f.upstreams[0].kernel_groups->push_back({0xFFFFFF}); },
             {}},
        Case{"never_asked", [](Facts& f) { served(f).groups[0].asked = 0; }, {"never-asked eth9"}},
        Case{"not_held_for_long",
             [](Facts& f) {
                 served(f).groups[0].asked = 0;
                 served(f).groups[0].held_for = 300s;
             },
             {}},
        Case{"another_was_asked",
             [](Facts& f) {
                 served(f).groups[0].asked = 0;
                 served(f).groups[1].asked = 1;
             },
             {}},
        Case{"nobody_to_ask_for",
             [](Facts& f) {
                 served(f).groups[0].asked = 0;
                 state_of(f).hosts[0].state = "absent";
             },
             {}},
        Case{"never_asked_while_we_ask_the_host",
             [](Facts& f) {
                 served(f).groups[0].asked = 0;
                 state_of(f).hosts[0].state = "probing";
             },
             {"never-asked eth9"}},
        Case{"no_groups",
             [](Facts& f) {
                 served(f).groups.clear();
                 state_of(f).hosts.clear();
             },
             {}},
        Case{"no_memory",
             [](Facts& f) {
                 served(f).groups[0].state = "failed";
                 served(f).groups[0].error = ENOMEM;
                 served(f).problems = {"joins-failing"};
             },
             {"optmem-low eth9"}},
        Case{"no_device",
             [](Facts& f) {
                 served(f).groups[0].state = "failed";
                 served(f).groups[0].error = ENODEV;
                 served(f).problems = {"joins-failing"};
             },
             {"joins-failing eth9"}},
        Case{"no_memory_because_there_is_little",
             [](Facts& f) {
                 served(f).groups[0].state = "failed";
                 served(f).groups[0].error = ENOMEM;
                 f.optmem_max = 40;
             },
             {"optmem-low eth9"}},
        Case{"little_option_memory", [](Facts& f) { f.optmem_max = 256 * 56 - 1; }, {"optmem-low"}},
        Case{"enough_option_memory", [](Facts& f) { f.optmem_max = 256 * 56; }, {}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Problems, EachRule,
    testing::Values(
        Case{"said_as_they_are",
             [](Facts& f) {
                 served(f).problems = {"reports-refused", "cannot-watch"};
             },
             {"reports-refused eth9", "cannot-watch eth9"}},
        Case{"no_room", [](Facts& f) { served(f).problems = {"no-room"}; }, {"no-room eth9"}},
        Case{"new_ones_too",
             [](Facts& f) {
                 served(f).problems = {"moon-phase", "high-tide"};
             },
             {"degraded eth9", "degraded eth9"}},
        Case{"not_what_was_said_already",
             [](Facts& f) {
                 served(f).problems = {"no-querier", "no-prefix", "reports-discarded",
                                       "reports-refused"};
                 served(f).querier.state = "absent";
                 f.upstreams[0].has_prefix = false;
                 f.upstreams[0].reports_leave = false;
             },
             {"no-prefix eth9", "reports-discarded eth9", "no-querier eth9"}},
        Case{"not_what_is_over", [](Facts& f) { served(f).problems = {"reports-discarded"}; }, {}},
        Case{"but_what_could_not_be_tried",
             [](Facts& f) {
                 served(f).problems = {"reports-discarded"};
                 f.upstreams[0].reports_leave.reset();
             },
             {"reports-discarded eth9"}}),
    case_name);

TEST(Diagnosis, TheTroubleshootingPageHasARowForEachFinding) {
    std::ifstream page(SOLICITD_TROUBLESHOOTING);
    const std::string text{std::istreambuf_iterator<char>(page), {}};
    for (std::size_t i = 0; i < kFindingIds; ++i) {
        const std::string name{to_string(static_cast<FindingId>(i))};
        EXPECT_NE(text.find("\n| `" + name + "` | "), std::string::npos) << name;
    }
}

TEST(Diagnosis, SaysWhenTheSwitchIsNearItsLimit) {
    SystemFacts facts = healthy();
    auto& groups = served(facts).groups;
    groups.resize(3686, groups[0]);
    EXPECT_THAT(found(facts), IsEmpty());
    groups.push_back(groups[0]);
    EXPECT_THAT(found(facts), ElementsAre("many-groups eth9"));
}

Finding only_finding(const SystemFacts& facts) {
    const std::vector<Finding> findings = diagnose(facts);
    EXPECT_THAT(findings, testing::SizeIs(1));
    return findings.empty() ? Finding{} : findings.front();
}

TEST(Diagnosis, NamesTheSettingAndTheCommand) {
    SystemFacts facts = healthy();
    facts.downstreams[0].name = "br0.7";
    facts.upstreams[0].downstreams = served(facts).downstreams = {"br0.7"};
    facts.downstreams[0].forwarding = false;
    EXPECT_EQ(only_finding(facts),
              (Finding{FindingId::forwarding_off, "br0.7",
                       "no IPv6 forwarding (net.ipv6.conf.br0/7.forwarding = 0): we do not say "
                       "that we are a router, so its hosts drop us",
                       "sysctl -w net.ipv6.conf.br0/7.forwarding=1"}));
}

TEST(Diagnosis, NamesTheRouteThatWouldWin) {
    SystemFacts facts = healthy();
    facts.upstreams[0].link.routes = {route(2, 256, 100)};
    facts.downstreams[0].routes = {route(3, 256, 100)};
    EXPECT_EQ(
        only_finding(facts),
        (Finding{FindingId::wrong_route, "br0",
                 "packets for its hosts may go out of eth9: 2001:db8:1::/64 has metric 256 "
                 "here and 256 there",
                 "ip -6 route add 2001:db8:1::/64 dev br0 metric 128 table 100 (and where the "
                 "network is configured, to keep it)"}));
    facts.upstreams[0].link.routes = {route(2, 1, 100)};
    EXPECT_THAT(only_finding(facts).remedy, HasSubstr("a metric above 1"));

    facts = healthy();
    facts.upstreams[0].misrouted = {{kHost, "br0"}};
    EXPECT_EQ(
        only_finding(facts),
        (Finding{FindingId::wrong_route, "br0",
                 "packets for its host 2001:db8:1::11:1 go out of eth9",
                 "ip -6 route add 2001:db8:1::/64 dev br0 metric 512 (and where the network is "
                 "configured, to keep it); see ip -6 route get 2001:db8:1::11:1, ip -6 rule"}));
}

TEST(Diagnosis, NamesWhatIsLostAndWhatIsMissing) {
    SystemFacts facts = healthy();
    facts.upstreams[0].kernel_groups->pop_back();
    EXPECT_THAT(only_finding(facts).text,
                AllOf(HasSubstr("1 group "), HasSubstr(group_text(kHost))));

    facts = healthy();
    facts.daemon->capabilities = 0;
    EXPECT_THAT(only_finding(facts).text,
                AllOf(HasSubstr("812"), HasSubstr("without CAP_NET_RAW")));
}

TEST(Diagnosis, NamesAProblemThatItDoesNotKnow) {
    SystemFacts facts = healthy();
    served(facts).problems = {"moon-phase"};
    EXPECT_THAT(only_finding(facts).text, HasSubstr("moon-phase"));
}

TEST(Diagnosis, SaysWhoBridgesTheGapOfAQuerier) {
    SystemFacts facts = healthy();
    served(facts).querier.state = "absent";
    EXPECT_THAT(only_finding(facts).remedy, HasSubstr("every 90 s"));
    state_of(facts).announce = "never";
    EXPECT_THAT(only_finding(facts).remedy,
                AllOf(HasSubstr("announce = \"auto\""), Not(HasSubstr("repeats"))));
    state_of(facts).announce.clear();
    EXPECT_THAT(only_finding(facts).remedy, EndsWith("mcast_querier 1)"));
}

}  // namespace
}  // namespace solicitd
