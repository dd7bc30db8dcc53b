#include "fakes/fake_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace solicitd::test {

Ifindex FakeKernel::create_link(const std::string& name, Ifindex index) {
    Link link;
    link.index = index != 0 ? index : last_index_ + 1;
    last_index_ = std::max(last_index_, link.index);
    link.name = name;
    link.mac.bytes = {2, 0xFF, 0, 0, 0, static_cast<std::uint8_t>(link.index)};
    links_[name] = link;
    notify(link);
    return link.index;
}

void FakeKernel::delete_link(const std::string& name) {
    set_up(name, false);
    const Link link = at(name);
    links_.erase(name);
    flush_addresses(link.index);
    flush_neighbors(link.index);
    lose_memberships(link.index);
    // captured_ stays: the adapter sees that its socket was unbound, and opens it again on an
    // interface that took the index over.
    notify(LinkGone{link.index});
}

void FakeKernel::rename_link(const std::string& name, const std::string& new_name) {
    Link link = at(name);
    links_.erase(name);
    link.name = new_name;
    links_[new_name] = link;
    notify(link);
}

void FakeKernel::set_up(const std::string& name, bool up) {
    Link& link = at(name);
    if (std::exchange(link.up, up) == up) {
        return;
    }
    notify(link);
    if (!up) {
        flush_addresses(link.index);
        flush_neighbors(link.index);
    }
}

void FakeKernel::set_carrier(const std::string& name, bool carrier) {
    Link& link = at(name);
    if (std::exchange(link.carrier, carrier) == carrier) {
        return;
    }
    notify(link);
    if (!carrier) {
        flush_neighbors(link.index);
    }
}

void FakeKernel::set_mtu(const std::string& name, std::uint32_t mtu) {
    Link& link = at(name);
    link.mtu = mtu;
    notify(link);  // before what the kernel does because of it (Linux 6.18)
    if (!link.has_ipv6()) {
        flush_addresses(link.index);
        flush_neighbors(link.index);
        lose_memberships(link.index);
    }
}

void FakeKernel::set_mac(const std::string& name, const MacAddress& mac) {
    at(name).mac = mac;
    notify(at(name));
}

void FakeKernel::set_snooping_bridge(const std::string& name, bool snooping) {
    at(name).snooping_bridge = snooping;
    notify(at(name));
}

void FakeKernel::set_bridge(const std::string& name, Ifindex bridge) {
    at(name).bridge = bridge;
    notify(at(name));
}

void FakeKernel::add_address(const std::string& name, const Ipv6Address& address,
                             std::uint8_t length) {
    const Ifindex index = at(name).index;
    const bool known = std::any_of(addresses_.begin(), addresses_.end(), [&](const Address& each) {
        return each.index == index && each.address == address;
    });
    if (!known) {
        addresses_.push_back({index, address, length});
    }
    notify(AddressSeen{index, address, length});
}

void FakeKernel::remove_address(const std::string& name, const Ipv6Address& address) {
    const Ifindex index = at(name).index;
    const auto gone = std::remove_if(
        addresses_.begin(), addresses_.end(),
        [&](const Address& each) { return each.index == index && each.address == address; });
    if (gone != addresses_.end()) {
        addresses_.erase(gone, addresses_.end());
        notify(AddressGone{index, address});
    }
}

void FakeKernel::add_route(const std::string& name, const Ipv6Prefix& prefix,
                           std::uint32_t metric) {
    const OnLinkRoute route{at(name).index, prefix, 254, metric};
    if (std::find(routes_.begin(), routes_.end(), route) == routes_.end()) {
        routes_.push_back(route);
    }
    notify(RouteSeen{route});
}

void FakeKernel::remove_route(const std::string& name, const Ipv6Prefix& prefix,
                              std::uint32_t metric) {
    const OnLinkRoute route{at(name).index, prefix, 254, metric};
    const auto gone = std::remove(routes_.begin(), routes_.end(), route);
    if (gone != routes_.end()) {
        routes_.erase(gone, routes_.end());
        notify(RouteGone{route});
    }
}

void FakeKernel::set_neighbor(const std::string& name, const Ipv6Address& address,
                              NeighborState state, const MacAddress& mac) {
    const NeighborKey key{at(name).index, address};
    neighbors_[key].mac = mac;
    enter(key, state);
}

void FakeKernel::remove_neighbor(const std::string& name, const Ipv6Address& address) {
    const NeighborKey key{at(name).index, address};
    if (const auto it = neighbors_.find(key); it != neighbors_.end()) {
        timers_.erase({it->second.next_step, key});
        neighbors_.erase(it);
        notify(NeighborGone{key.first, key.second});
    }
}

void FakeKernel::collect_neighbors() {
    for (auto it = neighbors_.begin(); it != neighbors_.end();) {
        const auto& [key, entry] = *it;
        if (entry.state == NeighborState::stale || entry.state == NeighborState::failed) {
            notify(NeighborGone{key.first, key.second});
            it = neighbors_.erase(it);
        } else {
            ++it;
        }
    }
}

void FakeKernel::host_lives(const Ipv6Address& host, const std::string& downstream) {
    living_[host] = downstream;
}

void FakeKernel::host_says(const Ipv6Address& host, const std::string& downstream,
                           Evidence evidence) {
    frame(downstream, host, mac_of(host), evidence);
}

void FakeKernel::frame(const std::string& downstream, const Ipv6Address& host,
                       const MacAddress& mac, Evidence evidence) {
    const Link* lan = link(downstream);
    if (lan != nullptr && lan->running() && captured_.count(lan->index) != 0) {
        // A packet socket's, not netlink's: not lost with notifications.
        notifications.emplace_back(HostSeen{lan->index, host, mac, evidence});
    }
}

MacAddress FakeKernel::mac_of(const Ipv6Address& host) {
    const auto& bytes = host.bytes;
    return {{2, 0, 0, bytes[13], bytes[14], bytes[15]}};
}

int FakeKernel::join(const Membership& membership) {
    const Link* upstream = link(membership.upstream);
    if (upstream == nullptr) {
        return ENODEV;
    }
    if (join_error_ != 0) {
        return join_error_;
    }
    if (!upstream->has_ipv6()) {
        return EINVAL;
    }
    if (pool_.insert(membership).second) {
        held_.insert(membership);
        MldOutput& output = outputs_[membership.upstream];
        ++(dropping_reports_ ? output.discards : output.reports);
    }
    return 0;
}

int FakeKernel::send_report(const SendReport& report) {
    const Link* upstream = link(report.upstream);
    if (upstream == nullptr || !upstream->running()) {
        return upstream == nullptr ? ENODEV : ENETDOWN;
    }
    const bool own = std::any_of(addresses_.begin(), addresses_.end(), [&](const Address& each) {
        return each.index == report.upstream && each.address == report.source;
    });
    if (!own) {
        return EADDRNOTAVAIL;
    }
    outputs_[report.upstream].discards += dropping_reports_ ? 1 : 0;
    return dropping_reports_ ? EPERM : 0;
}

MldOutput FakeKernel::output(Ifindex upstream) const {
    const auto found = outputs_.find(upstream);
    return found == outputs_.end() ? MldOutput{} : found->second;
}

void FakeKernel::leave(const Membership& membership) {
    pool_.erase(membership);
    held_.erase(membership);
}

void FakeKernel::forget(Ifindex upstream) {
    const auto of_upstream = [&](const Membership& each) { return each.upstream == upstream; };
    std::erase_if(pool_, of_upstream);
    std::erase_if(held_, of_upstream);
}

void FakeKernel::keep_sockets() {
    kept_.merge(held_);
    held_.clear();
    pool_.clear();
}

int FakeKernel::probe(Ifindex index, const Ipv6Address& address) {
    const Link* lan = link(index);
    if (lan == nullptr || probe_error_ != 0) {
        return lan == nullptr ? ENODEV : probe_error_;
    }
    if (!lan->has_ipv6()) {
        return EINVAL;
    }
    const NeighborKey key{index, address};
    switch (neighbor(lan->name, address)) {
        case NeighborState::none:
        case NeighborState::failed: enter(key, NeighborState::incomplete); break;
        case NeighborState::stale: enter(key, NeighborState::delay); break;
        case NeighborState::reachable:
        case NeighborState::permanent:
            if (answers(key)) {
                host_says(address, lan->name, Evidence::advertisement);
            }
            break;
        case NeighborState::incomplete:
        case NeighborState::delay:
        case NeighborState::probe: break;  // being asked already
    }
    return 0;
}

void FakeKernel::dump(DumpKind kind) {
    notifications.emplace_back(DumpBegin{kind});
    switch (kind) {
        case DumpKind::links:
            for (const auto& [name, link] : links_) {
                notify(link);
            }
            break;
        case DumpKind::addresses:
            for (const Address& each : addresses_) {
                notify(AddressSeen{each.index, each.address, each.length});
            }
            break;
        case DumpKind::routes:
            for (const OnLinkRoute& route : routes_) {
                notify(RouteSeen{route});
            }
            break;
        case DumpKind::neighbors:
            for (const auto& [key, entry] : neighbors_) {
                notify(NeighborSeen{key.first, key.second, entry.mac, entry.state});
            }
            break;
    }
    notifications.emplace_back(DumpEnd{kind});
}

std::optional<TimePoint> FakeKernel::next_timer() const {
    return timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first);
}

void FakeKernel::run_timers(TimePoint now) {
    now_ = now;
    while (!timers_.empty() && timers_.begin()->first <= now) {
        const NeighborKey key = timers_.begin()->second;
        timers_.erase(timers_.begin());
        Neighbor& entry = neighbors_.at(key);
        if (entry.state == NeighborState::reachable) {
            enter(key, NeighborState::stale);
        } else if (answers(key)) {
            entry.mac = mac_of(key.second);
            enter(key, NeighborState::reachable);
            host_says(key.second, link(key.first)->name, Evidence::advertisement);
        } else if (entry.state == NeighborState::delay) {
            enter(key, NeighborState::probe);
        } else if (++entry.tries > kTries) {
            enter(key, NeighborState::failed);
        } else {
            entry.next_step = now + kRetransmit;
            timers_.insert({entry.next_step, key});
        }
    }
}

void FakeKernel::shift_timers(Duration slept) {
    std::set<std::pair<TimePoint, NeighborKey>> shifted;
    for (const auto& [when, key] : timers_) {
        neighbors_.at(key).next_step += slept;
        shifted.insert({when + slept, key});
    }
    timers_ = std::move(shifted);
}

const FakeKernel::Link* FakeKernel::link(const std::string& name) const {
    const auto it = links_.find(name);
    return it == links_.end() ? nullptr : &it->second;
}

const FakeKernel::Link* FakeKernel::link(Ifindex index) const {
    const auto it = std::find_if(links_.begin(), links_.end(),
                                 [&](const auto& each) { return each.second.index == index; });
    return it == links_.end() ? nullptr : &it->second;
}

Ifindex FakeKernel::index(const std::string& name) const {
    const Link* found = link(name);
    return found == nullptr ? 0 : found->index;
}

bool FakeKernel::holds(const std::string& upstream, const Ipv6Address& host) const {
    return holds(Membership{index(upstream), SolicitedNodeGroup::of(host)});
}

std::set<FakeKernel::Membership> FakeKernel::memberships() const {
    std::set<Membership> all = held_;
    all.insert(kept_.begin(), kept_.end());
    return all;
}

std::vector<SolicitedNodeGroup> FakeKernel::groups_held(Ifindex upstream) const {
    std::set<SolicitedNodeGroup> groups;
    for (const Membership& membership : memberships()) {
        if (membership.upstream == upstream) {
            groups.insert(membership.group);
        }
    }
    for (const Address& own : addresses_) {
        if (own.index == upstream) {
            groups.insert(SolicitedNodeGroup::of(own.address));
            groups.insert(SolicitedNodeGroup::of(Ipv6Prefix(own.address, own.length).address()));
        }
    }
    return {groups.begin(), groups.end()};
}

bool FakeKernel::captured(const std::string& name) const {
    return captured_.count(index(name)) != 0;
}

bool FakeKernel::on_link(const std::string& upstream, const Ipv6Address& host) const {
    const Ifindex where = index(upstream);
    return where != 0 &&
           (std::any_of(addresses_.begin(), addresses_.end(),
                        [&](const Address& each) {
                            return each.index == where && each.length < 128 &&
                                   Ipv6Prefix(each.address, each.length).contains(host);
                        }) ||
            std::any_of(routes_.begin(), routes_.end(), [&](const OnLinkRoute& route) {
                return route.index == where && route.prefix.contains(host);
            }));
}

NeighborState FakeKernel::neighbor(const std::string& name, const Ipv6Address& address) const {
    const auto it = neighbors_.find({index(name), address});
    return it == neighbors_.end() ? NeighborState::none : it->second.state;
}

FakeKernel::Link& FakeKernel::at(const std::string& name) {
    return links_.at(name);
}

void FakeKernel::notify(Event event) {
    if (!losing_) {
        notifications.push_back(std::move(event));
    }
}

void FakeKernel::notify(const Link& link) {
    notify(LinkSeen{link.index, link.name, link.mac, link.mtu, link.running(), link.snooping_bridge,
                    link.bridge});
}

void FakeKernel::enter(const NeighborKey& key, NeighborState state) {
    Neighbor& entry = neighbors_[key];
    timers_.erase({entry.next_step, key});
    entry.state = state;
    entry.tries = 0;
    const auto until = [&](Duration after) {
        entry.next_step = now_ + after;
        timers_.insert({entry.next_step, key});
    };
    switch (state) {
        case NeighborState::probe:
        case NeighborState::incomplete:
            entry.tries = 1;
            until(kAnswer);
            break;
        case NeighborState::delay:
            until(answers(key) ? kAnswer : kDelay);
            return;  // kernel: __neigh_event_send tells nobody
        case NeighborState::reachable: until(kReachable); break;
        default: break;
    }
    notify(NeighborSeen{key.first, key.second, entry.mac, state});
}

void FakeKernel::flush_addresses(Ifindex index) {
    for (auto it = addresses_.begin(); it != addresses_.end();) {
        if (it->index == index) {
            notify(AddressGone{index, it->address});
            it = addresses_.erase(it);
        } else {
            ++it;
        }
    }
    for (auto it = routes_.begin(); it != routes_.end();) {
        if (it->index == index) {
            notify(RouteGone{*it});
            it = routes_.erase(it);
        } else {
            ++it;
        }
    }
}

void FakeKernel::flush_neighbors(Ifindex index) {
    for (auto it = neighbors_.begin(); it != neighbors_.end();) {
        if (it->first.first == index) {
            timers_.erase({it->second.next_step, it->first});
            notify(NeighborGone{index, it->first.second});
            it = neighbors_.erase(it);
        } else {
            ++it;
        }
    }
}

void FakeKernel::lose_memberships(Ifindex index) {
    const auto of_upstream = [&](const Membership& each) { return each.upstream == index; };
    std::erase_if(held_, of_upstream);
    std::erase_if(kept_, of_upstream);
}

bool FakeKernel::answers(const NeighborKey& key) const {
    const auto host = living_.find(key.second);
    const Link* lan = link(key.first);
    return host != living_.end() && lan != nullptr && lan->running() && lan->has_ipv6() &&
           host->second == lan->name;
}

World::World(Config its_config, std::uint64_t seed)
    : config(std::move(its_config)), engine(std::make_unique<Engine>(config, seed)), seed_(seed) {}

void World::start() {
    kernel.notifications.clear();  // from before the subscription
    resync_pending = true;
    next_round_ = now;
    run_for(std::chrono::milliseconds(10));
}

void World::pump() {
    while (!kernel.notifications.empty()) {
        const Event event = std::move(kernel.notifications.front());
        kernel.notifications.pop_front();
        handle(event);
    }
}

void World::handle(const Event& event) {
    if (on_event) {
        on_event(event);
    }
    ++events;
    Actions actions;
    engine->handle(event, now, actions);
    take_turn(actions);
}

void World::take_turn(const Actions& actions) {
    execute(actions);
    if (engine->holds_all()) {
        kernel.close_kept_sockets();
    }
}

void World::execute(const Actions& actions) {
    std::vector<Event> answers;
    for (const Action& action : actions) {
        if (on_action) {
            on_action(action);
        }
        log.emplace_back(now, action);
        if (std::optional<Event> answer = execute(action)) {
            answers.push_back(std::move(*answer));
        }
    }
    for (const Event& answer : answers) {
        handle(answer);
    }
}

std::optional<Event> World::execute(const Action& action) {
    if (const auto* join = std::get_if<JoinGroup>(&action)) {
        return MembershipResult{join->upstream, join->group,
                                kernel.join({join->upstream, join->group})};
    }
    if (const auto* probe = std::get_if<ProbeHost>(&action)) {
        return ProbeResult{probe->index, probe->address,
                           kernel.probe(probe->index, probe->address)};
    }
    if (const auto* report = std::get_if<SendReport>(&action)) {
        return ReportSent{report->upstream, kernel.send_report(*report)};
    }
    if (const auto* audit = std::get_if<AuditGroups>(&action)) {
        return GroupsHeld{audit->upstream, kernel.groups_held(audit->upstream),
                          kernel.output(audit->upstream)};
    }
    if (const auto* leave = std::get_if<LeaveGroup>(&action)) {
        kernel.leave({leave->upstream, leave->group});
    } else if (const auto* lost = std::get_if<ForgetMemberships>(&action)) {
        kernel.forget(lost->upstream);
    } else if (const auto* start = std::get_if<StartCapture>(&action)) {
        kernel.start_capture(start->index);
    } else if (const auto* stop = std::get_if<StopCapture>(&action)) {
        kernel.stop_capture(stop->index);
    } else if (std::holds_alternative<Resync>(action)) {
        resync_pending = true;
    }
    return std::nullopt;
}

void World::dump_if_due() {
    if (kernel.losing_notifications()) {
        // As the monitor does: no DumpEnd for what may be incomplete, and another round.
        resync_pending = resync_pending || next_dump_.has_value();
        next_dump_.reset();
        return;
    }
    if (!next_dump_ && resync_pending && next_round_ <= now) {
        resync_pending = false;
        next_dump_ = DumpKind::links;
        next_round_ = now;
    }
    if (!next_dump_ || next_round_ > now) {
        return;
    }
    kernel.dump(*next_dump_);
    if (*next_dump_ == DumpKind::neighbors) {
        next_dump_.reset();
        next_round_ = now + std::chrono::seconds(1);
    } else {
        next_dump_ = static_cast<DumpKind>(static_cast<int>(*next_dump_) + 1);
        next_round_ = now + between_dumps;
    }
}

void World::run_for(Duration duration) {
    constexpr int stuck = 1000;
    const TimePoint end = now + duration;
    int idle_rounds = 0;
    for (;;) {
        kernel.run_timers(now);
        dump_if_due();
        pump();
        std::optional<TimePoint> due = engine->next_deadline();
        if (due && *due <= now) {
            Actions actions;
            engine->tick(now, actions);
            take_turn(actions);
            pump();
            due = engine->next_deadline();
        }
        TimePoint next = end;
        if (due) {
            next = std::min(next, *due);
        }
        if (const auto timer = kernel.next_timer()) {
            next = std::min(next, *timer);
        }
        if (next_dump_ || (resync_pending && !kernel.losing_notifications())) {
            next = std::min(next, next_round_);
        }
        if (now >= end && next >= end) {
            return;
        }
        idle_rounds = next <= now ? idle_rounds + 1 : 0;
        if (idle_rounds > stuck) {
            throw std::logic_error("the engine stays due and gets nowhere");
        }
        now = std::max(now, next);
    }
}

void World::suspend(Duration duration) {
    now += duration;
    kernel.shift_timers(duration);
}

void World::reload(const Config& new_config) {
    config = new_config;
    handle(Reconfigured{new_config});
}

void World::restart_without_sockets(const std::vector<SavedHost>& saved) {
    for (const auto& [name, link] : kernel.links()) {
        kernel.forget(link.index);
    }
    restart(saved);
}

void World::restart(const std::vector<SavedHost>& saved) {
    kernel.keep_sockets();
    for (const auto& downstream : snapshot().downstreams) {
        kernel.stop_capture(downstream.index);
    }
    engine = std::make_unique<Engine>(config, ++seed_);
    for (const SavedHost& host : saved) {
        handle(host);
    }
    if (!kernel.memberships().empty()) {
        for (const auto& [name, link] : kernel.links()) {
            handle(GroupsInherited{link.index, kernel.groups_held(link.index)});
        }
    }
    kernel.lose_notifications(false);
    kernel.notifications.clear();
    next_dump_.reset();
    resync_pending = true;
    next_round_ = now;
}

void World::overrun_ends() {
    kernel.lose_notifications(false);
    resync_pending = true;
}

std::optional<StateSnapshot::Host> World::host(const Ipv6Address& address) const {
    for (const StateSnapshot::Host& each : snapshot().hosts) {
        if (each.address == address.to_string()) {
            return each;
        }
    }
    return std::nullopt;
}

std::vector<Notice> World::notices() const {
    return all<Notice>();
}

std::size_t World::count(NoticeKind kind) const {
    const std::vector<Notice> said = notices();
    return static_cast<std::size_t>(std::count_if(
        said.begin(), said.end(), [&](const Notice& notice) { return notice.kind == kind; }));
}

}  // namespace solicitd::test
