#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "fakes/allocations.hpp"
#include "fakes/fake_kernel.hpp"

/// Streams of everything that happens to a router, from a seed, against what must hold always.
///
/// A phase is a storm - hosts that come, speak and die, links, prefixes, refused joins, overruns,
/// restarts, suspends, reloads, and an adversary on each LAN who forges whatever can be forged -
/// and then quiet, in which all must come right. The seed is the same each time, so that a run can
/// be repeated; SOLICITD_SEED=random draws another. Repeat a failure with the seed that it prints:
/// SOLICITD_SEED=... SOLICITD_SIMULATION_EVENTS=... core_simulation_test
namespace solicitd::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Simulation {
public:
    explicit Simulation(std::uint64_t seed)
        : random_(seed), configs_(make_configs()), world_(configs_.front(), seed) {
        make_hosts();
        world_.on_action = [this](const Action& action) { check_action(action); };
        world_.on_event = [this](const Event& event) { note_answer(event); };
        repair();
        world_.start();
    }

    void run_phase() {
        for (int i = 0; i < 2000; ++i) {
            step();
            check();
        }
        become_quiet();
    }

    [[nodiscard]] std::uint64_t events() const { return world_.events; }
    [[nodiscard]] const std::map<std::string, std::uint64_t>& happened() const { return happened_; }

private:
    struct LanHost {
        Ipv6Address address;
        std::string text;
        std::string downstream;
    };

    static Ipv6Address address(const std::string& text) { return *Ipv6Address::parse(text); }
    static Ipv6Prefix prefix(const std::string& text) { return *Ipv6Prefix::parse(text); }

    static std::vector<Config> make_configs() {
        Config both;
        both.upstreams = {{"up0", {"lan0", "lan1"}, {}}, {"up1", {"lan1", "lan2"}, {}}};
        both.host_timeout = seconds(60);
        both.linger = seconds(300);
        both.max_hosts = 150;
        both.max_groups = 200;
        Config swapped = both;
        std::swap(swapped.upstreams[0], swapped.upstreams[1]);
        swapped.linger = seconds(0);
        Config fewer = both;
        fewer.upstreams = {{"up0", {"lan0"}, {}}};
        fewer.host_timeout = seconds(20);
        Config fixed = both;
        fixed.upstreams[0].prefixes = {prefix("2001:db8:1::/64"), prefix("2001:db8:3::/64")};
        fixed.linger = seconds(20);
        Config small = both;
        small.max_hosts = 24;
        Config few_groups = both;
        few_groups.max_groups = 9;
        few_groups.max_hosts_per_mac = 3;
        few_groups.downstreams = {{"lan1", 6}};
        return {both, swapped, fewer, fixed, small, few_groups};
    }

    void make_hosts() {
        // Few low bits, so that addresses share groups; the third prefix is nobody's at first.
        for (unsigned i = 0; i < 60; ++i) {
            std::ostringstream text;
            text << "2001:db8:" << i % 3 + 1 << "::" << i % 4 + 1 << ":" << i % 17 + 0x10;
            LanHost host{address(text.str()), "", "lan" + std::to_string(i % 5 % 3)};
            host.text = host.address.to_string();
            if (by_text_.emplace(host.text, hosts_.size()).second) {
                hosts_.push_back(host);
            }
        }
    }

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
    template <typename List>
    auto& any(List& list) {
        return list[below(list.size())];
    }
    FakeKernel& kernel() { return world_.kernel; }

    void step() {
        world_.log.clear();
        const std::uint64_t dice = below(1000);
        if (dice < 260) {
            pass_time();
        } else if (dice < 400) {
            arrive(any(hosts_));
        } else if (dice < 430) {
            talk_mld();
        } else if (dice < 450) {
            attack();
        } else if (dice < 520) {
            happened_["departures"] += kernel().lives(any(hosts_).address);
            kernel().host_dies(any(hosts_).address);
        } else if (dice < 800) {
            speak(any(hosts_));
        } else if (dice < 880) {
            change_neighbors();
        } else if (dice < 940) {
            change_link();
        } else if (dice < 970) {
            change_prefix();
        } else if (dice < 980) {
            change_faults();
        } else if (dice < 986) {
            overrun();
        } else if (dice < 990) {
            reload();
        } else if (dice < 993) {
            restart();
        } else if (dice < 996) {
            ++happened_["suspends"];
            world_.suspend(minutes(below(600)));
        } else {
            repair();
        }
        world_.pump();
        world_.run_for(milliseconds(below(3)));
    }

    void pass_time() {
        const std::uint64_t kind = below(20);
        world_.run_for(kind < 16   ? milliseconds(below(500))
                       : kind < 19 ? milliseconds(below(20'000))
                                   : milliseconds(below(600'000)));
    }

    void arrive(const LanHost& host) {
        if (kernel().link(host.downstream) == nullptr) {
            return;
        }
        ++happened_["arrivals"];
        kernel().host_lives(host.address, host.downstream);
        say(host, Evidence::dad_solicitation);
    }

    void speak(const LanHost& host) {
        if (!kernel().lives(host.address)) {
            return;
        }
        say(host, chance(2) ? Evidence::solicitation : Evidence::advertisement);
        if (kernel().link(host.downstream) != nullptr && chance(3)) {
            // The NS was for the router itself: the kernel takes note of the sender.
            if (kernel().neighbor(host.downstream, host.address) == NeighborState::none) {
                kernel().set_neighbor(host.downstream, host.address, NeighborState::stale,
                                      FakeKernel::mac_of(host.address));
            }
        }
    }

    void say(const LanHost& host, Evidence evidence) {
        const FakeKernel::Link* lan = kernel().link(host.downstream);
        kernel().host_says(host.address, host.downstream, evidence);
        const bool heard = lan != nullptr && lan->running() && kernel().captured(host.downstream) &&
                           can_be_served(host);
        world_.pump();
        if (heard && world_.engine->summary().hosts < world_.config.max_hosts &&
            !world_.host(host.address).has_value()) {
            const auto of_mac = hosts_by_mac(world_.snapshot());
            const auto same =
                of_mac.find({host.downstream, FakeKernel::mac_of(host.address).to_string()});
            require(same != of_mac.end() &&
                        same->second >= max_hosts_per_mac(world_.config, host.downstream),
                    host.text + " spoke, yet is no host");
        }
    }

    /// Where all prefixes are configured, others are not even remembered.
    bool can_be_served(const LanHost& host) {
        const auto& upstreams = world_.config.upstreams;
        return std::any_of(upstreams.begin(), upstreams.end(), [&](const UpstreamConfig& each) {
            return std::count(each.downstreams.begin(), each.downstreams.end(), host.downstream) !=
                       0 &&
                   (each.prefixes.empty() || is_shared(each, host.address));
        });
    }

    /// Everything that somebody on a LAN can send, with any address and any MAC.
    void attack() {
        static const std::vector<std::string> lans = {"lan0", "lan1", "lan2"};
        const std::string& lan = any(lans);
        const FakeKernel::Link* link = kernel().link(lan);
        if (link == nullptr || !link->running()) {
            return;
        }
        static constexpr Evidence nd[] = {Evidence::dad_solicitation, Evidence::solicitation,
                                          Evidence::advertisement};
        const std::uint64_t kind = below(4);
        const Evidence evidence = kind < 2 ? Evidence::dad_solicitation : nd[below(3)];
        const bool one_mac = chance(2);
        MacAddress mac = forged_mac();
        for (std::uint64_t packets = below(60); packets > 0; --packets) {
            mac = one_mac ? mac : forged_mac();
            if (kind == 3) {
                ++happened_["forged reports"];
                world_.handle(GroupReported{
                    link->index,
                    SolicitedNodeGroup{static_cast<std::uint32_t>(0x600000 + below(0x10000))},
                    MldVersion::v2, mac});
            } else if (chance(8)) {
                ++happened_["forged ND of hosts"];
                const LanHost& victim = any(hosts_);
                kernel().frame(lan, victim.address, mac, evidence);
                if (chance(4)) {
                    kernel().set_neighbor(lan, victim.address, NeighborState::stale, mac);
                }
            } else {
                ++happened_["made-up hosts"];
                kernel().frame(lan, made_up(), mac, evidence);
            }
            world_.pump();
        }
        if (chance(3)) {
            world_.run_for(milliseconds(below(5000)));
        }
    }

    /// In the prefixes that may be shared, and of no host.
    Ipv6Address made_up() {
        Ipv6Address forged = prefix(chance(3)   ? "2001:db8:3::/64"
                                    : chance(2) ? "2001:db8:2::/64"
                                                : "2001:db8:1::/64")
                                 .address();
        forged.bytes[8] = kMadeUp;
        for (std::size_t byte = 13; byte < 16; ++byte) {
            forged.bytes[byte] = static_cast<std::uint8_t>(below(256));
        }
        return forged;
    }
    static bool is_made_up(const std::string& host) { return address(host).bytes[8] == kMadeUp; }

    MacAddress forged_mac() {
        if (chance(4)) {
            return FakeKernel::mac_of(any(hosts_).address);
        }
        return {{6, 0, 0, 0, static_cast<std::uint8_t>(below(64)),
                 static_cast<std::uint8_t>(below(256))}};
    }

    /// Whom the kernel reached: from then on no forger may take anything from it.
    void note_answer(const Event& event) {
        const auto* neighbor = std::get_if<NeighborSeen>(&event);
        if (neighbor != nullptr && (neighbor->state == NeighborState::reachable ||
                                    neighbor->state == NeighborState::permanent)) {
            const auto host = by_text_.find(neighbor->address.to_string());
            if (host != by_text_.end() &&
                kernel().index(hosts_[host->second].downstream) == neighbor->index) {
                answered_.insert(host->first);
            }
        }
    }

    /// What is said upstream, and the LAN's reports.
    void talk_mld() {
        const std::string upstream = chance(2) ? "up0" : "up1";
        const FakeKernel::Link* link = kernel().link(upstream);
        const bool heard = link != nullptr && link->running() && kernel().captured(upstream);
        const LanHost& host = any(hosts_);
        const FakeKernel::Link* lan = kernel().link(host.downstream);
        const SolicitedNodeGroup group = SolicitedNodeGroup::of(host.address);
        switch (below(4)) {
            case 0:
                if (heard) {
                    ++happened_["queries"];
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
                if (lan != nullptr && lan->running() && kernel().lives(host.address)) {
                    ++happened_["reports"];
                    if (chance(10)) {
                        kernel().set_neighbor(host.downstream, link_local_twin(host.address),
                                              NeighborState::stale,
                                              FakeKernel::mac_of(host.address));
                    }
                    world_.handle(GroupReported{lan->index, group, MldVersion::v2,
                                                FakeKernel::mac_of(host.address)});
                }
                break;
        }
    }

    MldQuery random_query() {
        static const std::vector<Ipv6Address> sources = {address("fe80::a"), address("fe80::b"),
                                                         Ipv6Address{}};
        MldQuery query;
        query.source = any(sources);
        query.version = chance(4) ? MldVersion::v1 : MldVersion::v2;
        query.max_response = milliseconds(below(10'000));
        if (query.version == MldVersion::v2) {
            query.robustness = static_cast<std::uint8_t>(below(8));
            query.interval = seconds(below(200));
        }
        if (chance(4)) {
            query.group = SolicitedNodeGroup::of(any(hosts_).address).address();
        }
        return query;
    }

    static Ipv6Address link_local_twin(Ipv6Address host) {
        std::fill(host.bytes.begin(), host.bytes.begin() + 8, std::uint8_t{0});
        host.bytes[0] = 0xFE;
        host.bytes[1] = 0x80;
        return host;
    }

    void change_neighbors() {
        const LanHost& host = any(hosts_);
        const FakeKernel::Link* lan = kernel().link(host.downstream);
        if (lan == nullptr || !lan->running() || chance(3)) {
            kernel().collect_neighbors();
        } else if (chance(4)) {
            ++happened_["permanent entries"];
            kernel().set_neighbor(host.downstream, host.address, NeighborState::permanent,
                                  FakeKernel::mac_of(host.address));
        } else if (kernel().neighbor(host.downstream, host.address) == NeighborState::permanent) {
            kernel().remove_neighbor(host.downstream, host.address);
        } else if (chance(2)) {
            // Of the router itself: its own address, and what it proxies.
            kernel().frame(host.downstream, address("2001:db8:1::dead:beef"), lan->mac,
                           Evidence::advertisement);
        } else {
            kernel().add_address(host.downstream, address("2001:db8:1::ff"), 64);
        }
    }

    void change_link() {
        static const std::vector<std::string> names = {"up0", "up1", "lan0", "lan1", "lan2"};
        const std::string& name = any(names);
        const FakeKernel::Link* link = kernel().link(name);
        if (link == nullptr) {
            ++happened_["links created"];
            kernel().create_link(name, chance(2) ? former_index_[name] : 0);
            world_.pump();
            give_addresses(name);
            return;
        }
        switch (below(6)) {
            case 0: kernel().set_carrier(name, !link->carrier); break;
            case 1:
                kernel().set_up(name, !link->up);
                if (link->up && chance(2)) {
                    give_addresses(name);
                }
                break;
            case 2:
                former_index_[name] = link->index;
                kernel().delete_link(name);
                break;
            case 3: kernel().set_mtu(name, link->has_ipv6() ? 1200 : 1500); break;
            case 4:
                kernel().rename_link(name, "away");
                world_.pump();
                kernel().rename_link("away", name);
                break;
            case 5: kernel().set_snooping_bridge(name, !link->snooping_bridge); break;
            default: break;
        }
        ++happened_["link changes"];
    }

    /// As an RA, or networkd, would after the interface came up.
    void give_addresses(const std::string& name) {
        const FakeKernel::Link* link = kernel().link(name);
        if (!link->up || !link->has_ipv6()) {
            return;
        }
        if (name == "up0") {
            kernel().add_address(name, address("2001:db8:1::1"), 64);
            kernel().add_address(name, address("fe80::9:1"), 64);
            kernel().add_route(name, prefix("2001:db8:1::/64"));
        } else if (name == "up1") {
            kernel().add_address(name, address("fe80::9:2"), 64);
            kernel().add_route(name, prefix("2001:db8:2::/64"));
        }
    }

    void change_prefix() {
        const std::string name = chance(2) ? "up0" : "up1";
        const FakeKernel::Link* link = kernel().link(name);
        if (link == nullptr || !link->up || !link->has_ipv6()) {
            return;
        }
        ++happened_["prefix changes"];
        switch (below(5)) {
            case 0: kernel().add_route(name, prefix("2001:db8:3::/64")); break;
            case 1: kernel().remove_route(name, prefix("2001:db8:3::/64")); break;
            case 2: kernel().remove_address(name, address("2001:db8:1::1")); break;
            case 3: kernel().remove_route(name, prefix("2001:db8:1::/64")); break;
            default: give_addresses(name); break;
        }
    }

    void change_faults() {
        ++happened_["faults"];
        refusing_joins_ = chance(2);
        kernel().refuse_joins(refusing_joins_ ? ENOMEM : 0);
        kernel().refuse_probes(chance(2) ? ENOBUFS : 0);
        kernel().drop_reports(chance(2));
    }

    void overrun() {
        ++happened_["overruns"];
        kernel().lose_notifications(true);
        for (std::uint64_t i = below(8); i > 0; --i) {
            switch (below(6)) {
                case 0: change_link(); break;
                case 1: change_prefix(); break;
                case 2: change_neighbors(); break;
                case 3: lose_silently(chance(2) ? "up0" : "up1"); break;
                default: arrive(any(hosts_)); break;
            }
            world_.run_for(milliseconds(below(50)));
        }
        world_.overrun_ends();
        world_.run_for(seconds(2));  // a round of dumps, and the audit that follows it
        check_held();
    }

    /// What no event will ever tell, and no dump shows.
    void lose_silently(const std::string& name) {
        const FakeKernel::Link* link = kernel().link(name);
        if (link == nullptr || !link->has_ipv6()) {
            return;
        }
        if (chance(2)) {
            ++happened_["unseen MTU dips"];
            kernel().set_mtu(name, 1200);
            kernel().set_mtu(name, 1500);
        } else {
            ++happened_["unseen recreations with the same index"];
            const Ifindex index = link->index;
            kernel().delete_link(name);
            kernel().create_link(name, index);
        }
        give_addresses(name);
    }

    void reload() {
        ++happened_["reloads"];
        const Config& next = any(configs_);
        lowering_ = next.max_groups < world_.config.max_groups;
        world_.reload(next);
        lowering_ = false;
    }

    void restart() {
        std::vector<SavedHost> saved = world_.engine->saved_hosts(world_.now);
        const bool forgets = chance(2);
        if (forgets) {  // it died between two writes
            std::erase_if(saved, [&](const SavedHost&) { return chance(3); });
        }
        const std::set<FakeKernel::Membership> before = kernel().memberships();
        present_.clear();
        answered_.clear();
        confirmed_.clear();
        if (chance(4)) {
            ++happened_["restarts that lose the sockets"];
            world_.restart_without_sockets(saved);
            return world_.run_for(milliseconds(100));
        }
        ++happened_["restarts"];
        world_.restart(saved);
        world_.run_for(milliseconds(100));
        if (refusing_joins_) {
            return;  // nothing can take over
        }
        for (const FakeKernel::Membership& each : before) {
            // Where room is short, the neighbor table may know better hosts than the last run did.
            const FakeKernel::Link* link = kernel().link(each.upstream);
            require(
                kernel().joined(each) || (link != nullptr && full(world_.snapshot(), link->name)),
                "a restart lost " + each.group.address().to_string());
        }
    }

    void repair() {
        refusing_joins_ = false;
        for (const std::string name : {"up0", "up1", "lan0", "lan1", "lan2"}) {
            if (kernel().link(name) == nullptr) {
                kernel().create_link(name);
            }
            kernel().set_mtu(name, 1500);
            kernel().set_carrier(name, true);
            kernel().set_up(name, true);
            give_addresses(name);
        }
        kernel().refuse_joins(0);
        kernel().refuse_probes(0);
        kernel().drop_reports(false);
    }

    /// Nothing disturbs any more: hosts that live are served, those that do not are left in time.
    void become_quiet() {
        world_.log.clear();
        repair();
        for (const LanHost& host : hosts_) {
            if (kernel().neighbor(host.downstream, host.address) == NeighborState::permanent) {
                kernel().remove_neighbor(host.downstream, host.address);
            }
        }
        world_.run_for(minutes(2));  // the last back-off, and orphaned prefixes
        check();
        check_convergence();

        constexpr Duration longest_timeout = seconds(60);
        constexpr Duration longest_linger = seconds(300);
        constexpr Duration probes = (HostLife::kProbes + 1) * (seconds(3) + HostLife::kProbePause);
        // A hundred probes a second, for all that was made up.
        const Duration slack = seconds(5) + milliseconds(10) * world_.engine->summary().hosts *
                                                (HostLife::kProbes + 4);
        world_.run_for(longest_timeout + probes + longest_linger + slack);
        check();
        check_convergence();
        for (const StateSnapshot::Host& host : world_.snapshot().hosts) {
            require(host.state == "own" || kernel().lives(address(host.address)),
                    host.address + " is dead for long, yet a host: " + host.state);
        }
        for (const StateSnapshot::Upstream& upstream : world_.snapshot().upstreams) {
            for (const StateSnapshot::Group& group : upstream.groups) {
                require(group.hosts > 0, group.group + " has no host for long, yet is wanted");
            }
        }
        ++happened_["quiet ends"];
        check_memory();
    }

    /// Whoever came and went left nothing behind: with the same few hosts, no more than the first
    /// time. (Whether each host takes little is for host_table_test.)
    void check_memory() {
        world_.log.clear();
        world_.log.shrink_to_fit();
        const std::size_t bytes = allocated_bytes();
        quiet_bytes_ = quiet_bytes_ == 0 ? bytes : quiet_bytes_;
        require(bytes <= quiet_bytes_ + kQuietSlack,
                std::to_string(bytes) + " bytes when all is quiet, at first it were " +
                    std::to_string(quiet_bytes_));
    }

    void check_action(const Action& action) {
        if (const auto* leave = std::get_if<LeaveGroup>(&action)) {
            check_leave(*leave);
        } else if (const auto* join = std::get_if<JoinGroup>(&action)) {
            require(!kernel().joined({join->upstream, join->group}),
                    "joined what is held: " + join->group.address().to_string());
            ++happened_["joins"];
        } else if (std::holds_alternative<ProbeHost>(action)) {
            ++happened_["probes"];
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
    void check_leave(const LeaveGroup& leave) {
        const FakeKernel::Link* link = kernel().link(leave.upstream);
        if (link == nullptr || !kernel().holds({leave.upstream, leave.group})) {
            ++happened_["repairs"];  // an audit frees the socket's entry of what the kernel lost
            return;
        }
        ++happened_["leaves"];
        for (const UpstreamConfig& upstream : world_.config.upstreams) {
            if (upstream.interface != link->name) {
                continue;
            }
            for (const LanHost& host : hosts_) {
                const bool behind = std::count(upstream.downstreams.begin(),
                                               upstream.downstreams.end(), host.downstream) != 0;
                if (SolicitedNodeGroup::of(host.address) == leave.group && behind &&
                    present_.count(host.text) != 0 && kernel().lives(host.address) &&
                    is_shared(upstream, host.address)) {
                    require(may_lose_its_group(host.text),
                            "left the group of " + host.text + ", which lives");
                }
            }
        }
    }

    /// Where room is short and something better known came.
    bool may_lose_its_group(const std::string& host) {
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

    bool room_was_made(const StateSnapshot& state) { return made_room(state) != made_room_; }
    static std::uint64_t made_room(const StateSnapshot& state) {
        return state.counters.at("hosts.evicted") + state.counters.at("groups.evicted");
    }

    using MacHostCounts = std::map<std::pair<std::string, std::string>, std::size_t>;
    static MacHostCounts hosts_by_mac(const StateSnapshot& state) {
        MacHostCounts counts;
        for (const StateSnapshot::Host& host : state.hosts) {
            if (host.state != "own" && !host.mac.empty()) {
                ++counts[{host.downstream, host.mac}];
            }
        }
        return counts;
    }

    /// No table grows past its cap; what is in it when a cap is lowered may stay.
    void check_caps(const StateSnapshot& state) {
        MacHostCounts counts = hosts_by_mac(state);
        for (const auto& [of, hosts] : counts) {
            require(hosts <= std::max(max_hosts_per_mac(world_.config, of.first), of_mac_[of]),
                    std::to_string(hosts) + " hosts of " + of.second + " on " + of.first);
        }
        of_mac_ = std::move(counts);
        std::map<Ifindex, std::size_t> joined;
        for (const FakeKernel::Membership& each : kernel().memberships()) {
            joined[each.upstream] += kernel().joined(each) ? 1 : 0;
        }
        for (const StateSnapshot::Upstream& upstream : state.upstreams) {
            const std::size_t most = world_.config.max_groups;
            require(upstream.groups.size() <= most, "more groups than max-groups");
            require(joined[kernel().index(upstream.interface.name)] <= most,
                    "the kernel holds more groups than max-groups");
            if (upstream.groups.size() == most) {
                full_at_[upstream.interface.name] = world_.now;
                ++happened_["full groups"];
            }
        }
        happened_["full tables"] += state.hosts.size() >= world_.config.max_hosts ? 1 : 0;
    }

    /// It goes out upstream, from an address of that link, for what the kernel holds there.
    void check_report(const SendReport& report) {
        ++happened_["announcements"];
        const FakeKernel::Link* link = kernel().link(report.upstream);
        require(link == nullptr || link->name == "up0" || link->name == "up1",
                "a report on " + (link == nullptr ? "" : link->name));
        require(report.source.is_link_local(), "a report from " + report.source.to_string());
        require(report.groups.size() == 1 ||
                    (report.version == MldVersion::v2 && report.groups.size() <= 72),
                "a report of " + std::to_string(report.groups.size()) + " groups");
    }

    bool is_shared(const UpstreamConfig& upstream, const Ipv6Address& host) {
        return upstream.prefixes.empty()
                   ? kernel().on_link(upstream.interface, host)
                   : std::any_of(upstream.prefixes.begin(), upstream.prefixes.end(),
                                 [&](const Ipv6Prefix& each) { return each.contains(host); });
    }

    /// What holds at any time.
    void check() {
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
                        by_text_.count(host.address) != 0 || is_made_up(host.address),
                    host.address + " never was on the LAN");
            if (is_at_home(host)) {
                now_present.insert(host.address);
            }
        }
        for (const std::string& text : present_) {
            const auto known = by_text_.find(text);
            if (known == by_text_.end() || now_present.count(text) != 0) {
                continue;
            }
            const LanHost& host = hosts_[known->second];
            const bool configured =
                std::any_of(state.downstreams.begin(), state.downstreams.end(),
                            [&](const auto& each) { return each.name == host.downstream; });
            const bool evicted = confirmed_.count(text) == 0 && room_was_made(state);
            require(!configured || !kernel().lives(host.address) || evicted,
                    text + " lives, yet was given up");
            happened_["living hosts evicted before they were confirmed"] +=
                evicted && kernel().lives(host.address) ? 1 : 0;
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

    /// Not an address that was forged on another LAN than the host's.
    bool is_at_home(const StateSnapshot::Host& host) const {
        const auto known = by_text_.find(host.address);
        return known == by_text_.end() || hosts_[known->second].downstream == host.downstream;
    }

    /// The groups wanted are those of the hosts inside the prefixes, neither more nor fewer.
    void check_groups(const StateSnapshot& state) {
        for (const StateSnapshot::Upstream& upstream : state.upstreams) {
            std::vector<Ipv6Prefix> prefixes;
            for (const StateSnapshot::Prefix& each : upstream.prefixes) {
                prefixes.push_back(prefix(each.prefix));
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
                    require(group.claimed, group.group + " is wanted without host and claim");
                    ++happened_["claims seen"];
                }
            }
            // Room that comes free is given away within a second.
            const auto full = full_at_.find(upstream.interface.name);
            const bool was_full =
                full != full_at_.end() && world_.now - full->second <= 2 * Engine::kShareAgain;
            const bool right =
                was_full
                    ? std::all_of(wanted.begin(), wanted.end(),
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

    /// What the engine takes for held, the kernel holds.
    void check_held() {
        for (const StateSnapshot::Upstream& upstream : world_.snapshot().upstreams) {
            const Ifindex index = kernel().index(upstream.interface.name);
            for (const StateSnapshot::Group& group : upstream.groups) {
                const auto at = *SolicitedNodeGroup::from_address(address(group.group));
                require(group.state != "held" || kernel().joined({index, at}),
                        group.group + " is not held by the kernel");
            }
        }
    }

    /// Wanted is held, by the kernel itself; and all who live and were heard are wanted.
    void check_convergence() {
        const StateSnapshot state = world_.snapshot();
        std::set<FakeKernel::Membership> wanted;
        for (const StateSnapshot::Upstream& upstream : state.upstreams) {
            for (const StateSnapshot::Group& group : upstream.groups) {
                wanted.insert({kernel().index(upstream.interface.name),
                               *SolicitedNodeGroup::from_address(address(group.group))});
                require(group.state == "held", group.group + " is " + group.state);
            }
        }
        require(wanted == kernel().memberships(), "wanted is not what the kernel holds");
        require(state.ready, "not ready");
        for (const UpstreamConfig& upstream : world_.config.upstreams) {
            for (const StateSnapshot::Host& host : state.hosts) {
                if (std::count(upstream.downstreams.begin(), upstream.downstreams.end(),
                               host.downstream) != 0) {
                    const Ipv6Address at = address(host.address);
                    require(!is_shared(upstream, at) || kernel().holds(upstream.interface, at) ||
                                full(state, upstream.interface),
                            host.address + " is not served on " + upstream.interface);
                }
            }
        }
    }

    bool full(const StateSnapshot& state, const std::string& upstream) const {
        return std::any_of(state.upstreams.begin(), state.upstreams.end(), [&](const auto& each) {
            return each.interface.name == upstream &&
                   each.groups.size() == world_.config.max_groups;
        });
    }

    void require(bool holds, const std::string& what) const {
        if (!holds) {
            throw Violation(what);
        }
    }

    std::mt19937_64 random_;
    std::vector<Config> configs_;
    World world_;
    std::vector<LanHost> hosts_;
    std::map<std::string, std::size_t> by_text_;
    static constexpr std::uint8_t kMadeUp = 0x66;
    std::set<std::string> present_;     ///< hosts at the last check
    std::set<std::string> answered_;    ///< hosts that the kernel has reached
    std::set<std::string> confirmed_;   ///< of them, those that had not stopped answering then
    std::set<std::string> served_own_;  ///< the router's own addresses whose group was wanted then
    std::uint64_t made_room_ = 0;       ///< evictions, then
    MacHostCounts of_mac_;              ///< then
    std::map<std::string, TimePoint> full_at_;  ///< when an upstream last had all its groups
    bool lowering_ = false;                     ///< max-groups, by a reload
    std::size_t host_count_ = 0;                ///< then
    static constexpr std::size_t kQuietSlack = 64 * 1024;
    std::size_t quiet_bytes_ = 0;  ///< allocated at the first quiet end
    std::map<std::string, Ifindex> former_index_;
    std::deque<TimePoint> probes_;
    bool refusing_joins_ = false;
    std::map<std::string, std::uint64_t> happened_;
};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::stoull(text);
}

std::uint64_t first_seed() {
    const char* text = std::getenv("SOLICITD_SEED");
    return text != nullptr && text == std::string("random") ? std::random_device{}()
                                                            : number_from("SOLICITD_SEED", 1);
}

/// What a run of a million events must have met, or its silence would say too little.
constexpr const char* kHappenings[] = {"announcements",
                                       "arrivals",
                                       "claims seen",
                                       "departures",
                                       "faults",
                                       "forged ND of hosts",
                                       "forged reports",
                                       "full groups",
                                       "full tables",
                                       "joins",
                                       "leaves",
                                       "link changes",
                                       "links created",
                                       "living hosts evicted before they were confirmed",
                                       "made-up hosts",
                                       "overruns",
                                       "permanent entries",
                                       "prefix changes",
                                       "probes",
                                       "queries",
                                       "quiet ends",
                                       "reloads",
                                       "repairs",
                                       "reports",
                                       "restarts",
                                       "restarts that lose the sockets",
                                       "suspends",
                                       "unseen MTU dips",
                                       "unseen recreations with the same index"};

TEST(Simulation, HoldsWhateverHappens) {
    const std::uint64_t wanted = number_from("SOLICITD_SIMULATION_EVENTS", 1'000'000);
    std::uint64_t seed = first_seed();
    std::uint64_t events = 0;
    std::map<std::string, std::uint64_t> happened;
    while (events < wanted) {
        SCOPED_TRACE("SOLICITD_SEED=" + std::to_string(seed));
        Simulation simulation(seed++);
        try {
            for (int phase = 0; phase < 5; ++phase) {
                simulation.run_phase();
            }
        } catch (const std::logic_error& stuck) {
            FAIL() << stuck.what();
        } catch (const Violation& violation) {
            FAIL() << violation.what();
        }
        events += simulation.events();
        for (const auto& [what, times] : simulation.happened()) {
            happened[what] += times;
        }
    }
    std::cout << events << " events;";
    for (const auto& [what, times] : happened) {
        std::cout << ' ' << what << ' ' << times << ';';
    }
    std::cout << '\n';
    for (const char* what : kHappenings) {
        EXPECT_GT(happened[what], 0U) << what;
    }
}

}  // namespace
}  // namespace solicitd::test
