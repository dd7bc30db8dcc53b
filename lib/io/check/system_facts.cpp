#include "io/check/system_facts.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/limits.hpp"
#include "core/on_link_prefixes.hpp"
#include "io/bridge_mcast_router.hpp"
#include "io/capture_mode.hpp"
#include "io/check/link_survey.hpp"
#include "io/check/mld_trial.hpp"
#include "io/check/processes.hpp"
#include "io/check/route_lookup.hpp"
#include "io/kernel_groups.hpp"

namespace solicitd::io {
namespace {

/// What is known to answer Neighbor Solicitations for others, by the names of the processes.
constexpr std::array<std::string_view, 6> kProxies{"ndppd",   "npd6",  "odhcpd",
                                                   "6relayd", "pndpd", "ndpresponder"};

/// A number below /proc/sys; nullopt when there is none to be read.
std::optional<std::uint64_t> read_sysctl(const std::string& path) {
    std::ifstream file("/proc/sys/" + path);
    std::uint64_t value = 0;
    return file >> value ? std::optional(value) : std::nullopt;
}

std::optional<bool> read_switch(const std::string& interface, const std::string& key) {
    const auto value = read_sysctl("net/ipv6/conf/" + interface + '/' + key);
    return value ? std::optional(*value != 0) : std::nullopt;
}

std::optional<KernelGroups> groups_in_kernel() {
    try {
        return read_kernel_groups();
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

std::optional<bool> is_multicast_router(const LinkSeen& link) {
    if (!link.snooping_bridge) {
        return std::nullopt;
    }
    try {
        return read_mcast_router(link.index) == McastRouter::always;
    } catch (const std::system_error&) {
        return std::nullopt;  // it went away
    }
}

/// One look at one machine.
class Gatherer {
public:
    [[nodiscard]] SystemFacts::Interface look_at(const std::string& name) const {
        SystemFacts::Interface facts;
        facts.name = name;
        const LinkSeen* const link = find_link(name);
        if (link == nullptr) {
            return facts;
        }
        facts.exists = true;
        facts.running = link->running;
        facts.has_ipv6 =
            link->mtu >= kLeastMtu && !read_switch(name, "disable_ipv6").value_or(false);
        facts.snooping_bridge = link->snooping_bridge;
        facts.multicast_router = is_multicast_router(*link);
        facts.bridge = name_of(link->bridge);
        facts.forwarding = read_switch(name, "forwarding");
        facts.force_forwarding = read_switch(name, "force_forwarding").value_or(false);
        std::copy_if(survey_.routes.begin(), survey_.routes.end(), std::back_inserter(facts.routes),
                     [&](const OnLinkRoute& route) { return route.index == link->index; });
        return facts;
    }

    [[nodiscard]] SystemFacts::Upstream look_at(const UpstreamConfig& config) const {
        SystemFacts::Upstream facts;
        facts.link = look_at(config.interface);
        facts.downstreams = config.downstreams;
        if (!facts.link.usable()) {
            return facts;
        }
        const Ifindex index = find_link(config.interface)->index;
        facts.has_prefix = has_prefix(config, index);
        const auto own = read_switch(config.interface, "proxy_ndp");
        const auto all = read_switch("all", "proxy_ndp");
        if (own && all) {
            facts.proxy_ndp = *own || *all;
        }
        facts.proxy_entries = proxy_entries(index) + proxy_entries(0);
        if (groups_) {
            const auto held = groups_->find(index);
            facts.kernel_groups =
                held == groups_->end() ? std::vector<SolicitedNodeGroup>{} : held->second;
            facts.reports_leave = try_mld_report(config.interface, index, *facts.kernel_groups);
        }
        return facts;
    }

    /// Of the hosts that are known to be behind its downstreams; a few tell as much as all.
    [[nodiscard]] std::vector<SystemFacts::MisroutedHost> misrouted(
        const UpstreamConfig& config, const std::vector<StateSnapshot::Host>& hosts) const {
        constexpr int kMostLooked = 32;
        std::vector<SystemFacts::MisroutedHost> found;
        const LinkSeen* const link = find_link(config.interface);
        int looked = 0;
        for (const StateSnapshot::Host& host : hosts) {
            const auto address = Ipv6Address::parse(host.address);
            const bool ours = std::find(config.downstreams.begin(), config.downstreams.end(),
                                        host.downstream) != config.downstreams.end();
            if (link == nullptr || !address || !ours || !host.joined || host.state != "confirmed") {
                continue;
            }
            if (++looked > kMostLooked) {
                break;
            }
            if (find_route(*address) == link->index) {
                found.push_back({host.address, host.downstream});
            }
        }
        return found;
    }

private:
    [[nodiscard]] const LinkSeen* find_link(const std::string& name) const {
        const auto it = std::find_if(survey_.links.begin(), survey_.links.end(),
                                     [&](const LinkSeen& link) { return link.name == name; });
        return it == survey_.links.end() ? nullptr : &*it;
    }

    [[nodiscard]] std::string name_of(Ifindex index) const {
        const auto it = std::find_if(survey_.links.begin(), survey_.links.end(),
                                     [&](const LinkSeen& link) { return link.index == index; });
        return it == survey_.links.end() ? "" : it->name;
    }

    [[nodiscard]] std::size_t proxy_entries(Ifindex index) const {
        const auto it = survey_.proxy_entries.find(index);
        return it == survey_.proxy_entries.end() ? 0 : it->second;
    }

    /// By the rules of the daemon.
    [[nodiscard]] bool has_prefix(const UpstreamConfig& config, Ifindex index) const {
        OnLinkPrefixes prefixes(config.prefixes);
        for (const AddressSeen& seen : survey_.addresses) {
            if (seen.index == index) {
                prefixes.add_address(seen.address, seen.prefix_length);
            }
        }
        for (const OnLinkRoute& route : survey_.routes) {
            if (route.index == index) {
                prefixes.add_route(route);
            }
        }
        return !prefixes.empty();
    }

    // First, so that little can have happened since the daemon told its own.
    std::optional<KernelGroups> groups_ = groups_in_kernel();
    LinkSurvey survey_ = survey_links();
};

}  // namespace

SystemFacts gather_system_facts(const Config& config, std::optional<SystemFacts::Daemon> daemon) {
    const Gatherer gatherer;
    SystemFacts facts;
    facts.capture = config.capture;
    facts.kernel = running_kernel();
    facts.forwarding = read_switch("all", "forwarding");
    facts.proxy_process = runs_here(kProxies);
    facts.optmem_max = read_sysctl("net/core/optmem_max");
    for (const UpstreamConfig& upstream : config.upstreams) {
        facts.upstreams.push_back(gatherer.look_at(upstream));
        if (daemon && daemon->state) {
            facts.upstreams.back().misrouted = gatherer.misrouted(upstream, daemon->state->hosts);
        }
        for (const std::string& name : upstream.downstreams) {
            const bool known =
                std::any_of(facts.downstreams.begin(), facts.downstreams.end(),
                            [&](const auto& downstream) { return downstream.name == name; });
            if (!known) {
                facts.downstreams.push_back(gatherer.look_at(name));
            }
        }
    }
    facts.daemon = std::move(daemon);
    if (facts.daemon) {
        facts.daemon->capabilities = effective_capabilities(static_cast<pid_t>(facts.daemon->pid));
    }
    return facts;
}

}  // namespace solicitd::io
