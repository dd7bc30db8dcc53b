#include "settings.hpp"

#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace solicitd {
namespace {

template <typename Value>
void take(Value& value, const std::optional<Value>& file, const std::optional<Value>& given) {
    value = given ? *given : file.value_or(value);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text.append(text.empty() ? "" : ", ").append(word);
    }
    return text;
}

}  // namespace

Settings load_settings(const Options& options) {
    const std::string path = options.config_file.string();
    io::ConfigFile file;
    if (!path.empty()) {
        std::error_code error;
        if (options.is_default_config_file && !std::filesystem::exists(path, error) && !error) {
            throw UsageError(
                "no interface is named: run solicitd UPSTREAM DOWNSTREAM..., or name "
                "them in " +
                path + " (there is no such file) or in --config FILE");
        }
        file = io::read_config_file(path);
    }
    const io::ConfigFile& given = options.given;
    Settings settings;
    Config& config = settings.config;
    settings.source = given.upstreams.empty() ? path : "command line";
    config.upstreams = given.upstreams.empty() ? file.upstreams : given.upstreams;
    if (config.upstreams.empty()) {
        throw io::ConfigError(path +
                              R"(: no upstream is named; add [[upstream]] with interface = "eth9" )"
                              R"(and downstream = ["br0"])");
    }
    if (!options.prefixes.empty()) {
        if (config.upstreams.size() > 1) {
            throw UsageError("--prefix " + options.prefixes.front().to_string() + ": " + path +
                             " names " + std::to_string(config.upstreams.size()) +
                             " upstreams, allowed is one; write prefix = [...] there, below the "
                             "[[upstream]] it is for");
        }
        config.upstreams.front().prefixes = options.prefixes;
    }
    take(config.host_timeout, file.host_timeout, given.host_timeout);
    take(config.linger, file.linger, given.linger);
    take(config.max_hosts, file.max_hosts, given.max_hosts);
    take(config.max_groups, file.max_groups, given.max_groups);
    take(config.max_hosts_per_mac, file.max_hosts_per_mac, given.max_hosts_per_mac);
    config.downstreams = file.downstreams;
    take(config.audit_interval, file.audit_interval, given.audit_interval);
    take(config.capture, file.capture, given.capture);
    take(config.announce, file.announce, given.announce);
    take(config.announce_interval, file.announce_interval, given.announce_interval);
    take(config.mld_evidence, file.mld_evidence, given.mld_evidence);
    take(settings.log_level, file.log_level, given.log_level);
    settings.runtime_dir = options.runtime_dir;
    settings.state_dir = options.state_dir;
    return settings;
}

std::string describe(const Settings& settings) {
    const Config& config = settings.config;
    const auto level = spdlog::level::to_string_view(settings.log_level);
    const auto audits = config.audit_interval.count();
    std::ostringstream text;
    text << "The configuration is valid. Upstreams are from: " << settings.source << "\n";
    for (const UpstreamConfig& upstream : config.upstreams) {
        std::vector<std::string> prefixes;
        for (const Ipv6Prefix& prefix : upstream.prefixes) {
            prefixes.push_back(prefix.to_string());
        }
        text << "\nupstream " << upstream.interface << "\n  downstream       "
             << joined(upstream.downstreams) << "\n  prefix           "
             << (prefixes.empty() ? "as " + upstream.interface + " holds them on-link"
                                  : joined(prefixes))
             << "\n";
    }
    for (const DownstreamConfig& downstream : config.downstreams) {
        text << "\ndownstream " << downstream.interface << "\n  max-hosts-per-mac  "
             << downstream.max_hosts_per_mac << "\n";
    }
    text << "\nhost-timeout       " << config.host_timeout.count()
         << " s of silence, then a host is asked"
         << "\nlinger             " << config.linger.count()
         << " s without an answer, then its group is left"
         << "\nmax-hosts          " << config.max_hosts << "\nmax-groups         "
         << config.max_groups << " on each upstream\nmax-hosts-per-mac  "
         << config.max_hosts_per_mac << "\naudit-interval     " << audits
         << (audits == 0 ? ": the kernel is asked at the start and after events only"
                         : " s between two looks at what the kernel holds")
         << "\ncapture            " << to_string(config.capture) << "\nannounce           "
         << to_string(config.announce) << "\nannounce-interval  "
         << config.announce_interval.count() << " s between two announcements"
         << "\nmld-evidence       " << (config.mld_evidence ? "true" : "false")
         << "\nlog-level          " << std::string_view(level.data(), level.size())
         << "\nruntime-dir        " << settings.runtime_dir.string() << "\nstate-dir          "
         << settings.state_dir.string() << "\n";
    return text.str();
}

}  // namespace solicitd
