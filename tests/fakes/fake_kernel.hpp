#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/actions.hpp"
#include "core/engine.hpp"
#include "core/events.hpp"
#include "core/time.hpp"

namespace solicitd::test {

/// A kernel that keeps state, with a LAN behind it, as the daemon's adapters show them to the core.
///
/// What is done to it (links, addresses, routes, hosts) changes the state and notifies in the
/// kernel's order; the adapters' calls (join, leave, probe, dump) act on the same state. While
/// notifications are lost the state changes silently, as after an overrun.
class FakeKernel {
public:
    struct Link {
        Ifindex index = 0;
        std::string name;
        MacAddress mac;
        std::uint32_t mtu = 1500;
        bool up = true;       ///< the administrator's will
        bool carrier = true;  ///< the cable's
        bool snooping_bridge = false;
        Ifindex bridge = 0;

        [[nodiscard]] bool has_ipv6() const { return mtu >= 1280; }
        [[nodiscard]] bool running() const { return up && carrier; }
    };
    struct Membership {
        Ifindex upstream = 0;
        SolicitedNodeGroup group;
        friend auto operator<=>(const Membership&, const Membership&) = default;
    };
    struct Neighbor {
        NeighborState state = NeighborState::none;
        MacAddress mac;
        int tries = 0;        ///< probes sent without an answer
        TimePoint next_step;  ///< of a state that ends by itself
    };

    static constexpr Duration kAnswer = std::chrono::milliseconds(2);
    static constexpr Duration kRetransmit = std::chrono::seconds(1);
    static constexpr Duration kDelay = std::chrono::seconds(5);
    static constexpr Duration kReachable = std::chrono::seconds(30);
    static constexpr int kTries = 3;

    // The administrator and the world.
    Ifindex create_link(const std::string& name, Ifindex index = 0);
    void delete_link(const std::string& name);
    void rename_link(const std::string& name, const std::string& new_name);
    void set_up(const std::string& name, bool up);
    void set_carrier(const std::string& name, bool carrier);
    void set_mtu(const std::string& name, std::uint32_t mtu);
    void set_mac(const std::string& name, const MacAddress& mac);
    void set_snooping_bridge(const std::string& name, bool snooping);
    void set_bridge(const std::string& name, Ifindex bridge);
    void add_address(const std::string& name, const Ipv6Address& address, std::uint8_t length);
    void remove_address(const std::string& name, const Ipv6Address& address);
    void add_route(const std::string& name, const Ipv6Prefix& prefix, std::uint32_t metric = 256);
    void remove_route(const std::string& name, const Ipv6Prefix& prefix,
                      std::uint32_t metric = 256);
    void set_neighbor(const std::string& name, const Ipv6Address& address, NeighborState state,
                      const MacAddress& mac = {});
    void remove_neighbor(const std::string& name, const Ipv6Address& address);
    /// The garbage collector: every STALE and FAILED entry goes.
    void collect_neighbors();

    // The LAN. A host that lives answers probes as long as its downstream passes packets.
    void host_lives(const Ipv6Address& host, const std::string& downstream);
    void host_dies(const Ipv6Address& host) { living_.erase(host); }
    [[nodiscard]] bool lives(const Ipv6Address& host) const { return living_.count(host) != 0; }
    /// ND of the host on the wire: seen if the downstream is captured and passes packets.
    void host_says(const Ipv6Address& host, const std::string& downstream, Evidence evidence);
    void frame(const std::string& downstream, const Ipv6Address& host, const MacAddress& mac,
               Evidence evidence);
    [[nodiscard]] static MacAddress mac_of(const Ipv6Address& host);

    // What adapters ask of it.
    [[nodiscard]] int join(const Membership& membership);
    void leave(const Membership& membership);
    void forget(Ifindex upstream);
    /// The process dies, and the service manager keeps its sockets.
    void keep_sockets();
    /// The new process closes what was kept.
    void close_kept_sockets() { kept_.clear(); }
    [[nodiscard]] int probe(Ifindex index, const Ipv6Address& address);
    [[nodiscard]] int send_report(const SendReport& report);
    [[nodiscard]] MldOutput output(Ifindex upstream) const;
    void dump(DumpKind kind);
    void start_capture(Ifindex index) { captured_.insert(index); }
    void stop_capture(Ifindex index) { captured_.erase(index); }

    // Faults. 0: joins work again.
    void refuse_joins(int error) { join_error_ = error; }
    void refuse_probes(int error) { probe_error_ = error; }
    /// A firewall drops MLD reports on their way out.
    void drop_reports(bool drop) { dropping_reports_ = drop; }
    void lose_notifications(bool lose) { losing_ = lose; }
    [[nodiscard]] bool losing_notifications() const { return losing_; }
    /// Memberships go and nobody is told.
    void lose_memberships(const std::string& upstream) { lose_memberships(index(upstream)); }

    // Time.
    [[nodiscard]] std::optional<TimePoint> next_timer() const;
    void run_timers(TimePoint now);
    /// The machine slept: timers did not.
    void shift_timers(Duration slept);

    [[nodiscard]] const Link* link(const std::string& name) const;
    [[nodiscard]] const Link* link(Ifindex index) const;
    [[nodiscard]] const std::map<std::string, Link>& links() const { return links_; }
    [[nodiscard]] Ifindex index(const std::string& name) const;
    /// What the kernel itself holds for us, whoever believes what: through this process's sockets
    /// or through kept ones.
    [[nodiscard]] std::set<Membership> memberships() const;
    [[nodiscard]] bool holds(const Membership& membership) const {
        return held_.count(membership) != 0 || kept_.count(membership) != 0;
    }
    [[nodiscard]] bool holds(const std::string& upstream, const Ipv6Address& host) const;
    /// Through the sockets of this process.
    [[nodiscard]] bool joined(const Membership& membership) const {
        return held_.count(membership) != 0;
    }
    /// Those of the interface's own addresses included. Sorted.
    [[nodiscard]] std::vector<SolicitedNodeGroup> groups_held(Ifindex upstream) const;
    [[nodiscard]] bool captured(const std::string& name) const;
    [[nodiscard]] bool on_link(const std::string& upstream, const Ipv6Address& host) const;
    [[nodiscard]] NeighborState neighbor(const std::string& name, const Ipv6Address& address) const;

    /// Not read yet by the daemon.
    std::deque<Event> notifications;

private:
    using NeighborKey = std::pair<Ifindex, Ipv6Address>;
    struct Address {
        Ifindex index;
        Ipv6Address address;
        std::uint8_t length;
    };

    Link& at(const std::string& name);
    void notify(Event event);
    void notify(const Link& link);
    void enter(const NeighborKey& key, NeighborState state);
    void flush_addresses(Ifindex index);
    void flush_neighbors(Ifindex index);
    void lose_memberships(Ifindex index);
    [[nodiscard]] bool answers(const NeighborKey& key) const;

    std::map<std::string, Link> links_;
    Ifindex last_index_ = 1;
    std::vector<Address> addresses_;
    std::vector<OnLinkRoute> routes_;
    std::map<NeighborKey, Neighbor> neighbors_;
    std::set<std::pair<TimePoint, NeighborKey>> timers_;
    TimePoint now_{};
    std::map<Ipv6Address, std::string> living_;
    std::set<Ifindex> captured_;
    std::set<Membership> held_;
    std::set<Membership> kept_;  ///< through sockets of an earlier process
    /// What the pool's sockets were given. Outlives what the kernel holds: a lost membership
    /// comes back only when its sockets are closed.
    std::set<Membership> pool_;
    int join_error_ = 0;
    int probe_error_ = 0;
    bool dropping_reports_ = false;
    std::map<Ifindex, MldOutput> outputs_;
    bool losing_ = false;
};

/// The daemon without its adapters: an engine, the fake kernel and the time.
class World {
public:
    explicit World(Config config, std::uint64_t seed = 1);

    /// Begins the first round of dumps.
    void start();
    /// Hands over all that the kernel has notified, and executes what the engine wants.
    void pump();
    /// Lets time pass: from deadline to deadline, of the engine, of the kernel and of the round of
    /// dumps. Throws std::logic_error when the engine stays due without getting anywhere.
    void run_for(Duration duration);
    /// The machine sleeps: time passes and nothing runs.
    void suspend(Duration duration);
    void reload(const Config& config);
    /// kill -9 and a new process, which gets `saved` and what the kept sockets hold. They are
    /// closed when it is ready.
    void restart(const std::vector<SavedHost>& saved);
    /// A new process after a reboot of the router's service manager: no socket was kept.
    void restart_without_sockets(const std::vector<SavedHost>& saved);
    void handle(const Event& event);
    /// Notifications were lost and the daemon was told so.
    void overrun_ends();

    [[nodiscard]] StateSnapshot snapshot() const { return engine->snapshot(now); }
    [[nodiscard]] std::optional<StateSnapshot::Host> host(const Ipv6Address& address) const;
    [[nodiscard]] std::size_t count(NoticeKind kind) const;
    [[nodiscard]] std::vector<Notice> notices() const;
    /// The actions of one kind, in order.
    template <typename Kind>
    [[nodiscard]] std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const auto& [when, action] : log) {
            if (const Kind* each = std::get_if<Kind>(&action)) {
                found.push_back(*each);
            }
        }
        return found;
    }

    Config config;
    FakeKernel kernel;
    std::unique_ptr<Engine> engine;
    TimePoint now{std::chrono::hours(1)};
    /// Each action that was executed; a test may clear it.
    std::vector<std::pair<TimePoint, Action>> log;
    bool resync_pending = false;
    Duration between_dumps = std::chrono::milliseconds(1);  ///< of a round
    std::uint64_t events = 0;                               ///< that the engine was told
    /// Before each event and each action, where a test wants to look on.
    std::function<void(const Event&)> on_event;
    std::function<void(const Action&)> on_action;

private:
    std::optional<Event> execute(const Action& action);
    void execute(const Actions& actions);
    void take_turn(const Actions& actions);
    void dump_if_due();

    std::uint64_t seed_;
    TimePoint next_round_{};
    std::optional<DumpKind> next_dump_;  ///< of the round that is running
};

}  // namespace solicitd::test
