#include "io/state_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// No member has the value that it has by default, or the same as another.
StateSnapshot full_state() {
    StateSnapshot state;
    state.version = "0.1.0";
    state.pid = 4'000'000'000;
    state.written_at = 1'800'000'000;
    state.uptime = 7509s;
    state.ready = true;
    state.host_timeout = 300s;
    state.linger = 1800s;
    state.max_hosts = 4096;
    state.max_groups = 1024;
    state.max_hosts_per_mac = 64;
    state.announce = "always";
    state.announce_interval = 61s;
    state.upstreams = {
        {{"eth9", 3, "usable", "02:00:00:00:00:09"},
         {"br0", "br1"},
         {{"2001:db8::/64", "route"}, {"2001:db8:1::/64", "config"}},
         {{"ff02::1:ff00:1", "held", 2, 0, false, 37, 41s, 7200s},
          {"ff02::1:ff00:2", "failed", 1, 12, true, 0, std::nullopt, 0s}},
         {"present", "fe80::a", 1, 3, 126s, 43s},
         1,
         {"joins-failing", "reports-discarded"}},
        {{"ppp0", 0, "absent", ""}, {"br2"}, {}, {}, {}, 2, {}},
    };
    state.downstreams = {{"br0", 4, "usable", "02:00:00:00:00:0a"},
                         {"br1", 5, "down", "02:00:00:00:00:0b"},
                         {"br2", 0, "absent", ""}};
    state.hosts = {
        {"2001:db8::1", "br0", "02:00:00:00:01:01", "confirmed", "dad-ns", 3720s, 252s, true,
         "ff02::1:ff00:1"},
        {"2001:db8:9::2", "br1", "", "absent", "saved", 60s, 61s, false, "ff02::1:ff00:2"}};
    state.counters = {{"joins", 3},
                      {"nd.defect.checksum", std::numeric_limits<std::uint64_t>::max()}};
    return state;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

std::string refusal_of(const std::string& text) {
    try {
        static_cast<void>(state_from_json(text));
    } catch (const StateFormatError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(StateJson, HasEveryFieldInTheOrderOfTheDocumentation) {
    EXPECT_EQ(to_json(full_state()), R"({
  "format_version": 1,
  "version": "0.1.0",
  "pid": 4000000000,
  "written_at": 1800000000,
  "uptime": 7509,
  "ready": true,
  "host_timeout": 300,
  "linger": 1800,
  "max_hosts": 4096,
  "max_groups": 1024,
  "max_hosts_per_mac": 64,
  "announce": "always",
  "announce_interval": 61,
  "upstreams": [
    {
      "name": "eth9",
      "index": 3,
      "state": "usable",
      "mac": "02:00:00:00:00:09",
      "downstreams": [
        "br0",
        "br1"
      ],
      "prefixes": [
        {
          "prefix": "2001:db8::/64",
          "source": "route"
        },
        {
          "prefix": "2001:db8:1::/64",
          "source": "config"
        }
      ],
      "querier": {
        "state": "present",
        "address": "fe80::a",
        "version": 1,
        "robustness": 3,
        "interval": 126,
        "last_heard": 43
      },
      "report_version": 1,
      "problems": [
        "joins-failing",
        "reports-discarded"
      ],
      "groups": [
        {
          "group": "ff02::1:ff00:1",
          "state": "held",
          "hosts": 2,
          "errno": 0,
          "leased": false,
          "asked": 37,
          "last_asked": 41,
          "held_for": 7200
        },
        {
          "group": "ff02::1:ff00:2",
          "state": "failed",
          "hosts": 1,
          "errno": 12,
          "leased": true,
          "asked": 0,
          "last_asked": null,
          "held_for": 0
        }
      ]
    },
    {
      "name": "ppp0",
      "index": null,
      "state": "absent",
      "mac": null,
      "downstreams": [
        "br2"
      ],
      "prefixes": [],
      "querier": {
        "state": "unknown",
        "address": null,
        "version": null,
        "robustness": null,
        "interval": null,
        "last_heard": null
      },
      "report_version": 2,
      "problems": [],
      "groups": []
    }
  ],
  "downstreams": [
    {
      "name": "br0",
      "index": 4,
      "state": "usable",
      "mac": "02:00:00:00:00:0a"
    },
    {
      "name": "br1",
      "index": 5,
      "state": "down",
      "mac": "02:00:00:00:00:0b"
    },
    {
      "name": "br2",
      "index": null,
      "state": "absent",
      "mac": null
    }
  ],
  "hosts": [
    {
      "address": "2001:db8::1",
      "downstream": "br0",
      "mac": "02:00:00:00:01:01",
      "state": "confirmed",
      "evidence": "dad-ns",
      "known": 3720,
      "silent": 252,
      "joined": true,
      "group": "ff02::1:ff00:1"
    },
    {
      "address": "2001:db8:9::2",
      "downstream": "br1",
      "mac": null,
      "state": "absent",
      "evidence": "saved",
      "known": 60,
      "silent": 61,
      "joined": false,
      "group": "ff02::1:ff00:2"
    }
  ],
  "counters": {
    "joins": 3,
    "nd.defect.checksum": 18446744073709551615
  }
}
)");
}

TEST(StateJson, AnEmptyStateKeepsItsLists) {
    const std::string text = to_json(StateSnapshot{});
    EXPECT_THAT(text, AllOf(HasSubstr("\"upstreams\": []"), HasSubstr("\"downstreams\": []"),
                            HasSubstr("\"hosts\": []"), HasSubstr("\"counters\": {}")));
    EXPECT_EQ(to_json(state_from_json(text)), text);
}

// The text has every field (the first test), so equal texts are equal states.
TEST(StateJson, ReadsWhatItWrote) {
    const std::string text = to_json(full_state());
    EXPECT_EQ(to_json(state_from_json(text)), text);
}

TEST(StateJson, AnEvidenceThatALaterReleaseAddedIsRead) {
    const std::string text = replaced(to_json(full_state()), "\"dad-ns\"", "\"rumor\"");
    EXPECT_EQ(state_from_json(text).hosts.front().evidence, "rumor");
}

TEST(StateJson, WhatAnEarlierReleaseDidNotWriteHasItsDefault) {
    StateSnapshot expected = full_state();
    expected.announce = "";
    expected.announce_interval = 0s;
    StateSnapshot::Upstream& upstream = expected.upstreams.front();
    upstream.querier = {};
    upstream.report_version = 2;
    upstream.problems.clear();
    StateSnapshot::Group& group = upstream.groups.front();
    group.asked = 0;
    group.last_asked.reset();
    group.held_for = 0s;

    std::string text = to_json(full_state());
    for (const std::string key : {"announce", "announce_interval", "querier", "report_version",
                                  "problems", "asked", "last_asked", "held_for"}) {
        text = replaced(text, '"' + key + '"', "\"x-" + key + '"');  // of the first, if several
    }
    EXPECT_EQ(to_json(state_from_json(text)), to_json(expected));
}

TEST(StateJson, AnInterfaceNameThatIsNotUtf8IsStillWritten) {
    StateSnapshot state;
    state.downstreams = {{"br\xff", 4, "usable", ""}};
    EXPECT_EQ(state_from_json(to_json(state)).downstreams.front().name, "br\xEF\xBF\xBD");
}

TEST(StateJson, AKeyThatALaterReleaseAddedIsPassedOver) {
    const std::string text = to_json(full_state());
    EXPECT_EQ(to_json(state_from_json(replaced(text, "\"pid\"", "\"new\": {}, \"pid\""))), text);
}

TEST(StateJson, AnotherVersionIsRefusedByItsNumber) {
    EXPECT_EQ(refusal_of(R"({"format_version": 2, "hosts": "of another kind"})"),
              "not a state document of solicitd: it has format version 2, this program reads 1");
}

TEST(StateJson, DamagedTextIsRefusedWithItsPlace) {
    const std::string text = to_json(full_state());
    EXPECT_THAT(refusal_of(""), HasSubstr("not a state document of solicitd: parse error"));
    EXPECT_THAT(refusal_of(text.substr(0, text.size() / 2)), HasSubstr("parse error at line"));
    EXPECT_THAT(refusal_of("[]"), HasSubstr("not a state document"));
    EXPECT_THAT(refusal_of("\x7F"), HasSubstr("\\x7f"));
    EXPECT_THAT(refusal_of("{}"), HasSubstr("key 'format_version' not found"));
    EXPECT_THAT(refusal_of(replaced(text, "\"silent\"", "\"Silent\"")),
                HasSubstr("key 'silent' not found"));
    EXPECT_THAT(refusal_of(replaced(text, "\"br0\"", "7")), HasSubstr("must be string"));
    EXPECT_THAT(refusal_of(replaced(text, "\"dad-ns\"", "7")), HasSubstr("must be string"));
    EXPECT_THAT(refusal_of(replaced(text, "\"querier\": {", "\"querier\": 1, \"x\": {")),
                HasSubstr("querier"));
    EXPECT_THAT(refusal_of(replaced(text, "\"robustness\": 3", "\"robustness\": 3.5")),
                HasSubstr("\"robustness\" must be a whole number"));
    EXPECT_THAT(refusal_of(replaced(text, "\"hosts\": [", "\"hosts\": 1, \"x\": [")),
                HasSubstr("must be array"));
}

TEST(StateJson, ANumberThatDoesNotFitIsRefusedAndNotCut) {
    const std::string text = to_json(full_state());
    EXPECT_EQ(refusal_of(replaced(text, "4000000000", "4294967296")),
              "not a state document of solicitd: \"pid\" must be a whole number up to 4294967295, "
              "but is 4294967296");
    EXPECT_THAT(refusal_of(replaced(text, "4000000000", "-1")), HasSubstr("but is -1"));
    EXPECT_THAT(refusal_of(replaced(text, "4000000000", "1.5")), HasSubstr("but is 1.5"));
    EXPECT_THAT(refusal_of(replaced(text, "4000000000", "true")), HasSubstr("but is true"));
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_THAT(refusal_of(replaced(text, "4000000000", deep)), HasSubstr("more than 32 lists"));
    EXPECT_THAT(refusal_of(replaced(text, "\"joins\": 3", "\"joins\": -3")),
                HasSubstr("\"joins\" must be a whole number"));
}

}  // namespace
}  // namespace solicitd::io
