#include "options.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using Command = Options::Command;

Options parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"solicitd"};
    for (const std::string& argument : arguments) {
        argv.push_back(argument.c_str());
    }
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

template <typename Error, typename Function>
std::string refusal(Function function) {
    try {
        static_cast<void>(function());
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

class OptionsTest : public testing::Test {
protected:
    OptionsTest()
        : file_(std::filesystem::path(testing::TempDir()) /
                ("solicitd-options-" + std::to_string(::getpid()) + ".toml")) {
        ::unsetenv("RUNTIME_DIRECTORY");
        ::unsetenv("STATE_DIRECTORY");
    }
    ~OptionsTest() override { std::filesystem::remove(file_); }

    std::string write_file(const std::string& content) const {
        std::ofstream(file_) << content;
        return file_.string();
    }

    const std::filesystem::path file_;
};

TEST_F(OptionsTest, TwoInterfacesAreEnough) {
    const Options options = parse({"eth9", "br0", "br1"});
    EXPECT_EQ(options.command, Command::run);
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

TEST_F(OptionsTest, EveryOptionArrives) {
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

TEST_F(OptionsTest, TheLaterOfTwoWins) {
    EXPECT_EQ(parse({"--linger", "5", "eth9", "br0", "--linger", "6"}).given.linger, 6s);
}

TEST_F(OptionsTest, ADoubleDashEndsTheOptions) {
    const Options options = parse({"--linger", "5", "--", "eth9", "--json"});
    EXPECT_EQ(options.given.upstreams, (std::vector<UpstreamConfig>{{"eth9", {"--json"}, {}}}));
    EXPECT_EQ(options.given.linger, 5s);
    EXPECT_FALSE(options.json);
}

TEST_F(OptionsTest, CommandsAreTold) {
    EXPECT_EQ(parse({"--dump-state"}).command, Command::dump_state);
    EXPECT_FALSE(parse({"--dump-state"}).json);
    EXPECT_TRUE(parse({"--dump-state", "--json"}).json);
    EXPECT_EQ(parse({"--check-config"}).command, Command::check_config);

    const Options version = parse({"--version"});
    EXPECT_EQ(version.command, Command::print_and_exit);
    EXPECT_EQ(version.text, "solicitd " SOLICITD_VERSION "\n");
}

TEST_F(OptionsTest, HelpNamesEveryOptionAndTheRealDefaults) {
    const Options help = parse({"--help"});
    EXPECT_EQ(help.command, Command::print_and_exit);
    const Config defaults;
    for (const std::string& part :
         std::vector<std::string>{"solicitd [OPTIONS] [UPSTREAM] [DOWNSTREAM...]",
                                  "--config FILE",
                                  "--prefix PREFIX",
                                  "--host-timeout SECONDS",
                                  "--linger SECONDS",
                                  "--max-hosts COUNT",
                                  "--max-groups COUNT",
                                  "--max-hosts-per-mac COUNT",
                                  "--audit-interval SECONDS",
                                  "--capture MODE",
                                  "--announce MODE",
                                  "--announce-interval SECONDS",
                                  "--mld-evidence true|false",
                                  "--log-level LEVEL",
                                  "--runtime-dir DIR",
                                  "--state-dir DIR",
                                  "--dump-state",
                                  "--json",
                                  "--check-config",
                                  "--version",
                                  "solicitd eth9 br0",
                                  "Default: " + std::to_string(defaults.host_timeout.count()),
                                  "Default: " + std::to_string(defaults.linger.count()),
                                  "Default: " + std::to_string(defaults.max_hosts),
                                  "Default: " + std::to_string(defaults.max_groups),
                                  "Default: " + std::to_string(defaults.max_hosts_per_mac),
                                  "1 to " + std::to_string(kMaxGroupsRange.highest),
                                  "Default: " + std::to_string(defaults.audit_interval.count()),
                                  "1 to " + std::to_string(kHostTimeoutRange.highest),
                                  "0 to " + std::to_string(kLingerRange.highest),
                                  "0 to " + std::to_string(kAuditIntervalRange.highest),
                                  "1 to " + std::to_string(kMaxHostsRange.highest),
                                  "1 to " + std::to_string(kAnnounceIntervalRange.highest)}) {
        EXPECT_NE(help.text.find(part), std::string::npos) << part << " in:\n" << help.text;
    }
}

TEST_F(OptionsTest, SystemdsDirectoriesAreTheDefaults) {
    ::setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
    ::setenv("STATE_DIRECTORY", "/var/lib/a", 1);
    Options options = parse({"eth9", "br0"});
    EXPECT_EQ(options.runtime_dir, "/run/a");
    EXPECT_EQ(options.state_dir, "/var/lib/a");

    ::setenv("RUNTIME_DIRECTORY", "", 1);
    options = parse({"eth9", "br0", "--state-dir", "/s"});
    EXPECT_EQ(options.runtime_dir, "/run/solicitd");
    EXPECT_EQ(options.state_dir, "/s");
}

TEST_F(OptionsTest, EveryRefusalNamesOptionValueAndWhatIsAllowed) {
    const std::string name =
        ": allowed is an interface name: 1 to 15 bytes, no space, '/' or ':', not . or ..";
    const std::string help = "; solicitd --help lists what is allowed";
    const std::string seconds = ": allowed are 1 to 86400 (seconds)";
    const struct {
        std::vector<std::string> arguments;
        std::string line;
    } cases[] = {
        {{"eth9"},
         "UPSTREAM eth9 has no downstream; name at least one interface behind which its hosts "
         "live"},
        {{"eth9", "br0", "eth9"},
         "DOWNSTREAM eth9 is an upstream as well; an interface can only be one of the two"},
        {{"eth9", "br0", "br0"},
         "DOWNSTREAM br0 is named twice as downstream of eth9; name it once"},
        {{"", "br0"}, "UPSTREAM \"\"" + name},
        {{"eth9", "br 0"}, "DOWNSTREAM \"br 0\"" + name},
        {{"eth9", "br\n0"}, "DOWNSTREAM \"br\\x0a0\"" + name},
        {{"eth9", "br0", "--host-timeout", "0"}, "--host-timeout \"0\"" + seconds},
        {{"eth9", "br0", "--host-timeout", "86401"}, "--host-timeout \"86401\"" + seconds},
        {{"eth9", "br0", "--host-timeout", "5m"}, "--host-timeout \"5m\"" + seconds},
        {{"eth9", "br0", "--host-timeout", "-5"}, "--host-timeout \"-5\"" + seconds},
        {{"eth9", "br0", "--host-timeout", ""}, "--host-timeout \"\"" + seconds},
        {{"eth9", "br0", "--host-timeout", "99999999999999999999"},
         "--host-timeout \"99999999999999999999\"" + seconds},
        {{"eth9", "br0", "--linger", "604801"},
         "--linger \"604801\": allowed are 0 to 604800 (seconds)"},
        {{"eth9", "br0", "--max-hosts", "0"},
         "--max-hosts \"0\": allowed are 1 to 1000000 (hosts)"},
        {{"eth9", "br0", "--max-groups", "65537"},
         "--max-groups \"65537\": allowed are 1 to 65536 (groups)"},
        {{"eth9", "br0", "--max-hosts-per-mac", "0"},
         "--max-hosts-per-mac \"0\": allowed are 1 to 65536 (hosts)"},
        {{"eth9", "br0", "--audit-interval", "-1"},
         "--audit-interval \"-1\": allowed are 0 to 86400 (seconds)"},
        {{"eth9", "br0", "--audit-interval", "86401"},
         "--audit-interval \"86401\": allowed are 0 to 86400 (seconds)"},
        {{"eth9", "br0", "--capture", "all"},
         "--capture \"all\": allowed are auto, allmulti, mcast-router and promisc"},
        {{"eth9", "br0", "--announce", "on"},
         "--announce \"on\": allowed are auto, always and never"},
        {{"eth9", "br0", "--announce-interval", "0"},
         "--announce-interval \"0\": allowed are 1 to 3600 (seconds)"},
        {{"eth9", "br0", "--announce-interval", "3601"},
         "--announce-interval \"3601\": allowed are 1 to 3600 (seconds)"},
        {{"eth9", "br0", "--mld-evidence", "no"},
         "--mld-evidence \"no\": allowed are true and false"},
        {{"eth9", "br0", "--mld-evidence", ""}, "--mld-evidence \"\": allowed are true and false"},
        {{"eth9", "br0", "--log-level", "loud"},
         "--log-level \"loud\": allowed are trace, debug, info, warning and error"},
        {{"--prefix", "2001:db8::1/64", "eth9", "br0"},
         "--prefix \"2001:db8::1/64\": bits are set past the length; the prefix is 2001:db8::/64"},
        {{"--prefix", "fe80::/64", "eth9", "br0"},
         "--prefix \"fe80::/64\": allowed are prefixes of global or unique local addresses (not "
         "link-local, multicast, ...)"},
        {{"--config", ""}, "--config \"\": allowed is the path of a file or directory"},
        {{"--runtime-dir=", "eth9", "br0", "br1"},
         "--runtime-dir=: a value is missing after the equals sign"},
        {{"eth9", "br0", "--linger"}, "--linger: 1 required SECONDS missing" + help},
        {{"eth9", "br0", "--json=maybe", "--dump-state"},
         "Could not convert: --json = maybe" + help},
        {{"eth9", "br0", "--host-timout", "5"},
         "unknown option --host-timout" + help + "; did you mean --host-timeout?"},
        {{"eth9", "br0", "--colour=red"}, "unknown option --colour" + help},
        {{"-x", "eth9", "br0"}, "unknown option -x" + help},
        {{"eth9", "br0", "--json"}, "--json: allowed only with --dump-state"},
        {{"--dump-state", "--check-config"},
         "--dump-state and --check-config: only one of the two is allowed"},
        {{"--dump-state", "eth9", "br0"},
         "--dump-state with UPSTREAM \"eth9\": no interface is allowed; the state is that of the "
         "running daemon"},
    };
    for (const auto& [arguments, line] : cases) {
        EXPECT_EQ(refusal<UsageError>([&, &a = arguments] { return parse(a); }), line);
    }
}

TEST_F(OptionsTest, WithoutInterfacesTheDefaultFileIsRead) {
    const Options options = parse({});
    EXPECT_EQ(options.config_file, "/etc/solicitd/solicitd.toml");
    EXPECT_TRUE(options.is_default_config_file);
}

TEST_F(OptionsTest, NeitherFileNorInterfaceNamesBothWays) {
    Options options = parse({});
    options.config_file = file_;  // whatever /etc holds on this machine
    EXPECT_EQ(refusal<UsageError>([&] { return load_settings(options); }),
              "no interface is named: run solicitd UPSTREAM DOWNSTREAM..., or name them in " +
                  file_.string() + " (there is no such file) or in --config FILE");
}

TEST_F(OptionsTest, ANamedFileMustExist) {
    const Options options = parse({"--config", file_.string(), "eth9", "br0"});
    EXPECT_EQ(
        refusal<io::ConfigError>([&] { return load_settings(options); }),
        file_.string() + ": the configuration file cannot be read: No such file or directory");
}

TEST_F(OptionsTest, AFileWithoutUpstreamIsRefusedUnlessInterfacesAreNamed) {
    const std::string path = write_file("linger = 5\n");
    EXPECT_EQ(refusal<io::ConfigError>([&] {
                  return load_settings(parse({"--config", path}));
              }),
              path +
                  ": no upstream is named; add [[upstream]] with interface = \"eth9\" and "
                  "downstream = [\"br0\"]");
    EXPECT_EQ(load_settings(parse({"--config", path, "eth9", "br0"})).config.linger, 5s);
}

TEST_F(OptionsTest, OptionsBeatTheFileAndTheFileBeatsTheDefaults) {
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

TEST_F(OptionsTest, APrefixNeedsOneUpstreamToBelongTo) {
    const std::string path = write_file(
        "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\n"
        "[[upstream]]\ninterface = 'eth8'\ndownstream = ['br1']\n");
    const std::vector<std::string> arguments = {"--config", path, "--prefix", "2001:db8::/64"};
    EXPECT_EQ(refusal<UsageError>([&] { return load_settings(parse(arguments)); }),
              "--prefix 2001:db8::/64: " + path +
                  " names 2 upstreams, allowed is one; write prefix = [...] there, below the "
                  "[[upstream]] it is for");
}

TEST_F(OptionsTest, AReloadReadsTheFileAfresh) {
    const std::string upstream = "[[upstream]]\ninterface = 'eth9'\ndownstream = ['br0']\n";
    const Options options = parse({"--config", write_file("linger = 5\n" + upstream)});
    EXPECT_EQ(load_settings(options).config.linger, 5s);
    write_file("linger = 6\n" + upstream);
    EXPECT_EQ(load_settings(options).config.linger, 6s);
    write_file("linger = oops\n" + upstream);
    EXPECT_THROW(static_cast<void>(load_settings(options)), io::ConfigError);
}

TEST_F(OptionsTest, DescribeShowsAllThatIsInForce) {
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
