#include "options.hpp"

#include <stdlib.h>

#include <chrono>
#include <string>
#include <vector>

#include "daemon/command_line.hpp"

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using Command = Options::Command;
using OptionsTest = test::CommandLine;
using test::parse;
using test::refusal;

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
                                  "--check",
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

TEST_F(OptionsTest, CheckTakesWhatTheDaemonTakes) {
    Options options = parse({"--check", "--json", "eth9", "br0"});
    EXPECT_EQ(options.command, Command::check);
    EXPECT_TRUE(options.json);
    EXPECT_EQ(options.given.upstreams, (std::vector<UpstreamConfig>{{"eth9", {"br0"}, {}}}));

    options = parse({"--check", "--config", "/a.toml"});
    EXPECT_EQ(options.command, Command::check);
    EXPECT_EQ(options.config_file, "/a.toml");
    EXPECT_FALSE(options.json);
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
        {{"eth9", "br0", "--json"}, "--json: allowed only with --dump-state or --check"},
        {{"--dump-state", "--check"}, "--dump-state and --check: only one of the two is allowed"},
        {{"--check", "--check-config", "eth9", "br0"},
         "--check and --check-config: only one of the two is allowed"},
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

}  // namespace
}  // namespace solicitd
