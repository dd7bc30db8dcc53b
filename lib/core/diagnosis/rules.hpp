#pragma once

#include <string>
#include <vector>

#include "core/diagnosis/facts.hpp"
#include "core/diagnosis/finding.hpp"

/// Of what diagnose() consists. Each rule looks at one thing and adds what is wrong with it; some
/// look at what others found, so their order counts. Internal.
namespace solicitd::rules {

using Findings = std::vector<Finding>;
using Interface = SystemFacts::Interface;
using Upstream = SystemFacts::Upstream;
using UpstreamState = StateSnapshot::Upstream;

/// A setting of IPv6 on an interface, by its name for sysctl(8).
[[nodiscard]] std::string conf(std::string interface, const std::string& key);
/// The remedy where a firewall eats MLD reports.
[[nodiscard]] std::string allow_reports();
[[nodiscard]] bool has_found(const Findings& findings, FindingId id);
[[nodiscard]] bool has_found(const Findings& findings, FindingId id, const std::string& interface);
/// What the daemon says of an upstream; null when it says nothing.
[[nodiscard]] const UpstreamState* find_state(const SystemFacts& facts,
                                              const std::string& upstream);

// interfaces.cpp: an interface by itself.
/// False: it cannot work, one finding says why, and what follows from that is not looked for.
[[nodiscard]] bool can_work(const Interface& link, Findings& findings);
void look_at_bridge_port(const Interface& link, Findings& findings);
void look_at_capture(const SystemFacts& facts, const Interface& downstream, Findings& findings);

// forwarding.cpp: whether packets pass, and who answers the gateway.
void look_at_forwarding(const SystemFacts& facts, const std::vector<const Interface*>& links,
                        Findings& findings);
void look_at_router_flag(const SystemFacts& facts, const Interface& downstream, Findings& findings);
void look_at_proxy(const SystemFacts& facts, const Upstream& upstream, Findings& findings);

// routes.cpp: prefixes, and the way to their hosts.
void look_at_prefix(const Upstream& upstream, Findings& findings);
void look_at_routes(const SystemFacts& facts, const Upstream& upstream, Findings& findings);
/// After look_at_routes, which says it better.
void look_at_misrouted(const SystemFacts& facts, const Upstream& upstream, Findings& findings);

// reports.cpp: what is told upstream, and asked there.
void look_at_reports(const Upstream& upstream, Findings& findings);
void look_at_querier(const StateSnapshot& state, const UpstreamState& upstream, Findings& findings);
void look_at_questions(const StateSnapshot& state, const UpstreamState& upstream,
                       Findings& findings);

// groups.cpp: what is held, and how much can be.
void look_at_lost_groups(const Upstream& upstream, const UpstreamState& state, Findings& findings);
void look_at_failed_joins(const SystemFacts& facts, const UpstreamState& state, Findings& findings);
void look_at_group_limit(const UpstreamState& state, Findings& findings);
/// After look_at_failed_joins: little, but enough until now.
void look_at_optmem(const SystemFacts& facts, Findings& findings);

// service.cpp: the daemon.
void look_at_daemon(const SystemFacts::Daemon& daemon, Findings& findings);
void look_at_service(const SystemFacts& facts, Findings& findings);
/// What it complains of, where nothing before said it better: last.
void look_at_problems(const Upstream& upstream, const UpstreamState& state, Findings& findings);

}  // namespace solicitd::rules
