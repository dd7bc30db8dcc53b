#include "status_text.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace solicitd {
namespace {

TEST(StatusText, SaysHowEachUpstreamIs) {
    Engine::Summary summary;
    summary.hosts = 3;
    Engine::Summary::Upstream well;
    well.name = "eth9";
    well.held = 12;
    well.querier = Ipv6Address::parse("fe80::a");
    Engine::Summary::Upstream ill;
    ill.name = "eth8";
    ill.held = 1;
    ill.failed = 2;
    ill.problems = {Problem::joins_failing, Problem::no_room, Problem::no_querier,
                    Problem::reports_discarded};
    ill.announcing = std::chrono::seconds(60);
    Engine::Summary::Upstream absent;
    absent.name = "ppp0";
    absent.problems = {Problem::absent};
    summary.upstreams = {well, ill, absent};
    summary.absent_downstreams = {"br1"};
    EXPECT_EQ(
        status_text(summary),
        "3 hosts; eth9: 12 groups joined, querier fe80::a (v2); eth8: 1 group joined, 2 refused by "
        "the kernel, hosts wait for a group (max-groups), no querier heard, reports dropped by a "
        "firewall, announcing every 60 s; ppp0: waiting for it to exist; waiting for br1");
}

}  // namespace
}  // namespace solicitd
