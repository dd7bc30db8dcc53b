#include "core/simulation/storm.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

#include "fakes/nd_packets.hpp"

namespace solicitd::test {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const Ipv6Prefix kPrefix1 = Ipv6Prefix::parse("2001:db8:1::/64").value();
const Ipv6Prefix kPrefix2 = Ipv6Prefix::parse("2001:db8:2::/64").value();
const Ipv6Prefix kPrefix3 = Ipv6Prefix::parse("2001:db8:3::/64").value();

}  // namespace

Storm::Storm(Scene& scene, Invariants& invariants)
    : scene_(scene),
      dice_(scene.dice),
      world_(scene.world),
      kernel_(scene.world.kernel),
      invariants_(invariants),
      adversary_(scene) {
    repair();
}

void Storm::step() {
    world_.log.clear();
    const std::uint64_t face = dice_.below(1000);
    if (face < 260) {
        pass_time();
    } else if (face < 400) {
        arrive(dice_.any(scene_.hosts));
    } else if (face < 430) {
        talk_mld();
    } else if (face < 450) {
        adversary_.attack();
    } else if (face < 520) {
        const Ipv6Address& host = dice_.any(scene_.hosts).address;
        scene_.happened["departures"] += kernel_.lives(host);
        kernel_.host_dies(host);
    } else if (face < 800) {
        speak(dice_.any(scene_.hosts));
    } else if (face < 880) {
        change_neighbors();
    } else if (face < 940) {
        change_link();
    } else if (face < 970) {
        change_prefix();
    } else if (face < 980) {
        change_faults();
    } else if (face < 986) {
        overrun();
    } else if (face < 990) {
        reload();
    } else if (face < 993) {
        restart();
    } else if (face < 996) {
        ++scene_.happened["suspends"];
        world_.suspend(minutes(dice_.below(600)));
    } else {
        repair();
    }
    world_.pump();
    world_.run_for(milliseconds(dice_.below(3)));
}

void Storm::pass_time() {
    const std::uint64_t kind = dice_.below(20);
    world_.run_for(kind < 16   ? milliseconds(dice_.below(500))
                   : kind < 19 ? milliseconds(dice_.below(20'000))
                               : milliseconds(dice_.below(600'000)));
}

void Storm::arrive(const LanHost& host) {
    if (kernel_.link(host.downstream) == nullptr) {
        return;
    }
    ++scene_.happened["arrivals"];
    kernel_.host_lives(host.address, host.downstream);
    say(host, Evidence::dad_solicitation);
}

void Storm::speak(const LanHost& host) {
    if (!kernel_.lives(host.address)) {
        return;
    }
    say(host, dice_.chance(2) ? Evidence::solicitation : Evidence::advertisement);
    if (kernel_.link(host.downstream) != nullptr && dice_.chance(3)) {
        // The NS was for the router itself: the kernel takes note of the sender.
        if (kernel_.neighbor(host.downstream, host.address) == NeighborState::none) {
            kernel_.set_neighbor(host.downstream, host.address, NeighborState::stale,
                                 FakeKernel::mac_of(host.address));
        }
    }
}

void Storm::say(const LanHost& host, Evidence evidence) {
    const FakeKernel::Link* lan = kernel_.link(host.downstream);
    kernel_.host_says(host.address, host.downstream, evidence);
    const bool heard = lan != nullptr && lan->running() && kernel_.captured(host.downstream) &&
                       can_be_served(host);
    world_.pump();
    if (heard) {
        invariants_.check_heard(host);
    }
}

/// Where all prefixes are configured, others are not even remembered.
bool Storm::can_be_served(const LanHost& host) const {
    const auto& upstreams = world_.config.upstreams;
    return std::any_of(upstreams.begin(), upstreams.end(), [&](const UpstreamConfig& each) {
        return std::count(each.downstreams.begin(), each.downstreams.end(), host.downstream) != 0 &&
               (each.prefixes.empty() || scene_.is_shared(each, host.address));
    });
}

/// What is said upstream, and the LAN's reports.
void Storm::talk_mld() {
    const std::string upstream = dice_.chance(2) ? "up0" : "up1";
    const FakeKernel::Link* link = kernel_.link(upstream);
    const bool heard = link != nullptr && link->running() && kernel_.captured(upstream);
    const LanHost& host = dice_.any(scene_.hosts);
    const FakeKernel::Link* lan = kernel_.link(host.downstream);
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(host.address);
    switch (dice_.below(4)) {
        case 0:
            if (heard) {
                ++scene_.happened["queries"];
                world_.handle(QueryHeard{link->index, random_query()});
            }
            break;
        case 1:
            if (heard) {
                world_.handle(NeighborAsked{link->index, host.address});
            }
            break;
        case 2:
            if (heard) {
                world_.handle(GroupReported{link->index, group, MldVersion::v1, {}});
            }
            break;
        default:
            if (lan != nullptr && lan->running() && kernel_.captured(host.downstream) &&
                kernel_.lives(host.address)) {
                ++scene_.happened["reports"];
                const bool is_known = dice_.chance(3);
                const bool answered = is_known && dice_.chance(2);
                if (is_known) {
                    kernel_.set_neighbor(host.downstream, host.link_local(),
                                         answered ? NeighborState::reachable : NeighborState::stale,
                                         FakeKernel::mac_of(host.address));
                    world_.pump();
                }
                invariants_.hear_report(host, answered);
            }
            break;
    }
}

MldQuery Storm::random_query() {
    static const std::vector<Ipv6Address> sources = {address("fe80::a"), address("fe80::b"),
                                                     Ipv6Address{}};
    MldQuery query;
    query.source = dice_.any(sources);
    query.version = dice_.chance(4) ? MldVersion::v1 : MldVersion::v2;
    query.max_response = milliseconds(dice_.below(10'000));
    if (query.version == MldVersion::v2) {
        query.robustness = static_cast<std::uint8_t>(dice_.below(8));
        query.interval = seconds(dice_.below(200));
    }
    if (dice_.chance(4)) {
        query.group = SolicitedNodeGroup::of(dice_.any(scene_.hosts).address).address();
    }
    return query;
}

void Storm::change_neighbors() {
    const LanHost& host = dice_.any(scene_.hosts);
    const FakeKernel::Link* lan = kernel_.link(host.downstream);
    if (lan == nullptr || !lan->running() || dice_.chance(3)) {
        kernel_.collect_neighbors();
    } else if (dice_.chance(4)) {
        ++scene_.happened["permanent entries"];
        kernel_.set_neighbor(host.downstream, host.address, NeighborState::permanent,
                             FakeKernel::mac_of(host.address));
    } else if (kernel_.neighbor(host.downstream, host.address) == NeighborState::permanent) {
        kernel_.remove_neighbor(host.downstream, host.address);
    } else if (dice_.chance(2)) {
        // Of the router itself: its own address, and what it proxies.
        kernel_.frame(host.downstream, address("2001:db8:1::dead:beef"), lan->mac,
                      Evidence::advertisement);
    } else {
        kernel_.add_address(host.downstream, address("2001:db8:1::ff"), 64);
    }
}

void Storm::change_link() {
    static const std::vector<std::string> names = {"up0", "up1", "lan0", "lan1", "lan2"};
    const std::string& name = dice_.any(names);
    const FakeKernel::Link* link = kernel_.link(name);
    if (link == nullptr) {
        ++scene_.happened["links created"];
        kernel_.create_link(name, dice_.chance(2) ? former_index_[name] : 0);
        world_.pump();
        give_addresses(name);
        return;
    }
    switch (dice_.below(6)) {
        case 0: kernel_.set_carrier(name, !link->carrier); break;
        case 1:
            kernel_.set_up(name, !link->up);
            if (link->up && dice_.chance(2)) {
                give_addresses(name);
            }
            break;
        case 2:
            former_index_[name] = link->index;
            kernel_.delete_link(name);
            break;
        case 3: kernel_.set_mtu(name, link->has_ipv6() ? 1200 : 1500); break;
        case 4:
            kernel_.rename_link(name, "away");
            world_.pump();
            kernel_.rename_link("away", name);
            break;
        case 5: kernel_.set_snooping_bridge(name, !link->snooping_bridge); break;
        default: break;
    }
    ++scene_.happened["link changes"];
}

/// As an RA, or networkd, would after the interface came up.
void Storm::give_addresses(const std::string& name) {
    const FakeKernel::Link* link = kernel_.link(name);
    if (!link->up || !link->has_ipv6()) {
        return;
    }
    if (name == "up0") {
        kernel_.add_address(name, address("2001:db8:1::1"), 64);
        kernel_.add_address(name, Scene::link_local_of(name), 64);
        kernel_.add_route(name, kPrefix1);
    } else if (name == "up1") {
        kernel_.add_address(name, Scene::link_local_of(name), 64);
        kernel_.add_route(name, kPrefix2);
    }
}

void Storm::change_prefix() {
    const std::string name = dice_.chance(2) ? "up0" : "up1";
    const FakeKernel::Link* link = kernel_.link(name);
    if (link == nullptr || !link->up || !link->has_ipv6()) {
        return;
    }
    ++scene_.happened["prefix changes"];
    switch (dice_.below(5)) {
        case 0: kernel_.add_route(name, kPrefix3); break;
        case 1: kernel_.remove_route(name, kPrefix3); break;
        case 2: kernel_.remove_address(name, address("2001:db8:1::1")); break;
        case 3: kernel_.remove_route(name, kPrefix1); break;
        default: give_addresses(name); break;
    }
}

void Storm::change_faults() {
    ++scene_.happened["faults"];
    refusing_joins_ = dice_.chance(2);
    kernel_.refuse_joins(refusing_joins_ ? ENOMEM : 0);
    kernel_.refuse_probes(dice_.chance(2) ? ENOBUFS : 0);
    kernel_.drop_reports(dice_.chance(2));
}

void Storm::overrun() {
    ++scene_.happened["overruns"];
    kernel_.lose_notifications(true);
    for (std::uint64_t i = dice_.below(8); i > 0; --i) {
        switch (dice_.below(6)) {
            case 0: change_link(); break;
            case 1: change_prefix(); break;
            case 2: change_neighbors(); break;
            case 3: lose_silently(dice_.chance(2) ? "up0" : "up1"); break;
            default: arrive(dice_.any(scene_.hosts)); break;
        }
        world_.run_for(milliseconds(dice_.below(50)));
    }
    world_.overrun_ends();
    world_.run_for(seconds(2));  // a round of dumps, and the audit that follows it
    invariants_.check_held();
}

/// What no event will ever tell, and no dump shows.
void Storm::lose_silently(const std::string& name) {
    const FakeKernel::Link* link = kernel_.link(name);
    if (link == nullptr || !link->has_ipv6()) {
        return;
    }
    if (dice_.chance(2)) {
        ++scene_.happened["unseen MTU dips"];
        kernel_.set_mtu(name, 1200);
        kernel_.set_mtu(name, 1500);
    } else {
        ++scene_.happened["unseen recreations with the same index"];
        const Ifindex index = link->index;
        kernel_.delete_link(name);
        kernel_.create_link(name, index);
    }
    give_addresses(name);
}

void Storm::reload() {
    ++scene_.happened["reloads"];
    invariants_.reload(dice_.any(scene_.configs));
}

void Storm::restart() {
    std::vector<SavedHost> saved = world_.engine->saved_hosts(world_.now);
    const bool forgets = dice_.chance(2);
    if (forgets) {  // it died between two writes
        std::erase_if(saved, [&](const SavedHost&) { return dice_.chance(3); });
    }
    const std::set<FakeKernel::Membership> before = kernel_.memberships();
    invariants_.forget();
    if (dice_.chance(4)) {
        ++scene_.happened["restarts that lose the sockets"];
        world_.restart_without_sockets(saved);
        return world_.run_for(milliseconds(100));
    }
    ++scene_.happened["restarts"];
    world_.restart(saved);
    world_.run_for(milliseconds(100));
    if (!refusing_joins_) {  // otherwise nothing can take over
        invariants_.check_kept(before);
    }
}

void Storm::repair() {
    refusing_joins_ = false;
    for (const std::string name : {"up0", "up1", "lan0", "lan1", "lan2"}) {
        if (kernel_.link(name) == nullptr) {
            kernel_.create_link(name);
        }
        kernel_.set_mtu(name, 1500);
        kernel_.set_carrier(name, true);
        kernel_.set_up(name, true);
        give_addresses(name);
    }
    kernel_.refuse_joins(0);
    kernel_.refuse_probes(0);
    kernel_.drop_reports(false);
}

void Storm::end() {
    world_.log.clear();
    repair();
    for (const LanHost& host : scene_.hosts) {
        if (kernel_.neighbor(host.downstream, host.address) == NeighborState::permanent) {
            kernel_.remove_neighbor(host.downstream, host.address);
        }
    }
}

}  // namespace solicitd::test
