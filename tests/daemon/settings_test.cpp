#include "settings.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/command_line.hpp"
#include "fakes/temporary_directory.hpp"

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using test::parse;
using test::refusal;

class SettingsTest : public test::CommandLine {
protected:
    std::string write_file(const std::string& content) const {
        std::ofstream(file_) << content;
        return file_.string();
    }

    const test::TemporaryDirectory directory_;
    const std::filesystem::path file_ = directory_.path() / "solicitd.toml";
};

TEST_F(SettingsTest, TwoInterfacesAreEnough) {
    const Options options = parse({"eth9", "br0", "br1"});
    EXPECT_EQ(options.command, Options::Command::run);
    EXPECT_TRUE(options.config_file.empty());

    const Settings settings = load_settings(options);
    Config expected;
    expected.upstreams = {{"eth9", {"br0", "br1"}, {}}};
    EXPECT_EQ(settings.config, expected);
    EXPECT_EQ(settings.log_level, spdlog::level::info);
    EXPECT_EQ(settings.runtime_dir, "/run/solicitd");
    EXPECT_EQ(settings.state_dir, "/var/lib/solicitd");
    EXPECT_EQ(settings.source, "command line");
}

TEST_F(SettingsTest, EveryOptionArrives) {
    const Settings settings = load_settings(parse({"--host-timeout",
                                                   "60",
                                                   "--linger=0",
                                                   "--max-hosts",
                                                   "10",
                                                   "--max-groups=11",
                                                   "--max-hosts-per-mac",
                                                   "12",
                                                   "--capture",
                                                   "promisc",
                                                   "--announce",
                                                   "never",
                                                   "--announce-interval=5",
                                                   "--mld-evidence",
                                                   "false",
                                                   "--audit-interval",
                                                   "0",
                                                   "--log-level",
                                                   "debug",
                                                   "--prefix",
                                                   "2001:db8::/64",
                                                   "eth9",
                                                   "br0",
                                                   "--prefix=fd00::/48",
                                                   "--runtime-dir",
                                                   "/r",
                                                   "--state-dir",
                                                   "/s"}));
    Config expected;
    expected.upstreams = {
        {"eth9", {"br0"}, {parse_prefix("2001:db8::/64"), parse_prefix("fd00::/48")}}};
    expected.host_timeout = 60s;
    expected.linger = 0s;
    expected.max_hosts = 10;
    expected.max_groups = 11;
    expected.max_hosts_per_mac = 12;
    expected.audit_interval = 0s;
    expected.capture = CaptureMode::promisc;
    expected.announce = AnnounceMode::never;
    expected.announce_interval = 5s;
    expected.mld_evidence = false;
    EXPECT_EQ(settings.config, expected);
    EXPECT_EQ(settings.log_level, spdlog::level::debug);
    EXPECT_EQ(settings.runtime_dir, "/r");
    EXPECT_EQ(settings.state_dir, "/s");
}

TEST_F(SettingsTest, NeitherFileNorInterfaceNamesBothWays) {
    Options options = parse({});
    options.config_file = file_;  // whatever /etc holds on this machine
    EXPECT_EQ(refusal<UsageError>([&] { return load_settings(options); }),
              "no interface is named: run solicitd UPSTREAM DOWNSTREAM..., or name them in " +
                  file_.string() + " (there is no such file) or in --config FILE");
}

TEST_F(SettingsTest, ANamedFileMustExist) {
    const Options options = parse({"--config", file_.string(), "eth9", "br0"});
    EXPECT_EQ(
        refusal<io::ConfigError>([&] { return load_settings(options); }),
        file_.string() + ": the configuration file cannot be read: No such file or directory");
}

TEST_F(SettingsTest, AFileWithoutUpstreamIsRefusedUnlessInterfacesAreNamed) {
    const std::string path = write_file("linger = 5\n");
    EXPECT_EQ(refusal<io::ConfigError>([&] {
                  return load_settings(parse({"--config", path}));
              }),
              path +
                  ": no upstream is named; add [[upstream]] with interface = \"eth9\" and "
                  "downstream = [\"br0\"]");
    EXPECT_EQ(load_settings(parse({"--config", path, "eth9", "br0"})).config.linger, 5s);
}

TEST_F(SettingsTest, OptionsBeatTheFileAndTheFileBeatsTheDefaults) {
    const std::string path = write_file(R"(
host-timeout = 60
linger = 70
max-hosts = 80
max-groups = 81
max-hosts-per-mac = 82
audit-interval = 90
capture = "promisc"
announce = "always"
announce-interval = 95
mld-evidence = false
log-level = "error"
[[upstream]]
interface = "eth9"
downstream = ["br0"]
prefix = ["2001:db8::/64"]
[[downstream]]
interface = "br0"
max-hosts-per-mac = 256
)");
    Settings settings =
        load_settings(parse({"--config", path, "--linger", "71", "--announce-interval", "96"}));
    EXPECT_EQ(settings.config.upstreams,
              (std::vector<UpstreamConfig>{{"eth9", {"br0"}, {parse_prefix("2001:db8::/64")}}}));
    EXPECT_EQ(settings.config.host_timeout, 60s);
    EXPECT_EQ(settings.config.linger, 71s);
    EXPECT_EQ(settings.config.max_hosts, 80U);
    EXPECT_EQ(settings.config.max_groups, 81U);
    EXPECT_EQ(settings.config.max_hosts_per_mac, 82U);
    EXPECT_EQ(max_hosts_per_mac(settings.config, "br0"), 256U);
    EXPECT_EQ(max_hosts_per_mac(settings.config, "br1"), 82U);
    EXPECT_EQ(settings.config.audit_interval, 90s);
    EXPECT_EQ(settings.config.capture, CaptureMode::promisc);
    EXPECT_EQ(settings.config.announce, AnnounceMode::always);
    EXPECT_EQ(settings.config.announce_interval, 96s);
    EXPECT_FALSE(settings.config.mld_evidence);
    EXPECT_EQ(settings.log_level, spdlog::level::err);
    EXPECT_EQ(settings.source, path);

    settings = load_settings(parse({"--config", path, "--prefix", "fd00::/64"}));
    EXPECT_EQ(settings.config.upstreams,
              (std::vector<UpstreamConfig>{{"eth9", {"br0"}, {parse_prefix("fd00::/64")}}}));

    settings = load_settings(parse({"--config", path, "eth8", "br1"}));
    EXPECT_EQ(settings.config.upstreams, (std::vector<UpstreamConfig>{{"eth8", {"br1"}, {}}}));
    EXPECT_EQ(settings.config.host_timeout, 60s);
    EXPECT_EQ(settings.source, "command line");

    settings =
        load_settings(parse({"--config", path, "--announce", "never", "--mld-evidence", "true"}));
    EXPECT_EQ(settings.config.announce, AnnounceMode::never);
    EXPECT_EQ(settings.config.announce_interval, 95s);
    EXPECT_TRUE(settings.config.mld_evidence);
}

TEST_F(SettingsTest, APrefixNeedsOneUpstreamToBelongTo) {
    const std::string path = write_file(
        "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\n"
        "[[upstream]]\ninterface = 'eth8'\ndownstream = ['br1']\n");
    const std::vector<std::string> arguments = {"--config", path, "--prefix", "2001:db8::/64"};
    EXPECT_EQ(refusal<UsageError>([&] { return load_settings(parse(arguments)); }),
              "--prefix 2001:db8::/64: " + path +
                  " names 2 upstreams, allowed is one; write prefix = [...] there, below the "
                  "[[upstream]] it is for");
}

TEST_F(SettingsTest, AReloadReadsTheFileAfresh) {
    const std::string upstream = "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\n";
    const Options options = parse({"--config", write_file("linger = 5\n" + upstream)});
    EXPECT_EQ(load_settings(options).config.linger, 5s);
    write_file("linger = 6\n" + upstream);
    EXPECT_EQ(load_settings(options).config.linger, 6s);
    write_file("linger = oops\n" + upstream);
    EXPECT_THROW(static_cast<void>(load_settings(options)), io::ConfigError);
}

TEST_F(SettingsTest, DescribeShowsAllThatIsInForce) {
    EXPECT_EQ(describe(load_settings(parse({"eth9", "br0", "br1", "--linger", "60"}))),
              R"(The configuration is valid. Upstreams are from: command line

upstream eth9
  downstream       br0, br1
  prefix           as eth9 holds them on-link

host-timeout       300 s of silence, then a host is asked
linger             60 s without an answer, then its group is left
max-hosts          4096
max-groups         1024 on each upstream
max-hosts-per-mac  64
audit-interval     60 s between two looks at what the kernel holds
capture            auto
announce           auto
announce-interval  60 s between two announcements
mld-evidence       true
log-level          info
runtime-dir        /run/solicitd
state-dir          /var/lib/solicitd
)");
    EXPECT_NE(describe(load_settings(parse({"eth9", "br0", "--audit-interval", "0"})))
                  .find("audit-interval     0: the kernel is asked at the start and after events"),
              std::string::npos);

    const std::string path = write_file(
        "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\nprefix = ['2001:db8::/64']\n"
        "[[upstream]]\ninterface = 'eth8'\ndownstream = ['br1']\n"
        "[[downstream]]\ninterface = 'br1'\nmax-hosts-per-mac = 300\n");
    const std::string text = describe(load_settings(parse({"--config", path})));
    EXPECT_NE(text.find("Upstreams are from: " + path + "\n"), std::string::npos) << text;
    EXPECT_NE(
        text.find("upstream eth9\n  downstream       br0\n  prefix           2001:db8::/64\n"),
        std::string::npos)
        << text;
    EXPECT_NE(text.find("upstream eth8\n  downstream       br1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\ndownstream br1\n  max-hosts-per-mac  300\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace solicitd
