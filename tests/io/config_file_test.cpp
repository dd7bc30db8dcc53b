#include "io/config_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fakes/temporary_directory.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;

class ConfigFileTest : public testing::Test {
protected:
    ConfigFile read(const std::string& content) const {
        std::ofstream(path_, std::ios::binary) << content;
        return read_config_file(path_);
    }

    // The refusal without the directory, "" when there is none.
    std::string refusal(const std::string& content) const {
        try {
            static_cast<void>(read(content));
        } catch (const ConfigError& error) {
            const std::string text = error.what();
            const std::string file = path_.string();
            return text.rfind(file, 0) == 0 ? "FILE" + text.substr(file.size()) : text;
        }
        return "";
    }

    const test::TemporaryDirectory directory_;
    const std::filesystem::path path_ = directory_.path() / "solicitd.toml";
};

TEST_F(ConfigFileTest, EveryKeyIsRead) {
    const ConfigFile file = read(R"(
host-timeout = 60
linger = 0
max-hosts = 1_000
max-groups = 256
max-hosts-per-mac = 32
audit-interval = 30
capture = "mcast-router"
announce = "always"
announce-interval = 20
mld-evidence = false
log-level = "warning"

[[upstream]]
interface = "eth9"
downstream = ["br0", "br1"]
prefix = ["2001:db8::/64", "fd00::/48"]

[[upstream]]
interface = "eth8"
downstream = ["br0"]

[[downstream]]
interface = "br1"
max-hosts-per-mac = 256
)");
    EXPECT_EQ(file.host_timeout, 60s);
    EXPECT_EQ(file.linger, 0s);
    EXPECT_EQ(file.max_hosts, 1000U);
    EXPECT_EQ(file.max_groups, 256U);
    EXPECT_EQ(file.max_hosts_per_mac, 32U);
    EXPECT_EQ(file.downstreams, (std::vector<DownstreamConfig>{{"br1", 256}}));
    EXPECT_EQ(file.audit_interval, 30s);
    EXPECT_EQ(file.capture, CaptureMode::mcast_router);
    EXPECT_EQ(file.announce, AnnounceMode::always);
    EXPECT_EQ(file.announce_interval, 20s);
    EXPECT_EQ(file.mld_evidence, false);
    EXPECT_EQ(file.log_level, spdlog::level::warn);
    const std::vector<UpstreamConfig> upstreams = {
        {"eth9", {"br0", "br1"}, {parse_prefix("2001:db8::/64"), parse_prefix("fd00::/48")}},
        {"eth8", {"br0"}, {}},
    };
    EXPECT_EQ(file.upstreams, upstreams);
}

TEST_F(ConfigFileTest, AbsentKeysStayOpenForTheCommandLine) {
    const ConfigFile file = read("# nothing yet\n");
    EXPECT_TRUE(file.upstreams.empty());
    EXPECT_EQ(file.host_timeout, std::nullopt);
    EXPECT_EQ(file.linger, std::nullopt);
    EXPECT_EQ(file.max_hosts, std::nullopt);
    EXPECT_EQ(file.max_groups, std::nullopt);
    EXPECT_EQ(file.max_hosts_per_mac, std::nullopt);
    EXPECT_TRUE(file.downstreams.empty());
    EXPECT_EQ(file.audit_interval, std::nullopt);
    EXPECT_EQ(file.capture, std::nullopt);
    EXPECT_EQ(file.announce, std::nullopt);
    EXPECT_EQ(file.announce_interval, std::nullopt);
    EXPECT_EQ(file.mld_evidence, std::nullopt);
    EXPECT_EQ(file.log_level, std::nullopt);
}

TEST_F(ConfigFileTest, LimitsAreAllowedThemselves) {
    EXPECT_EQ(read("host-timeout = 1").host_timeout, 1s);
    EXPECT_EQ(read("host-timeout = 86400").host_timeout, 86400s);
    EXPECT_EQ(read("linger = 604800").linger, 604800s);
    EXPECT_EQ(read("max-hosts = 1").max_hosts, 1U);
    EXPECT_EQ(read("max-hosts = 1000000").max_hosts, 1'000'000U);
    EXPECT_EQ(read("max-groups = 1").max_groups, 1U);
    EXPECT_EQ(read("max-groups = 65536").max_groups, 65'536U);
    EXPECT_EQ(read("max-hosts-per-mac = 65536").max_hosts_per_mac, 65'536U);
    EXPECT_EQ(read("audit-interval = 0").audit_interval, 0s);
    EXPECT_EQ(read("audit-interval = 86400").audit_interval, 86400s);
    EXPECT_EQ(read("announce-interval = 1").announce_interval, 1s);
    EXPECT_EQ(read("announce-interval = 3600").announce_interval, 3600s);
    EXPECT_EQ(read("mld-evidence = true").mld_evidence, true);
}

TEST_F(ConfigFileTest, EveryNameOfAModeOrLevelIsReadAsItIsWritten) {
    for (const auto mode : {CaptureMode::automatic, CaptureMode::allmulti,
                            CaptureMode::mcast_router, CaptureMode::promisc}) {
        EXPECT_EQ(read("capture = '" + std::string(to_string(mode)) + "'").capture, mode);
    }
    for (const auto mode : {AnnounceMode::automatic, AnnounceMode::always, AnnounceMode::never}) {
        EXPECT_EQ(read("announce = '" + std::string(to_string(mode)) + "'").announce, mode);
    }
    EXPECT_EQ(parse_log_level("trace"), spdlog::level::trace);
    EXPECT_EQ(parse_log_level("debug"), spdlog::level::debug);
    EXPECT_EQ(parse_log_level("info"), spdlog::level::info);
    EXPECT_EQ(parse_log_level("warning"), spdlog::level::warn);
    EXPECT_EQ(parse_log_level("error"), spdlog::level::err);
}

TEST_F(ConfigFileTest, EveryRefusalNamesLineValueAndWhatIsAllowed) {
    const std::string top_keys =
        "; allowed here are host-timeout, linger, max-hosts, max-groups, max-hosts-per-mac, "
        "audit-interval, capture, announce, announce-interval, mld-evidence, log-level, upstream, "
        "downstream";
    const std::string name =
        ": allowed is an interface name: 1 to 15 bytes, no space, '/' or ':', not . or ..";
    const std::string prefix =
        ": allowed is an IPv6 prefix of length 1 to 127, for example 2001:db8:0:1::/64";
    const std::string scope =
        ": allowed are prefixes of global or unique local addresses (not link-local, multicast, "
        "...)";
    const std::string form = ": allowed is [[upstream]] in double brackets, once for each upstream";
    const std::string lan = "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\n";

    const struct {
        std::string content;
        std::string line;
    } cases[] = {
        // Numbers.
        {"\n\nhost-timeout = 0", "FILE:3: host-timeout = 0: allowed are 1 to 86400 (seconds)"},
        {"host-timeout = 86401", "FILE:1: host-timeout = 86401: allowed are 1 to 86400 (seconds)"},
        {"linger = -1", "FILE:1: linger = -1: allowed are 0 to 604800 (seconds)"},
        {"linger = 604801", "FILE:1: linger = 604801: allowed are 0 to 604800 (seconds)"},
        {"linger = 1.5", "FILE:1: linger = 1.5: allowed are 0 to 604800 (seconds)"},
        {"linger = inf", "FILE:1: linger = inf: allowed are 0 to 604800 (seconds)"},
        {"linger = true", "FILE:1: linger = true: allowed are 0 to 604800 (seconds)"},
        {"linger = 2026-01-01", "FILE:1: linger = 2026-01-01: allowed are 0 to 604800 (seconds)"},
        {"linger = [5]", "FILE:1: linger = a list: allowed are 0 to 604800 (seconds)"},
        {"[linger]\na = 1", "FILE:1: linger = a table: allowed are 0 to 604800 (seconds)"},
        {"[[linger]]", "FILE:1: linger = a list: allowed are 0 to 604800 (seconds)"},
        {"linger = '5'",
         "FILE:1: linger = \"5\": allowed are 0 to 604800 (seconds), without quotes"},
        {"max-hosts = 0", "FILE:1: max-hosts = 0: allowed are 1 to 1000000 (hosts)"},
        {"max-groups = 65537", "FILE:1: max-groups = 65537: allowed are 1 to 65536 (groups)"},
        {"max-hosts-per-mac = 0", "FILE:1: max-hosts-per-mac = 0: allowed are 1 to 65536 (hosts)"},
        {"audit-interval = -1", "FILE:1: audit-interval = -1: allowed are 0 to 86400 (seconds)"},
        {"audit-interval = 86401",
         "FILE:1: audit-interval = 86401: allowed are 0 to 86400 (seconds)"},
        {"announce-interval = 0", "FILE:1: announce-interval = 0: allowed are 1 to 3600 (seconds)"},
        {"announce-interval = 3601",
         "FILE:1: announce-interval = 3601: allowed are 1 to 3600 (seconds)"},
        // Switches.
        {"mld-evidence = 1", "FILE:1: mld-evidence = 1: allowed are true and false"},
        {"mld-evidence = 'false'",
         "FILE:1: mld-evidence = \"false\": allowed are true and false, without quotes"},
        // Names of modes and levels.
        {"announce = 'on'", "FILE:1: announce = \"on\": allowed are auto, always and never"},
        {"announce = true", "FILE:1: announce = true: allowed are auto, always and never"},
        {"capture = 'all'",
         "FILE:1: capture = \"all\": allowed are auto, allmulti, mcast-router and promisc"},
        {"capture = \"a\\nb\"",
         "FILE:1: capture = \"a\\x0ab\": allowed are auto, allmulti, mcast-router and promisc"},
        {"capture = 1",
         "FILE:1: capture = 1: allowed are auto, allmulti, mcast-router and promisc"},
        {"log-level = 'off'",
         "FILE:1: log-level = \"off\": allowed are trace, debug, info, warning and error"},
        // Keys.
        {"linger = 5\nhosttimeout = 5",
         "FILE:2: unknown key \"hosttimeout\"" + top_keys + "; did you mean host-timeout?"},
        {"max_hosts = 5",
         "FILE:1: unknown key \"max_hosts\"" + top_keys + "; did you mean max-hosts?"},
        {"colour = 5", "FILE:1: unknown key \"colour\"" + top_keys},
        {"zebra = 5\nant = 5", "FILE:1: unknown key \"zebra\"" + top_keys},
        {"interface = 'eth9'", "FILE:1: unknown key \"interface\" here; put it below [[upstream]]"},
        {lan + "linger = 5",
         "FILE:4: unknown key \"linger\" here; put it above the first [[upstream]] or "
         "[[downstream]]"},
        {lan + "prefixes = []",
         "FILE:4: unknown key \"prefixes\"; allowed here are interface, downstream, prefix; did "
         "you mean prefix?"},
        // The form of tables and lists.
        {"[upstream]\ninterface = 'eth9'", "FILE:1: upstream = a table" + form},
        {"upstream = 'eth9'", "FILE:1: upstream = \"eth9\"" + form},
        {"upstream = [\n'eth9']", "FILE:2: upstream with \"eth9\"" + form},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = 'br0'",
         "FILE:3: downstream = \"br0\": allowed is a list, for example [\"br0\"]"},
        {lan + "prefix = '2001:db8::/64'",
         "FILE:4: prefix = \"2001:db8::/64\": allowed is a list, for example "
         "[\"2001:db8:0:1::/64\"]"},
        {"\n[[upstream]]\ndownstream = ['br0']",
         "FILE:2: [[upstream]] without interface; add for example interface = \"eth9\""},
        // Settings of a downstream.
        {lan + "[[downstream]]\ninterface = 'br0'\nmax-hosts-per-mac = 0",
         "FILE:6: max-hosts-per-mac = 0: allowed are 1 to 65536 (hosts)"},
        {lan + "[[downstream]]\ninterface = 'br1'\nmax-hosts-per-mac = 5",
         "FILE:5: br1 is downstream of no [[upstream]]"},
        {"[[downstream]]\ninterface = 'br0'\nmax-hosts-per-mac = 5\n"
         "[[downstream]]\ninterface = 'br0'\nmax-hosts-per-mac = 5",
         "FILE:5: br0 has two [[downstream]]; write one"},
        {lan + "[[downstream]]\ninterface = 'br0'",
         "FILE:4: [[downstream]] needs both interface = \"br0\" and max-hosts-per-mac = 256"},
        {lan + "[[downstream]]\ninterface = 'br0'\nlinger = 5",
         "FILE:6: unknown key \"linger\" here; put it above the first [[upstream]] or "
         "[[downstream]]"},
        {"downstream = ['br0']",
         "FILE:1: downstream with \"br0\": allowed is [[downstream]] in double brackets, once for "
         "each downstream"},
        // Interface names (kernel: dev_valid_name).
        {"[[upstream]]\ninterface = ''", "FILE:2: interface = \"\"" + name},
        {"[[upstream]]\ninterface = 'sixteen-bytes-xx'",
         "FILE:2: interface = \"sixteen-bytes-xx\"" + name},
        {"[[upstream]]\ninterface = '..'", "FILE:2: interface = \"..\"" + name},
        {"[[upstream]]\ninterface = \"a\\u0000b\"", "FILE:2: interface = \"a\\x00b\"" + name},
        {"[[upstream]]\ninterface = ['eth9']", "FILE:2: interface = a list" + name},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = [\n  'br0',\n  'br/1',\n]",
         "FILE:5: downstream with \"br/1\"" + name},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = [5]", "FILE:3: downstream with 5" + name},
        // Prefixes.
        {lan + "prefix = ['2001:db8::']", "FILE:4: prefix with \"2001:db8::\"" + prefix},
        {lan + "prefix = ['2001:db8::/0']", "FILE:4: prefix with \"2001:db8::/0\"" + prefix},
        {lan + "prefix = ['2001:db8::/128']", "FILE:4: prefix with \"2001:db8::/128\"" + prefix},
        {lan + "prefix = ['192.0.2.0/24']", "FILE:4: prefix with \"192.0.2.0/24\"" + prefix},
        {lan + "prefix = [64]", "FILE:4: prefix with 64" + prefix},
        {lan + "prefix = ['fe80::/64']", "FILE:4: prefix with \"fe80::/64\"" + scope},
        {lan + "prefix = ['ff02::/16']", "FILE:4: prefix with \"ff02::/16\"" + scope},
        {lan + "prefix = ['::/64']", "FILE:4: prefix with \"::/64\"" + scope},
        {lan + "prefix = ['2001:db8::1/64']",
         "FILE:4: prefix with \"2001:db8::1/64\": bits are set past the length; the prefix is "
         "2001:db8::/64"},
        // Between the interfaces.
        {"[[upstream]]\ninterface = 'eth9'",
         "FILE:2: eth9 has no downstream; name at least one interface behind which its hosts live"},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = []",
         "FILE:2: eth9 has no downstream; name at least one interface behind which its hosts live"},
        {lan + lan,
         "FILE:5: eth9 is named as upstream twice; name it once, with all its "
         "downstreams"},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0', 'eth9']",
         "FILE:3: eth9 is an upstream as well; an interface can only be one of the two"},
        {lan + "[[upstream]]\ninterface = 'br0'\ndownstream = ['br1']",
         "FILE:3: br0 is an upstream as well; an interface can only be one of the two"},
        {"[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0',\n'br0']",
         "FILE:4: br0 is named twice as downstream of eth9; name it once"},
    };
    for (const auto& [content, line] : cases) {
        EXPECT_EQ(refusal(content), line) << "for:\n" << content;
    }
}

// The words are toml++'s own and may change with it.
TEST_F(ConfigFileTest, WhatIsNotTomlIsToldWithItsLine) {
    const struct {
        std::string content;
        std::string start;
        std::string mentions;
    } cases[] = {
        {"linger = 1\nlinger = 2\n", "FILE:2: not valid TOML: ", "linger"},
        {"linger 5\n", "FILE:1: not valid TOML: ", "'='"},
        {"\n\nlinger = 99999999999999999999\n", "FILE:3: not valid TOML: ", "64"},
        {"[[upstream]]\n[upstream]\n", "FILE:2: not valid TOML: ", "upstream"},
        {"capture = \"auto\n", "FILE:1: not valid TOML: ", "string"},
        {"\xFF\xFE", "FILE:1: not valid TOML: ", "utf-8"},
    };
    for (const auto& [content, start, mentions] : cases) {
        const std::string line = refusal(content);
        EXPECT_EQ(line.rfind(start, 0), 0U) << line;
        EXPECT_NE(line.find(mentions), std::string::npos) << line;
        EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    }
}

TEST_F(ConfigFileTest, AHostMaskHasRoomForThirtyTwoUpstreams) {
    std::string content;
    for (int i = 1; i <= 32; ++i) {
        content +=
            "[[upstream]]\ninterface = 'up" + std::to_string(i) + "'\ndownstream = ['br0']\n";
    }
    EXPECT_EQ(read(content).upstreams.size(), 32U);
    content += "[[upstream]]\ninterface = 'up33'\ndownstream = ['br0']\n";
    EXPECT_EQ(refusal(content), "FILE:98: up33 is one upstream too many; allowed are 32");
}

TEST_F(ConfigFileTest, TheKernelsOwnIdeaOfWhiteSpaceHolds) {
    EXPECT_TRUE(is_interface_name("enp0s31f6.v100x"));
    EXPECT_TRUE(is_interface_name("..."));
    EXPECT_TRUE(is_interface_name("l\xC3\xA4n"));
    for (const std::string_view name : {" ", "a b", "a\tb", "a\n", "a\vb", "a\xA0", "a:1"}) {
        EXPECT_FALSE(is_interface_name(name)) << name;
    }
}

TEST_F(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
    const auto refusal_of = [](const std::filesystem::path& path) -> std::string {
        try {
            static_cast<void>(read_config_file(path));
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(refusal_of(path_), path_.string() +
                                     ": the configuration file cannot be read: No such file or "
                                     "directory");
    EXPECT_EQ(refusal_of("/dev"), "/dev: the configuration file cannot be read: Is a directory");
    EXPECT_EQ(refusal_of("/dev/zero"),
              "/dev/zero: the configuration file cannot be read: it is no regular file");
}

TEST_F(ConfigFileTest, AFileThatThisUserMayNotReadAsksForTheRight) {
    constexpr uid_t nobody = 65534;
    std::ofstream(path_) << "linger = 5\n";
    std::filesystem::permissions(path_, std::filesystem::perms::none);
    const uid_t user = ::geteuid();
    if (user == 0 && ::seteuid(nobody) != 0) {
        GTEST_SKIP() << "root may read every file, and cannot become another user here";
    }
    std::string text;
    try {
        static_cast<void>(read_config_file(path_));
    } catch (const ConfigError& error) {
        text = error.what();
    }
    ASSERT_EQ(::seteuid(user), 0);
    EXPECT_EQ(text, path_.string() +
                        ": the configuration file cannot be read: Permission denied; let the user "
                        "that solicitd runs as read it");
}

}  // namespace
}  // namespace solicitd::io
