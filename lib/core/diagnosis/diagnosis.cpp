#include "core/diagnosis/diagnosis.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/diagnosis/rules.hpp"

namespace solicitd {

using namespace rules;

namespace {

void look_at_upstream(const SystemFacts& facts, const Upstream& upstream, Findings& findings) {
    if (!can_work(upstream.link, findings)) {
        return;
    }
    look_at_bridge_port(upstream.link, findings);
    look_at_proxy(facts, upstream, findings);
    look_at_prefix(upstream, findings);
    look_at_routes(facts, upstream, findings);
    look_at_misrouted(facts, upstream, findings);
    look_at_reports(upstream, findings);
    if (const UpstreamState* const state = find_state(facts, upstream.link.name)) {
        look_at_querier(*facts.daemon->state, *state, findings);
        look_at_lost_groups(upstream, *state, findings);
        look_at_failed_joins(facts, *state, findings);
        look_at_group_limit(*state, findings);
        look_at_questions(*facts.daemon->state, *state, findings);
        look_at_problems(upstream, *state, findings);
    }
}

void look_at_downstream(const SystemFacts& facts, const Interface& downstream, Findings& findings) {
    if (!can_work(downstream, findings)) {
        return;
    }
    look_at_bridge_port(downstream, findings);
    look_at_router_flag(facts, downstream, findings);
    look_at_capture(facts, downstream, findings);
}

std::vector<const Interface*> usable_links(const SystemFacts& facts) {
    std::vector<const Interface*> links;
    const auto add = [&](const Interface& link) {
        if (link.usable()) {
            links.push_back(&link);
        }
    };
    for (const Upstream& upstream : facts.upstreams) {
        add(upstream.link);
    }
    std::for_each(facts.downstreams.begin(), facts.downstreams.end(), add);
    return links;
}

}  // namespace

std::vector<Finding> diagnose(const SystemFacts& facts) {
    Findings findings;
    look_at_forwarding(facts, usable_links(facts), findings);
    if (facts.daemon) {
        look_at_daemon(*facts.daemon, findings);
        look_at_service(facts, findings);
    }
    for (const Upstream& upstream : facts.upstreams) {
        look_at_upstream(facts, upstream, findings);
    }
    for (const Interface& downstream : facts.downstreams) {
        look_at_downstream(facts, downstream, findings);
    }
    look_at_optmem(facts, findings);
    return findings;
}

std::vector<std::string> unseen(const SystemFacts& facts) {
    std::vector<std::string> remarks;
    const auto remark = [&](bool seen, const std::string& what) {
        if (!seen) {
            remarks.push_back(what + " could not be looked at");
        }
    };
    remark(facts.forwarding.has_value(), conf("all", "forwarding"));
    remark(facts.proxy_process.has_value(),
           "whether ndppd runs here (as root it can, in ndppd's "
           "PID namespace)");
    remark(facts.optmem_max.has_value(), "net.core.optmem_max");
    if (facts.daemon) {
        remark(facts.daemon->capabilities.has_value(), "the daemon's capabilities");
    }
    for (const Upstream& upstream : facts.upstreams) {
        if (upstream.link.usable()) {
            const std::string on = " on " + upstream.link.name;
            remark(upstream.proxy_ndp && upstream.proxy_entries, "the kernel's ND proxy" + on);
            remark(upstream.kernel_groups.has_value(), "the kernel's groups" + on);
            remark(upstream.reports_leave.has_value(), "whether MLD reports leave" + on);
            const UpstreamState* const state = find_state(facts, upstream.link.name);
            remark(state != nullptr, "whether an MLD querier asks" + on + " (the daemon listens)");
            if (state != nullptr && state->querier.state == "unknown") {
                remarks.push_back("no MLD query has been heard yet" + on +
                                  "; one is missed after 255 s");
            }
        }
    }
    return remarks;
}

}  // namespace solicitd
