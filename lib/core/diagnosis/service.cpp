#include "core/diagnosis/rules.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace solicitd::rules {
namespace {

/// The daemon's problems have the names of our findings.
FindingId id_of(std::string_view problem) {
    for (std::size_t i = 0; i < kFindingIds; ++i) {
        const auto id = static_cast<FindingId>(i);
        if (to_string(id) == problem) {
            return id;
        }
    }
    return FindingId::degraded;
}

bool is_said_better(FindingId id, const Upstream& upstream, const Findings& findings) {
    const auto found = [&](FindingId other) {
        return has_found(findings, other, upstream.link.name);
    };
    switch (id) {
        case FindingId::degraded: return false;  // it may stand for several
        case FindingId::joins_failing: return found(id) || found(FindingId::optmem_low);
        case FindingId::reports_refused: return found(id) || found(FindingId::reports_discarded);
        case FindingId::reports_discarded:
            // The daemon looks now and then, we have tried it just now.
            return found(id) || upstream.reports_leave.has_value();
        default: return found(id);
    }
}

std::string complaint(FindingId id, const std::string& problem) {
    switch (id) {
        case FindingId::joins_failing: return "the kernel refuses to join groups";
        case FindingId::no_room: return "hosts wait for a group: max-groups of them are wanted";
        case FindingId::reports_refused: return "the kernel refuses solicitd's own MLD reports";
        case FindingId::reports_discarded:
            return "the kernel discards MLD reports: a firewall eats them";
        case FindingId::no_link_local:
            return "has no link-local address, from which alone MLD reports may be sent";
        case FindingId::cannot_watch:
            return "solicitd cannot watch it, or one of its downstreams: what is said there is not "
                   "heard";
        default: return "solicitd says that it is degraded: " + problem;
    }
}

std::string remedy_for(FindingId id, const std::string& interface) {
    switch (id) {
        case FindingId::reports_refused:
        case FindingId::reports_discarded: return allow_reports();
        case FindingId::no_link_local:
            return "ip -6 addr show dev " + interface +
                   " scope link: is it there, and no dadfailed or tentative?";
        case FindingId::no_room:
            return "raise max-groups, as far as the switch there holds groups; or find who makes "
                   "up addresses: --dump-state shows the MAC of each";
        default: return "its journal says why: journalctl -u solicitd";
    }
}

}  // namespace

void look_at_daemon(const SystemFacts::Daemon& daemon, Findings& findings) {
    const std::string named = "solicitd (pid " + std::to_string(daemon.pid) + ')';
    if (!daemon.state) {
        findings.push_back({FindingId::no_answer, "", named + " runs, but does not answer",
                            "systemctl restart solicitd; its journal may say why: journalctl "
                            "_PID=" +
                                std::to_string(daemon.pid)});
    }
    constexpr std::uint64_t kNetRaw = 1ULL << 13U;  // linux/capability.h
    if (daemon.capabilities && (*daemon.capabilities & kNetRaw) == 0) {
        findings.push_back({FindingId::no_capability, "", named + " runs without CAP_NET_RAW",
                            "start it as the service does (AmbientCapabilities=CAP_NET_RAW), or "
                            "as root"});
    }
}

void look_at_service(const SystemFacts& facts, Findings& findings) {
    if (!facts.daemon || !facts.daemon->state) {
        return;
    }
    const std::string remedy =
        "systemctl reload solicitd (or was another --runtime-dir or configuration meant?)";
    for (const Upstream& upstream : facts.upstreams) {
        const UpstreamState* const served = find_state(facts, upstream.link.name);
        if (served == nullptr) {
            findings.push_back({FindingId::not_served, upstream.link.name,
                                "the solicitd that runs does not serve it", remedy});
            continue;
        }
        for (const std::string& downstream : upstream.downstreams) {
            if (std::find(served->downstreams.begin(), served->downstreams.end(), downstream) ==
                served->downstreams.end()) {
                findings.push_back(
                    {FindingId::not_served, downstream,
                     "the solicitd that runs does not serve it for " + upstream.link.name, remedy});
            }
        }
    }
}

void look_at_problems(const Upstream& upstream, const UpstreamState& state, Findings& findings) {
    for (const std::string& problem : state.problems) {
        const FindingId id = id_of(problem);
        if (!is_said_better(id, upstream, findings)) {
            findings.push_back({id, upstream.link.name, complaint(id, problem),
                                remedy_for(id, upstream.link.name)});
        }
    }
}

}  // namespace solicitd::rules
