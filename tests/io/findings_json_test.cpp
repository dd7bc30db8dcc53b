#include "io/check/findings_json.hpp"

#include <gtest/gtest.h>

namespace solicitd::io {
namespace {

TEST(FindingsJson, HasEveryFieldInTheOrderOfTheDocumentation) {
    SystemFacts::Daemon daemon{812, StateSnapshot{}, std::nullopt};
    daemon.state->version = "0.1.0";
    EXPECT_EQ(findings_to_json({{FindingId::down, "eth9", "is down", "ip link set eth9 up"},
                                {FindingId::forwarding_off, "", "no \"forwarding\"", "sysctl"}},
                               {"something could not be looked at"}, &daemon),
              R"({
  "format_version": 1,
  "daemon": {
    "pid": 812,
    "version": "0.1.0"
  },
  "findings": [
    {
      "id": "down",
      "interface": "eth9",
      "text": "is down",
      "remedy": "ip link set eth9 up"
    },
    {
      "id": "forwarding-off",
      "interface": null,
      "text": "no \"forwarding\"",
      "remedy": "sysctl"
    }
  ],
  "remarks": [
    "something could not be looked at"
  ]
}
)");
}

TEST(FindingsJson, WithoutAnythingListsAreEmptyAndTheDaemonIsNull) {
    EXPECT_EQ(findings_to_json({}, {}, nullptr), R"({
  "format_version": 1,
  "daemon": null,
  "findings": [],
  "remarks": []
}
)");
}

TEST(FindingsJson, ADaemonThatDoesNotAnswerHasNoVersion) {
    const SystemFacts::Daemon silent{812, std::nullopt, std::nullopt};
    EXPECT_NE(findings_to_json({}, {}, &silent).find("\"version\": null"), std::string::npos);
}

TEST(FindingsJson, BytesThatAreNotUtf8AreReplaced) {
    EXPECT_NE(findings_to_json({{FindingId::down, "eth\xFF", "", ""}}, {}, nullptr)
                  .find("eth\xEF\xBF\xBD"),
              std::string::npos);
}

}  // namespace
}  // namespace solicitd::io
