#include "state_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

StateSnapshot state_of_a_router() {
    StateSnapshot state;
    state.version = "0.1.0";
    state.pid = 812;
    state.uptime = 7509s;
    state.ready = true;
    state.host_timeout = 300s;
    state.linger = 1800s;
    state.max_hosts = 4096;
    state.max_groups = 1024;
    state.max_hosts_per_mac = 64;
    state.announce = "auto";
    state.announce_interval = 60s;
    state.upstreams = {{{"eth9", 3, "usable", "02:00:00:00:00:09"},
                        {"br0", "br1"},
                        {{"2001:db8::/64", "route"}},
                        {{"ff02::1:ff00:10", "failed", 1, ENOMEM, false, 2, 125s, 0s},
                         {"ff02::1:ff00:1", "held", 1, 0, false, 0, std::nullopt, 7508s},
                         {"ff02::1:ff00:2", "held", 2, 0, false, 37, 41s, 7s}},
                        {"present", "fe80::a", 1, 2, 125s, 43s},
                        1,
                        {"joins-failing", "reports-discarded"}},
                       {{"ppp0", 0, "absent", ""}, {"br2"}, {}, {}, {}, 2, {}}};
    state.downstreams = {{"br0", 4, "usable", "02:00:00:00:00:0a"},
                         {"br1", 5, "down", "02:00:00:00:00:0b"},
                         {"br2", 6, "usable", "02:00:00:00:00:0c"}};
    state.hosts = {
        {"2001:db8::10", "br1", "", "absent", "saved", 4000s, 3999s, true, "ff02::1:ff00:10"},
        {"2001:db8::2", "br0", "02:00:00:00:01:02", "confirmed", "dad-ns", 273600s, 252s, true,
         "ff02::1:ff00:2"},
        {"2001:db8:ffff:ffff:ffff:ffff:ff00:2", "br0", "02:00:00:00:01:02", "tentative", "neighbor",
         5s, 5s, false, "ff02::1:ff00:2"},
        {"2001:db8::1", "br0", "02:00:00:00:00:0a", "own", "own-address", 7509s, 7509s, true,
         "ff02::1:ff00:1"},
    };
    state.counters = {{"groups.joins", 4}, {"groups.join-failures", 1}, {"probes.sent", 0}};
    return state;
}

TEST(StateTable, ShowsAWholeRouter) {
    EXPECT_EQ(render_table(state_of_a_router()),
              R"(solicitd 0.1.0 (pid 812), up 2h05m, ready
4 hosts (room for 4096), 3 groups (2 held); at most 1024 groups an upstream, 64 hosts a MAC
a host is asked after 5m00s of silence, and left after 30m00s without an answer
announces every 1m00s while no querier is heard

INTERFACE  STATE   MAC                ROLE
eth9       usable  02:00:00:00:00:09  upstream of br0 br1
ppp0       absent  -                  upstream of br2
br0        usable  02:00:00:00:00:0a  downstream
br1        down    02:00:00:00:00:0b  downstream
br2        usable  02:00:00:00:00:0c  downstream

UPSTREAM  QUERIER  ADDRESS  VERSION  HEARD  REPORTS  PROBLEMS
eth9      present  fe80::a  v1       43s    v1       joins-failing, reports-discarded
ppp0      unknown  -        -        -      v2       -

PREFIX         UPSTREAM  SOURCE
2001:db8::/64  eth9      route
none           ppp0      nothing can be joined

HOST                                 DOWNSTREAM  STATE      SILENT  KNOWN  EVIDENCE     JOINED  MAC
2001:db8::1                          br0         own        -       2h05m  own-address  yes     02:00:00:00:00:0a
2001:db8::2                          br0         confirmed  4m12s   3d04h  dad-ns       yes     02:00:00:00:01:02
2001:db8::10                         br1         absent     1h06m   1h06m  saved        yes     -
2001:db8:ffff:ffff:ffff:ffff:ff00:2  br0         tentative  5s      5s     neighbor     no      02:00:00:00:01:02

GROUP            UPSTREAM  HOSTS  ASKED  LAST   HELD   STATE
ff02::1:ff00:1   eth9      1      0      -      2h05m  held
ff02::1:ff00:2   eth9      2      37     41s    7s     held
ff02::1:ff00:10  eth9      1      2      2m05s  -      failed: Cannot allocate memory

COUNTER               VALUE
groups.join-failures  1
groups.joins          4
)");
}

TEST(StateTable, ShowsOnlyWhatThereIs) {
    StateSnapshot state;
    state.version = "0.1.0";
    state.pid = 1;
    state.host_timeout = 300s;
    state.max_hosts = 1;
    EXPECT_EQ(render_table(state), R"(solicitd 0.1.0 (pid 1), up 0s, still starting
0 hosts (room for 1), 0 groups (0 held)
a host is asked after 5m00s of silence, and left after 0s without an answer
)");
}

TEST(StateTable, SaysHowItAnnounces) {
    StateSnapshot state;
    state.announce_interval = 90s;
    const auto said = [&](const std::string& mode) {
        state.announce = mode;
        const std::string text = render_table(state);
        return text.substr(text.find("without an answer\n") + 18);
    };
    EXPECT_EQ(said("auto"), "announces every 1m30s while no querier is heard\n");
    EXPECT_EQ(said("always"), "announces every 1m30s\n");
    EXPECT_EQ(said("never"), "never announces\n");
    EXPECT_EQ(said(""), "");  // a daemon of an earlier release
}

TEST(StateTable, AgesHaveTheTwoLargestUnits) {
    StateSnapshot state = state_of_a_router();
    const auto up = [&](std::chrono::seconds uptime) {
        state.uptime = uptime;
        const std::string text = render_table(state);
        const std::size_t begin = text.find("up ") + 3;
        return text.substr(begin, text.find(',', begin) - begin);
    };
    EXPECT_EQ(up(-1s), "0s");
    EXPECT_EQ(up(59s), "59s");
    EXPECT_EQ(up(60s), "1m00s");
    EXPECT_EQ(up(3599s), "59m59s");
    EXPECT_EQ(up(3600s), "1h00m");
    EXPECT_EQ(up(86'399s), "23h59m");
    EXPECT_EQ(up(86'400s), "1d00h");
    EXPECT_EQ(up(400 * 86'400s + 3h), "400d03h");
}

TEST(StateTable, ANameCannotSpeakToTheTerminal) {
    StateSnapshot state = state_of_a_router();
    state.downstreams.front().name = "br\x1b[2J";
    const std::string text = render_table(state);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("br?[2J"));
}

}  // namespace
}  // namespace solicitd
