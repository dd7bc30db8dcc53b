#include "options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace solicitd {
namespace {

constexpr const char* kDefaultConfigFile = "/etc/solicitd/solicitd.toml";

// What CLI11 gathers, before it is checked: our own checks tell what is allowed, and the
// configuration file shares them.
struct RawOptions {
    std::string upstream;
    std::vector<std::string> downstreams;
    std::optional<std::string> config;
    std::optional<std::string> host_timeout;
    std::optional<std::string> linger;
    std::optional<std::string> max_hosts;
    std::optional<std::string> max_groups;
    std::optional<std::string> max_hosts_per_mac;
    std::optional<std::string> audit_interval;
    std::optional<std::string> capture;
    std::optional<std::string> announce;
    std::optional<std::string> announce_interval;
    std::optional<std::string> mld_evidence;
    std::optional<std::string> log_level;
    std::optional<std::string> runtime_dir;
    std::optional<std::string> state_dir;
    std::vector<std::string> prefixes;
    bool dump_state = false;
    bool json = false;
    bool check_config = false;
    bool check = false;
};

void declare_options(CLI::App& app, RawOptions& raw) {
    app.get_formatter()->column_width(26);
    app.set_help_flag("-h,--help", "Print this text and exit");
    app.set_version_flag("--version", "solicitd " SOLICITD_VERSION, "Print the version and exit");
    app.allow_extras();  // refused by us, with a suggestion

    app.add_option("UPSTREAM", raw.upstream, "Interface towards the gateway that snoops MLD")
        ->type_name("");
    app.add_option("DOWNSTREAM", raw.downstreams, "Interfaces behind which the hosts live")
        ->type_name("");

    const auto add = [&](const std::string& name, auto& value, const std::string& type,
                         const std::string& help) {
        return app.add_option(name, value, help)
            ->type_name(type)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    };
    app.option_defaults()->group("Configuration");
    add("--config", raw.config, "FILE",
        "Configuration file (TOML). Without interfaces\n"
        "on the command line: " +
            std::string(kDefaultConfigFile));
    app.add_option("--prefix", raw.prefixes,
                   "Serve hosts in this prefix only; repeatable.\n"
                   "Default: the prefixes that UPSTREAM holds\non-link, followed as they change")
        ->option_text("PREFIX")  // else help shows it with "...", which only repeating gives
        ->type_name("PREFIX")
        ->allow_extra_args(false);
    add("--host-timeout", raw.host_timeout, "SECONDS",
        "Silence after which a host is asked whether it\n"
        "is still there, 1 to 86400. Default: 300");
    add("--linger", raw.linger, "SECONDS",
        "How long the group of a host that does not\n"
        "answer is kept, 0 to 604800. Default: 1800");
    add("--max-hosts", raw.max_hosts, "COUNT", "Hosts kept at most, 1 to 1000000. Default: 4096");
    add("--max-groups", raw.max_groups, "COUNT",
        "Groups joined at most on an upstream,\n1 to 65536. Default: 1024");
    add("--max-hosts-per-mac", raw.max_hosts_per_mac, "COUNT",
        "Hosts kept at most of one MAC address on each\ndownstream, 1 to 65536. Default: 64");
    add("--audit-interval", raw.audit_interval, "SECONDS",
        "How often it is checked that the kernel still\n"
        "holds every group, 0 to 86400. 0: at the start\n"
        "and after events only. Default: 60");
    add("--capture", raw.capture, "MODE",
        "How Neighbor Discovery on a downstream is seen:\n"
        "auto, allmulti, mcast-router or promisc.\n"
        "Default: auto");
    add("--announce", raw.announce, "MODE",
        "When MLD reports are sent beside the kernel's:\n"
        "auto (while no querier is heard, and when a\n"
        "snooper may have forgotten), always or never.\n"
        "Default: auto");
    add("--announce-interval", raw.announce_interval, "SECONDS",
        "Between two of these reports, 1 to 3600.\nDefault: 60");
    add("--mld-evidence", raw.mld_evidence, "true|false",
        "Whether MLD reports of the LAN's hosts count.\nDefault: true");
    add("--log-level", raw.log_level, "LEVEL",
        "trace, debug, info, warning or error.\nDefault: info");
    add("--runtime-dir", raw.runtime_dir, "DIR",
        "Lock, state document, and the hosts that outlast\na restart. Default:\n"
        "$RUNTIME_DIRECTORY, else /run/solicitd");
    add("--state-dir", raw.state_dir, "DIR",
        "Hosts that outlast a reboot. Default:\n$STATE_DIRECTORY, else /var/lib/solicitd");

    app.option_defaults()->group("Instead of running");
    app.add_flag("--check-config", raw.check_config, "Check, print what would be in force, exit");
    app.add_flag("--check", raw.check,
                 "Look for what is wrong with the system and the\ndaemon that runs on "
                 "--runtime-dir, and how to mend\nit; exit 1 when anything is");
    app.add_flag("--dump-state", raw.dump_state,
                 "Print the state of the daemon that runs on\n--runtime-dir");
    app.add_flag("--json", raw.json, "With --dump-state or --check: as a JSON document");

    app.footer(
        "An option beats the file, but for max-hosts-per-mac of a [[downstream]].\n"
        "Interfaces named here replace all the upstreams of the file.\n\n"
        "Example: the gateway is behind eth9, the LAN behind br0:\n"
        "  solicitd eth9 br0");
}

[[noreturn]] void refuse_unknown(const CLI::App& app, const std::string& read) {
    const std::string name = read.substr(0, read.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& known : option->get_lnames()) {
            names.push_back("--" + known);
        }
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    throw UsageError("unknown option " + one_line(name) +
                     "; solicitd --help lists what is allowed" + did_you_mean(name, views));
}

// CLI11 would take the next argument for the value of "--runtime-dir=", and so shift the
// interfaces; an unset variable in a unit file makes such an option.
void refuse_empty_values(int argc, const char* const* argv) {
    for (int i = 1; i < argc && argv[i] != std::string_view("--"); ++i) {
        const std::string_view argument = argv[i];
        if (argument.substr(0, 2) == "--" && argument.back() == '=') {
            throw UsageError(one_line(argument) + ": a value is missing after the equals sign");
        }
    }
}

// parse(std::string_view) gives the value, or throws BadSetting.
template <typename Value>
Value checked(std::string_view name, const std::string& text, Value (*parse)(std::string_view)) {
    try {
        return parse(text);
    } catch (const BadSetting& bad) {
        throw UsageError(std::string(name) + " " + in_quotes(text) + ": " + bad.what());
    }
}

template <typename Value>
std::optional<Value> checked(std::string_view name, const std::optional<std::string>& text,
                             Value (*parse)(std::string_view)) {
    return text ? std::optional(checked(name, *text, parse)) : std::nullopt;
}

template <const Range& range, typename Number>
Number parse_number(std::string_view text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || !range.contains(number)) {
        throw BadSetting(allowed_text(range));
    }
    return Number(number);
}

std::filesystem::path parse_path(std::string_view text) {
    if (text.empty()) {
        throw BadSetting("allowed is the path of a file or directory");
    }
    return text;
}

// systemd names several directories separated by colons; the first is the main one.
std::filesystem::path directory(const char* variable, const char* otherwise) {
    const char* const value = std::getenv(variable);
    const std::string_view all = value == nullptr ? "" : value;
    const std::string_view first = all.substr(0, all.find(':'));
    return first.empty() ? otherwise : first;
}

UpstreamConfig checked_pair(const RawOptions& raw) {
    UpstreamConfig pair;
    pair.interface = checked("UPSTREAM", raw.upstream, parse_interface);
    for (const std::string& name : raw.downstreams) {
        pair.downstreams.push_back(checked("DOWNSTREAM", name, parse_interface));
    }
    if (const auto conflict = find_conflict({pair})) {
        throw UsageError((conflict->downstream
                              ? "DOWNSTREAM " + pair.downstreams[*conflict->downstream]
                              : "UPSTREAM " + pair.interface) +
                         " " + conflict->text);
    }
    return pair;
}

void refuse_senseless_combinations(const RawOptions& raw, bool has_interfaces) {
    if (raw.json && !raw.dump_state && !raw.check) {
        throw UsageError("--json: allowed only with --dump-state or --check");
    }
    std::string chosen;
    for (const auto& [given, name] :
         {std::pair(raw.dump_state, "--dump-state"), std::pair(raw.check, "--check"),
          std::pair(raw.check_config, "--check-config")}) {
        if (given && !chosen.empty()) {
            throw UsageError(chosen + " and " + name + ": only one of the two is allowed");
        }
        chosen = given ? name : chosen;
    }
    if (raw.dump_state && has_interfaces) {
        throw UsageError("--dump-state with UPSTREAM " + in_quotes(raw.upstream) +
                         ": no interface is allowed; the state is that of the running daemon");
    }
}

Options checked_options(const RawOptions& raw, bool has_interfaces) {
    refuse_senseless_combinations(raw, has_interfaces);
    Options options;
    options.command = raw.dump_state     ? Options::Command::dump_state
                      : raw.check_config ? Options::Command::check_config
                      : raw.check        ? Options::Command::check
                                         : Options::Command::run;
    options.json = raw.json;
    if (has_interfaces) {
        options.given.upstreams.push_back(checked_pair(raw));
    }
    options.given.host_timeout = checked("--host-timeout", raw.host_timeout,
                                         parse_number<kHostTimeoutRange, std::chrono::seconds>);
    options.given.linger =
        checked("--linger", raw.linger, parse_number<kLingerRange, std::chrono::seconds>);
    options.given.max_hosts =
        checked("--max-hosts", raw.max_hosts, parse_number<kMaxHostsRange, std::size_t>);
    options.given.max_groups =
        checked("--max-groups", raw.max_groups, parse_number<kMaxGroupsRange, std::size_t>);
    options.given.max_hosts_per_mac = checked("--max-hosts-per-mac", raw.max_hosts_per_mac,
                                              parse_number<kMaxHostsPerMacRange, std::size_t>);
    options.given.audit_interval = checked("--audit-interval", raw.audit_interval,
                                           parse_number<kAuditIntervalRange, std::chrono::seconds>);
    options.given.capture = checked("--capture", raw.capture, parse_capture_mode);
    options.given.announce = checked("--announce", raw.announce, parse_announce_mode);
    options.given.announce_interval =
        checked("--announce-interval", raw.announce_interval,
                parse_number<kAnnounceIntervalRange, std::chrono::seconds>);
    options.given.mld_evidence = checked("--mld-evidence", raw.mld_evidence, parse_switch);
    options.given.log_level = checked("--log-level", raw.log_level, io::parse_log_level);
    for (const std::string& text : raw.prefixes) {
        options.prefixes.push_back(checked("--prefix", text, parse_prefix));
    }
    if (raw.config || !has_interfaces) {
        options.is_default_config_file = !raw.config;
        options.config_file =
            checked("--config", raw.config, parse_path).value_or(kDefaultConfigFile);
    }
    options.runtime_dir = checked("--runtime-dir", raw.runtime_dir, parse_path)
                              .value_or(directory("RUNTIME_DIRECTORY", "/run/solicitd"));
    options.state_dir = checked("--state-dir", raw.state_dir, parse_path)
                            .value_or(directory("STATE_DIRECTORY", "/var/lib/solicitd"));
    return options;
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    CLI::App app(
        "Joins the solicited-node groups of LAN hosts on the upstream interface, so that a\n"
        "gateway that snoops MLD goes on sending them Neighbor Solicitations.\n",
        "solicitd");
    RawOptions raw;
    declare_options(app, raw);
    const auto print = [](std::string text) {
        Options options;
        options.command = Options::Command::print_and_exit;
        options.text = std::move(text);
        return options;
    };
    refuse_empty_values(argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return print(app.help());
    } catch (const CLI::CallForVersion& version) {
        return print(version.what() + std::string("\n"));
    } catch (const CLI::ParseError& error) {
        throw UsageError(one_line(error.what()) + "; solicitd --help lists what is allowed");
    }
    for (const std::string& unknown : app.remaining()) {
        if (unknown != "--") {
            refuse_unknown(app, unknown);
        }
    }
    return checked_options(raw, app.count("UPSTREAM") > 0);
}

}  // namespace solicitd
