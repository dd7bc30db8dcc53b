#include "core/simulation/invariants.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <variant>
#include <vector>

#include "core/simulation/adversary.hpp"
#include "fakes/allocations.hpp"
#include "fakes/nd_packets.hpp"

namespace solicitd::test {

using std::chrono::seconds;

namespace {

constexpr std::size_t kQuietSlack = 64 * 1024;

void require(bool holds, const std::string& what) {
    if (!holds) {
        throw Violation(what);
    }
}

std::uint64_t made_room(const StateSnapshot& state) {
    return state.counters.at("hosts.evicted") + state.counters.at("groups.evicted");
}

}  // namespace

Invariants::Invariants(Scene& scene)
    : scene_(scene), world_(scene.world), kernel_(scene.world.kernel) {
    world_.on_action = [this](const Action& action) { check_action(action); };
    world_.on_event = [this](const Event& event) { note_answer(event); };
}

void Invariants::check() {
    const StateSnapshot state = world_.snapshot();
    const auto own = static_cast<std::size_t>(
        std::count_if(state.hosts.begin(), state.hosts.end(),
                      [](const auto& host) { return host.state == "own"; }));
    require(state.hosts.size() <= std::max(world_.config.max_hosts, host_count_) + own,
            "more hosts than max-hosts");
    host_count_ = state.hosts.size();
    check_caps(state);
    std::set<std::string> now_present;
    for (const StateSnapshot::Host& host : state.hosts) {
        require(host.state == "own" || host.address == "2001:db8:1::ff" ||
                    scene_.host(host.address) != nullptr ||
                    Adversary::is_made_up(address(host.address)),
                host.address + " never was on the LAN");
        if (is_at_home(host)) {
            now_present.insert(host.address);
        }
    }
    for (const std::string& text : present_) {
        const LanHost* host = scene_.host(text);
        if (host == nullptr || now_present.count(text) != 0) {
            continue;
        }
        const bool configured =
            std::any_of(state.downstreams.begin(), state.downstreams.end(),
                        [&](const auto& each) { return each.name == host->downstream; });
        const bool evicted = confirmed_.count(text) == 0 && room_was_made(state);
        require(!configured || !kernel_.lives(host->address) || evicted,
                text + " lives, yet was given up");
        scene_.happened["living hosts evicted before they were confirmed"] +=
            evicted && kernel_.lives(host->address) ? 1 : 0;
    }
    present_ = std::move(now_present);
    confirmed_.clear();
    served_own_.clear();
    for (const StateSnapshot::Host& host : state.hosts) {
        if (host.state == "own" && host.joined) {
            served_own_.insert(host.address);
        }
        if (answered_.count(host.address) != 0 && is_at_home(host) &&
            (host.state == "confirmed" || host.state == "probing")) {
            confirmed_.insert(host.address);
        }
    }
    answered_ = confirmed_;
    made_room_ = made_room(state);
    check_groups(state);
}

void Invariants::check_heard(const LanHost& host) const {
    if (world_.engine->summary().hosts >= world_.config.max_hosts ||
        world_.host(host.address).has_value()) {
        return;
    }
    const auto of_mac = hosts_by_mac(world_.snapshot());
    const auto same = of_mac.find({host.downstream, FakeKernel::mac_of(host.address).to_string()});
    require(
        same != of_mac.end() && same->second >= max_hosts_per_mac(world_.config, host.downstream),
        host.text + " spoke, yet is no host");
}

/// What a link-local address explains changes nothing; what none can explain is wanted, where there
/// is room.
void Invariants::hear_report(const LanHost& host, bool explained) {
    const std::string group = SolicitedNodeGroup::of(host.address).address().to_string();
    const auto wanted = [](const StateSnapshot& state) {
        std::set<std::tuple<std::string, std::string, std::size_t, bool>> all;
        for (const StateSnapshot::Upstream& upstream : state.upstreams) {
            for (const StateSnapshot::Group& each : upstream.groups) {
                all.emplace(upstream.interface.name, each.group, each.hosts, each.leased);
            }
        }
        return all;
    };
    const auto before = wanted(world_.snapshot());
    world_.handle(GroupReported{kernel_.index(host.downstream),
                                SolicitedNodeGroup::of(host.address), MldVersion::v2,
                                FakeKernel::mac_of(host.address)});
    const StateSnapshot state = world_.snapshot();
    if (explained) {
        ++scene_.happened["explained reports"];
        require(wanted(state) == before, group + " is of a link-local address, yet was leased");
    }
    if (may_be_explained(host)) {
        return;
    }
    for (const StateSnapshot::Upstream& upstream : state.upstreams) {
        const auto& groups = upstream.groups;
        const bool is_wanted = std::any_of(groups.begin(), groups.end(),
                                           [&](const auto& each) { return each.group == group; });
        const bool behind = std::count(upstream.downstreams.begin(), upstream.downstreams.end(),
                                       host.downstream) != 0;
        require(is_wanted || !behind || upstream.prefixes.empty() ||
                    groups.size() >= world_.config.max_groups,
                group + " was reported, yet is not wanted on " + upstream.interface.name);
        scene_.happened["reports that lease"] += is_wanted && wanted(state) != before ? 1 : 0;
    }
}

/// Whether the kernel knows a link-local address of the group on that LAN.
bool Invariants::may_be_explained(const LanHost& reporter) const {
    return std::any_of(scene_.hosts.begin(), scene_.hosts.end(), [&](const LanHost& each) {
        return SolicitedNodeGroup::of(each.address) == SolicitedNodeGroup::of(reporter.address) &&
               kernel_.neighbor(reporter.downstream, each.link_local()) != NeighborState::none;
    });
}

void Invariants::check_held() const {
    for (const StateSnapshot::Upstream& upstream : world_.snapshot().upstreams) {
        const Ifindex index = kernel_.index(upstream.interface.name);
        for (const StateSnapshot::Group& group : upstream.groups) {
            const auto at = *SolicitedNodeGroup::from_address(address(group.group));
            require(group.state != "held" || kernel_.joined({index, at}),
                    group.group + " is not held by the kernel");
        }
    }
}

void Invariants::check_kept(const std::set<FakeKernel::Membership>& before) const {
    const StateSnapshot state = world_.snapshot();
    // Where room is short, the kernel may know better hosts than the last run did.
    const bool no_room_for_hosts = state.hosts.size() >= world_.config.max_hosts;
    for (const FakeKernel::Membership& each : before) {
        const FakeKernel::Link* link = kernel_.link(each.upstream);
        require(kernel_.joined(each) || no_room_for_hosts ||
                    (link != nullptr && full(state, link->name)),
                "a restart lost " + each.group.address().to_string());
    }
}

void Invariants::check_convergence() const {
    const StateSnapshot state = world_.snapshot();
    std::set<FakeKernel::Membership> wanted;
    for (const StateSnapshot::Upstream& upstream : state.upstreams) {
        for (const StateSnapshot::Group& group : upstream.groups) {
            wanted.insert({kernel_.index(upstream.interface.name),
                           *SolicitedNodeGroup::from_address(address(group.group))});
            require(group.state == "held", group.group + " is " + group.state);
        }
    }
    require(wanted == kernel_.memberships(), "wanted is not what the kernel holds");
    require(state.ready, "not ready");
    for (const UpstreamConfig& upstream : world_.config.upstreams) {
        for (const StateSnapshot::Host& host : state.hosts) {
            if (std::count(upstream.downstreams.begin(), upstream.downstreams.end(),
                           host.downstream) != 0) {
                const Ipv6Address at = address(host.address);
                require(!scene_.is_shared(upstream, at) || kernel_.holds(upstream.interface, at) ||
                            full(state, upstream.interface),
                        host.address + " is not served on " + upstream.interface);
            }
        }
    }
}

void Invariants::check_quiet() {
    check();
    check_convergence();
    for (const StateSnapshot::Host& host : world_.snapshot().hosts) {
        require(host.state == "own" || kernel_.lives(address(host.address)),
                host.address + " is dead for long, yet a host: " + host.state);
    }
    for (const StateSnapshot::Upstream& upstream : world_.snapshot().upstreams) {
        for (const StateSnapshot::Group& group : upstream.groups) {
            require(group.hosts > 0, group.group + " has no host for long, yet is wanted");
        }
    }
    ++scene_.happened["quiet ends"];
    check_memory();
}

void Invariants::reload(const Config& next) {
    lowering_ = next.max_groups < world_.config.max_groups;
    world_.reload(next);
    lowering_ = false;
}

void Invariants::forget() {
    present_.clear();
    answered_.clear();
    confirmed_.clear();
}

/// Whom the kernel reached: from then on no forger may take anything from it.
void Invariants::note_answer(const Event& event) {
    const auto* neighbor = std::get_if<NeighborSeen>(&event);
    if (neighbor != nullptr && (neighbor->state == NeighborState::reachable ||
                                neighbor->state == NeighborState::permanent)) {
        const LanHost* host = scene_.host(neighbor->address.to_string());
        if (host != nullptr && kernel_.index(host->downstream) == neighbor->index) {
            answered_.insert(host->text);
        }
    }
}

void Invariants::check_action(const Action& action) {
    if (const auto* leave = std::get_if<LeaveGroup>(&action)) {
        check_leave(*leave);
    } else if (const auto* join = std::get_if<JoinGroup>(&action)) {
        require(!kernel_.joined({join->upstream, join->group}),
                "joined what is held: " + join->group.address().to_string());
        ++scene_.happened["joins"];
    } else if (std::holds_alternative<ProbeHost>(action)) {
        ++scene_.happened["probes"];
        probes_.push_back(world_.now);
        // Of known hosts, and of what is asked for on two upstreams with two downstreams each.
        if (probes_.size() > 100 + 2 * 2 * LanInquiries::kInASecond) {
            require(world_.now - probes_.front() >= seconds(1), "too many probes in a second");
            probes_.pop_front();
        }
    } else if (const auto* report = std::get_if<SendReport>(&action)) {
        check_report(*report);
    }
}

/// A group that is left has no host that lives, was known, and is inside a prefix.
void Invariants::check_leave(const LeaveGroup& leave) {
    const FakeKernel::Link* link = kernel_.link(leave.upstream);
    if (link == nullptr || !kernel_.holds({leave.upstream, leave.group})) {
        ++scene_.happened["repairs"];  // an audit frees the socket's entry of what the kernel lost
        return;
    }
    ++scene_.happened["leaves"];
    for (const UpstreamConfig& upstream : world_.config.upstreams) {
        if (upstream.interface != link->name) {
            continue;
        }
        for (const LanHost& host : scene_.hosts) {
            const bool behind = std::count(upstream.downstreams.begin(), upstream.downstreams.end(),
                                           host.downstream) != 0;
            if (SolicitedNodeGroup::of(host.address) == leave.group && behind &&
                present_.count(host.text) != 0 && kernel_.lives(host.address) &&
                scene_.is_shared(upstream, host.address)) {
                require(may_lose_its_group(host.text),
                        "left the group of " + host.text + ", which lives");
            }
        }
    }
}

/// Where room is short and something better known came.
bool Invariants::may_lose_its_group(const std::string& host) const {
    const StateSnapshot state = world_.snapshot();
    if (lowering_) {
        return true;
    }
    if (confirmed_.count(host) != 0) {
        // Only the router's own address is worth more.
        return std::any_of(state.hosts.begin(), state.hosts.end(), [&](const auto& each) {
            return each.state == "own" && served_own_.count(each.address) == 0;
        });
    }
    return room_was_made(state);
}

bool Invariants::room_was_made(const StateSnapshot& state) const {
    return made_room(state) != made_room_;
}

/// It goes out upstream, from the link-local address that the link has, and fits into a packet.
void Invariants::check_report(const SendReport& report) {
    ++scene_.happened["announcements"];
    const FakeKernel::Link* link = kernel_.link(report.upstream);
    require(link == nullptr || link->name == "up0" || link->name == "up1",
            "a report on " + (link == nullptr ? "" : link->name));
    require(link == nullptr || report.source == Scene::link_local_of(link->name),
            "a report from " + report.source.to_string());
    require(report.groups.size() == 1 ||
                (report.version == MldVersion::v2 && report.groups.size() <= 72),
            "a report of " + std::to_string(report.groups.size()) + " groups");
}

/// No table grows past its cap; what is in it when a cap is lowered may stay.
void Invariants::check_caps(const StateSnapshot& state) {
    MacHostCounts counts = hosts_by_mac(state);
    for (const auto& [of, hosts] : counts) {
        require(hosts <= std::max(max_hosts_per_mac(world_.config, of.first), of_mac_[of]),
                std::to_string(hosts) + " hosts of " + of.second + " on " + of.first);
    }
    of_mac_ = std::move(counts);
    std::map<Ifindex, std::size_t> joined;
    for (const FakeKernel::Membership& each : kernel_.memberships()) {
        joined[each.upstream] += kernel_.joined(each) ? 1 : 0;
    }
    for (const StateSnapshot::Upstream& upstream : state.upstreams) {
        const std::size_t most = world_.config.max_groups;
        require(upstream.groups.size() <= most, "more groups than max-groups");
        require(joined[kernel_.index(upstream.interface.name)] <= most,
                "the kernel holds more groups than max-groups");
        if (upstream.groups.size() == most) {
            full_at_[upstream.interface.name] = world_.now;
            ++scene_.happened["full groups"];
        }
    }
    scene_.happened["full tables"] += state.hosts.size() >= world_.config.max_hosts ? 1 : 0;
}

Invariants::MacHostCounts Invariants::hosts_by_mac(const StateSnapshot& state) {
    MacHostCounts counts;
    for (const StateSnapshot::Host& host : state.hosts) {
        if (host.state != "own" && !host.mac.empty()) {
            ++counts[{host.downstream, host.mac}];
        }
    }
    return counts;
}

/// The groups wanted are those of the hosts inside the prefixes, neither more nor fewer.
void Invariants::check_groups(const StateSnapshot& state) {
    for (const StateSnapshot::Upstream& upstream : state.upstreams) {
        std::vector<Ipv6Prefix> prefixes;
        for (const StateSnapshot::Prefix& each : upstream.prefixes) {
            prefixes.push_back(Ipv6Prefix::parse(each.prefix).value());
        }
        std::map<std::string, std::size_t> expected;
        for (const StateSnapshot::Host& host : state.hosts) {
            const Ipv6Address at = address(host.address);
            if (std::count(upstream.downstreams.begin(), upstream.downstreams.end(),
                           host.downstream) != 0 &&
                std::any_of(prefixes.begin(), prefixes.end(),
                            [&](const Ipv6Prefix& each) { return each.contains(at); })) {
                ++expected[host.group];
            }
        }
        std::map<std::string, std::size_t> wanted;
        for (const StateSnapshot::Group& group : upstream.groups) {
            if (group.hosts > 0) {
                wanted[group.group] = group.hosts;
            } else {
                require(group.leased, group.group + " is wanted without host and lease");
                ++scene_.happened["leased without a host"];
            }
        }
        // Room that comes free is given away within a second.
        const auto full = full_at_.find(upstream.interface.name);
        const bool was_full =
            full != full_at_.end() && world_.now - full->second <= 2 * Engine::kShareAgain;
        const bool right =
            was_full ? std::all_of(wanted.begin(), wanted.end(),
                                   [&](const auto& group) {
                                       const auto all = expected.find(group.first);
                                       return all != expected.end() && group.second <= all->second;
                                   })
                     : wanted == expected;
        require(right, "wanted on " + upstream.interface.name + ": " +
                           std::to_string(wanted.size()) +
                           " groups; of hosts: " + std::to_string(expected.size()));
    }
}

/// Whoever came and went left nothing behind: with the same few hosts, no more than the first
/// time. (Whether each host takes little is for host_table_test.)
void Invariants::check_memory() {
    world_.log.clear();
    world_.log.shrink_to_fit();
    const std::size_t bytes = allocated_bytes();
    quiet_bytes_ = quiet_bytes_ == 0 ? bytes : quiet_bytes_;
    require(bytes <= quiet_bytes_ + kQuietSlack, std::to_string(bytes) +
                                                     " bytes when all is quiet, at first it were " +
                                                     std::to_string(quiet_bytes_));
}

/// Not an address that was forged on another LAN than the host's.
bool Invariants::is_at_home(const StateSnapshot::Host& host) const {
    const LanHost* known = scene_.host(host.address);
    return known == nullptr || known->downstream == host.downstream;
}

bool Invariants::full(const StateSnapshot& state, const std::string& upstream) const {
    return std::any_of(state.upstreams.begin(), state.upstreams.end(), [&](const auto& each) {
        return each.interface.name == upstream && each.groups.size() == world_.config.max_groups;
    });
}

}  // namespace solicitd::test
