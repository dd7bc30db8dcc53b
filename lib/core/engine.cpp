#include "core/engine.hpp"

#include <algorithm>

namespace solicitd {

Engine::Engine(const Config& config, std::uint64_t seed)
    : life_(config.host_timeout, config.linger, seed), hosts_(config.max_hosts, seed), seed_(seed) {
    configure(config);
}

void Engine::handle(const Event& event, TimePoint now, Actions& actions) {
    notice_sleep(now);
    const Turn turn{now, actions};
    std::visit([&](const auto& fact) { on(fact, turn); }, event);
}

void Engine::tick(TimePoint now, Actions& actions) {
    notice_sleep(now);
    const Turn turn{now, actions};
    for (Upstream& upstream : upstreams_) {
        upstream.plan.tick(now, actions);
        tick_upstream(upstream, turn);
        if (upstream.orphans_until && *upstream.orphans_until <= now) {
            upstream.orphans_until.reset();
            upstream.prefixes.drop_orphans();
            follow_prefixes(upstream, turn);
        }
        share_if_room(upstream, now);  // a lease may have come to its end
        if (upstream.share_at && *upstream.share_at <= now) {
            replan(index_of(upstream), turn);
        }
        if (upstream.tell_prefixes_at && *upstream.tell_prefixes_at <= now) {
            tell_prefixes(upstream, turn);
        }
        if (upstream.tell_querier_at && *upstream.tell_querier_at <= now) {
            tell_querier(upstream, turn);
        }
    }
    refusals_.tick(now, actions);
    if (audit_at_ && *audit_at_ <= now) {
        audit_at_.reset();
        if (config_.audit_interval > Duration::zero()) {
            audit_at_ = now + config_.audit_interval;
        }
        for (const Upstream& upstream : upstreams_) {
            if (upstream.plan.attached()) {
                actions.emplace_back(AuditGroups{upstream.link.index, upstream.link.name});
            }
        }
    }
    look_at_hosts(turn);
}

/// Each sleep counts once, and for what was there before it: whatever comes first after it, and
/// however long something stays due then.
void Engine::notice_sleep(TimePoint now) {
    if (now - awake_ > kOverslept) {
        if (const auto due = next_step()) {
            const Duration slept = now - std::max(*due, awake_);
            if (slept > kOverslept) {
                wait_anew(slept, now);
            }
        }
    }
    awake_ = now;
}

/// The machine slept: nobody answered because nothing ran, and no prefix could return.
void Engine::wait_anew(Duration slept, TimePoint now) {
    for (Upstream& upstream : upstreams_) {
        upstream.plan.postpone_leases(slept);
        upstream.querier.postpone(slept);
        if (upstream.orphans_until) {
            upstream.orphans_until = now + kOrphanedPrefix;
        }
    }
    hosts_.for_each([&](Host& host) {
        if (host.asked) {
            life_.ask_again(host, now);
            hosts_.schedule(host, life_.due(host));
        }
    });
}

std::optional<TimePoint> Engine::next_deadline() const {
    std::optional<TimePoint> first = next_step();
    for (const Upstream& upstream : upstreams_) {
        const auto report =
            can_report(upstream) ? upstream.announcer.next_deadline() : std::nullopt;
        if (report && (!first || *report < *first)) {
            first = report;
        }
    }
    return first;
}

/// The next deadline but for announcements, which may be overdue for want of something to report:
/// that does not tell of a suspended machine.
std::optional<TimePoint> Engine::next_step() const {
    std::optional<TimePoint> first;
    const auto consider = [&](std::optional<TimePoint> when) {
        if (when && (!first || *when < *first)) {
            first = when;
        }
    };
    for (const Upstream& upstream : upstreams_) {
        consider(upstream.plan.next_deadline());
        consider(upstream.orphans_until);
        consider(upstream.share_at);
        consider(upstream.tell_prefixes_at);
        consider(upstream.tell_querier_at);
        consider(upstream.querier.next_deadline());
    }
    consider(audit_at_);
    consider(refusals_.next_deadline());
    if (const Host* host = hosts_.next()) {
        consider(std::max(host->due, probes_.available_at()));
    }
    return first;
}

bool Engine::ready() const {
    return synced_ && std::all_of(upstreams_.begin(), upstreams_.end(),
                                  [](const Upstream& up) { return up.plan.settled(); });
}

bool Engine::holds_all() const {
    return ready() && std::all_of(upstreams_.begin(), upstreams_.end(),
                                  [](const Upstream& up) { return up.plan.failed() == 0; });
}

void Engine::on(const MembershipResult& event, Turn turn) {
    ++(event.error == 0 ? counters_.joins : counters_.join_failures);
    if (Upstream* upstream = find_upstream(event.upstream)) {
        upstream->plan.result(event.group, event.error, turn.now, turn.actions);
        // Of a group that somebody held already, nobody is told.
        const auto& held = upstream->kernel_groups;
        if (event.error == 0 && !std::binary_search(held.begin(), held.end(), event.group)) {
            upstream->reports.expect(turn.now);
            look_when_due(*upstream);
        }
    }
}

void Engine::on(const GroupsInherited& event, Turn /*turn*/) {
    inherited_.push_back(event);
}

void Engine::on(const GroupsHeld& event, Turn turn) {
    ++counters_.audits;
    if (Upstream* upstream = find_upstream(event.upstream)) {
        upstream->plan.audit(event.groups, turn.actions);
        upstream->kernel_groups = event.groups;
        if (event.output) {
            look_at_output(*upstream, *event.output, turn);
        }
    }
}

void Engine::on(const GroupGone& event, Turn turn) {
    const Upstream* upstream = find_upstream(event.index);
    // It may be news of a leave before a join of ours: only the kernel knows what holds now.
    if (upstream != nullptr && upstream->plan.holds(event.group)) {
        audit_soon(turn.now);
    }
}

void Engine::audit_soon(TimePoint now) {
    audit_at(now + kAuditDelay);
}

void Engine::audit_at(TimePoint when) {
    audit_at_ = std::min(audit_at_.value_or(when), when);
}

void Engine::on(const DumpBegin& event, Turn /*turn*/) {
    // A dump that was given up has no end; the next one begins in its place.
    dumping_ = event.kind;
    switch (event.kind) {
        case DumpKind::links:
            for (Upstream& upstream : upstreams_) {
                upstream.link.seen = false;
            }
            for (Downstream& downstream : downstreams_) {
                downstream.link.seen = false;
            }
            break;
        case DumpKind::addresses:
            addresses_dumped_ = false;
            for (Upstream& upstream : upstreams_) {
                upstream.prefixes.begin_dump(OnLinkPrefixes::Origin::address);
                upstream.own_addresses.begin_dump();
            }
            for (Downstream& downstream : downstreams_) {
                downstream.own_addresses.begin_dump();
            }
            break;
        case DumpKind::routes:
            for (Upstream& upstream : upstreams_) {
                upstream.prefixes.begin_dump(OnLinkPrefixes::Origin::route);
            }
            break;
        case DumpKind::neighbors:
            hosts_.for_each([](Host& host) { host.in_dump = false; });
            for (Downstream& downstream : downstreams_) {
                downstream.link_locals.begin_dump();
            }
            break;
    }
}

void Engine::on(const DumpEnd& event, Turn turn) {
    dumping_.reset();
    switch (event.kind) {
        case DumpKind::links: end_dump_of_links(turn); break;
        case DumpKind::addresses:
            addresses_dumped_ = true;
            sweep_own_addresses(turn);
            break;
        case DumpKind::routes:
            // Both at once: a prefix may have changed from the one to the other.
            for (Upstream& upstream : upstreams_) {
                const bool up = upstream.link.carries_ipv6();
                upstream.prefixes.end_dump(OnLinkPrefixes::Origin::route, up);
                if (addresses_dumped_) {
                    upstream.prefixes.end_dump(OnLinkPrefixes::Origin::address, up);
                }
                follow_prefixes(upstream, turn);
            }
            break;
        case DumpKind::neighbors:
            forget_unseen_neighbors(turn.now);
            if (!std::exchange(synced_, true)) {
                end_first_round(turn);
            }
            audit_soon(turn.now);  // what was missed may have cost memberships
            for (Upstream& upstream : upstreams_) {
                tell_missing_prefix(upstream, turn);
            }
            break;
    }
}

Engine::Summary Engine::summary() const {
    Summary summary;
    summary.hosts = hosts_.size();
    for (const Upstream& upstream : upstreams_) {
        Summary::Upstream& line = summary.upstreams.emplace_back();
        line.name = upstream.link.name;
        line.held = upstream.plan.held();
        line.failed = upstream.plan.failed();
        line.problems = problems(upstream);
        if (upstream.querier.state() == QuerierWatch::State::present) {
            line.querier = upstream.querier.querier()->address;
            line.querier_version = upstream.querier.querier()->version;
        }
        if (upstream.announcer.repeats()) {
            line.announcing = config_.announce_interval;
        }
    }
    for (const Downstream& downstream : downstreams_) {
        if (downstream.upstreams != 0 && !downstream.link.exists()) {
            summary.absent_downstreams.push_back(downstream.link.name);
        }
    }
    return summary;
}

}  // namespace solicitd
