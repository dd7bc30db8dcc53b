#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/actions.hpp"
#include "core/events.hpp"
#include "core/host_life.hpp"
#include "core/host_table.hpp"
#include "core/lan_inquiries.hpp"
#include "core/problem.hpp"
#include "core/rate_limit.hpp"
#include "core/refusal_log.hpp"
#include "core/state_snapshot.hpp"
#include "core/time.hpp"
#include "core/topology.hpp"

namespace solicitd {

/// Facts in, actions out: decides which hosts live downstream and which memberships that asks for.
///
/// No system call, no clock, no logger. handle() and tick() append to `actions`, which the caller
/// executes in order, handing each answer back as an event. The same events lead to the same
/// actions; `seed` only spreads timers and hashes.
///
/// Memberships begin when the first round of dumps is through, all at once; from then on each
/// event acts by itself.
class Engine {
public:
    /// After an interface is usable again: how long its former prefixes are believed to return.
    static constexpr Duration kOrphanedPrefix = std::chrono::seconds(60);
    /// Events that call for an audit come in bursts; one audit serves all of so long.
    static constexpr Duration kAuditDelay = std::chrono::milliseconds(200);

    /// How long a report of the LAN is believed (RFC 9777 9.4, by default).
    static constexpr Duration kListenerInterval = std::chrono::seconds(260);

    /// While max-groups keeps hosts out, groups are given to the best known anew, at most so often.
    static constexpr Duration kShareAgain = std::chrono::milliseconds(500);

    /// What comes so much later than something was due tells that the machine was suspended.
    static constexpr Duration kOverslept = HostLife::kProbeAnswer;

    Engine(const Config& config, std::uint64_t seed);
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    void handle(const Event& event, TimePoint now, Actions& actions);
    /// Does what is due. To be called at next_deadline(), or at any other time.
    void tick(TimePoint now, Actions& actions);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    /// The first dumps are through and every join that could be asked for was answered.
    [[nodiscard]] bool ready() const;
    /// ... and with success: no other socket is needed for what is wanted.
    [[nodiscard]] bool holds_all() const;

    struct Summary {
        struct Upstream {
            std::string name;
            std::size_t held = 0;
            std::size_t failed = 0;
            std::vector<Problem> problems;       ///< none: it is well
            std::optional<Ipv6Address> querier;  ///< that is heard
            MldVersion querier_version = MldVersion::v2;
            /// Between our announcements; 0: none are repeated.
            std::chrono::seconds announcing{};
        };
        std::vector<Upstream> upstreams;
        std::vector<std::string> absent_downstreams;
        std::size_t hosts = 0;
    };
    [[nodiscard]] Summary summary() const;
    /// All but what only the daemon knows (version, pid, adapters' counters, ...).
    [[nodiscard]] StateSnapshot snapshot(TimePoint now) const;

    /// What a later run may begin with: all hosts but the router's own addresses.
    [[nodiscard]] std::vector<SavedHost> saved_hosts(TimePoint now) const;
    /// Grows whenever a host comes or goes, and so saved_hosts() by more than ages.
    [[nodiscard]] std::uint64_t host_changes() const {
        return counters_.hosts_added + counters_.hosts_gone;
    }

private:
    struct Turn {
        TimePoint now;
        Actions& actions;
    };

    void on(const HostSeen& event, Turn turn);
    void on(const NeighborSeen& event, Turn turn);
    void on(const NeighborGone& event, Turn turn);
    void on(const LinkSeen& event, Turn turn);
    void on(const LinkGone& event, Turn turn);
    void on(const AddressSeen& event, Turn turn);
    void on(const AddressGone& event, Turn turn);
    void on(const RouteSeen& event, Turn turn);
    void on(const RouteGone& event, Turn turn);
    void on(const DumpBegin& event, Turn turn);
    void on(const DumpEnd& event, Turn turn);
    void on(const MembershipResult& event, Turn turn);
    void on(const GroupsInherited& event, Turn turn);
    void on(const GroupsHeld& event, Turn turn);
    void on(const GroupGone& event, Turn turn);
    void on(const ProbeResult& event, Turn turn);
    void on(const SavedHost& event, Turn turn);
    void on(const GroupReported& event, Turn turn);
    void on(const QueryHeard& event, Turn turn);
    void on(const NeighborAsked& event, Turn turn);
    void on(const ReportSent& event, Turn turn);
    void on(const Reconfigured& event, Turn turn);

    // Time (engine.cpp)
    [[nodiscard]] std::optional<TimePoint> next_step() const;
    void notice_sleep(TimePoint now);
    void wait_anew(Duration slept, TimePoint now);
    void audit_soon(TimePoint now);
    void audit_at(TimePoint when);

    // Hosts (engine_hosts.cpp)
    [[nodiscard]] Host* find_host(Ifindex index, const Ipv6Address& address);
    [[nodiscard]] bool can_be_served(DownstreamId downstream, const Ipv6Address& address) const;
    [[nodiscard]] HostRank with_voucher(HostRank rank, DownstreamId downstream,
                                        const MacAddress& mac) const;
    Host* admit(const HostKey& key, const MacAddress& mac, Evidence evidence, HostRank rank,
                Turn turn);
    void prove(Host& host, HostRank rank, Turn turn);
    void ask_refused(const HostKey& key, const MacAddress& mac, HostRank rank, Turn turn);
    void depreciate(Host& host, TimePoint now);
    void take(Host& host, HostLife::Step step, Turn turn);
    void probe(const Downstream& downstream, const Ipv6Address& address, const MacAddress& mac,
               Turn turn);
    void requeue(Host& host, TimePoint now);
    void remove(Host& host, Turn turn, bool evicted = false);
    void look_at_hosts(Turn turn);
    void forget_neighbor(Host& host, TimePoint now);
    void forget_unseen_neighbors(TimePoint now);
    void ask_after_outage(DownstreamId downstream, TimePoint now);
    void add_own_address(DownstreamId downstream, const Ipv6Address& address, Turn turn);
    void release_own_address(DownstreamId downstream, const Ipv6Address& address, Turn turn);

    // Interfaces (engine_interfaces.cpp)
    [[nodiscard]] Upstream* find_upstream(Ifindex index);
    /// Which of upstreams_ it is, as the bits of masks count them.
    [[nodiscard]] std::size_t index_of(const Upstream& upstream) const {
        return static_cast<std::size_t>(&upstream - upstreams_.data());
    }
    [[nodiscard]] std::optional<DownstreamId> find_downstream(Ifindex index) const;
    void link_seen(Upstream& upstream, const LinkSeen& event, Turn turn);
    void link_seen(DownstreamId id, const LinkSeen& event, Turn turn);
    void lose(Upstream& upstream, Turn turn);
    void lose(DownstreamId id, Turn turn);
    void start_capture(const Downstream& downstream, Turn turn) const;
    void tell_state(const Interface& link, Turn turn) const;
    std::optional<Interface> adopt(Interface& link, const LinkSeen& event, Turn turn) const;
    void follow_prefixes(Upstream& upstream, Turn turn);
    static void plan_prefixes(Upstream& upstream, Turn turn);
    static void tell_prefixes(Upstream& upstream, Turn turn);
    void tell_missing_prefix(Upstream& upstream, Turn turn);
    void end_dump_of_links(Turn turn);
    void sweep_own_addresses(Turn turn);
    void end_first_round(Turn turn);
    static void attach(Upstream& upstream, Turn turn);
    void lease_inherited(Upstream& upstream, Turn turn);

    // Who is served (engine_room.cpp)
    bool serve(Host& host, std::size_t index, Turn turn);
    void share_soon(Upstream& upstream, TimePoint now);
    void share_if_room(Upstream& upstream, TimePoint now);
    void replan(std::size_t index, Turn turn);
    void refuse(std::uint64_t Refusals::*reason, DownstreamId downstream,
                const std::optional<Ipv6Address>& host, const MacAddress& mac, TimePoint now);

    // The configuration (engine_config.cpp)
    std::vector<std::uint32_t> configure(const Config& config);
    DownstreamId downstream_named(const std::string& name);

    // What is said and heard upstream (engine_upstream.cpp)
    void tick_upstream(Upstream& upstream, Turn turn);
    void tell_querier(Upstream& upstream, Turn turn) const;
    void told_of_querier(Upstream& upstream, QuerierWatch::Change change, Turn turn);
    void repeat_announcements(Upstream& upstream, TimePoint now);
    void announce(Upstream& upstream, std::string_view reason, Announcer::Window window,
                  TimePoint now, std::optional<MldVersion> version = std::nullopt) const;
    void follow_link(Upstream& upstream, const Interface& before, Turn turn);
    void forget_link(Upstream& upstream, Turn turn) const;
    void link_local_seen(DownstreamId downstream, const NeighborSeen& event);
    [[nodiscard]] static bool can_report(const Upstream& upstream);
    void look_when_due(const Upstream& upstream);
    void look_at_output(Upstream& upstream, const MldOutput& output, Turn turn);
    void report_on_lan(DownstreamId downstream, const GroupReported& event, Turn turn);
    void report_of_others(Upstream& upstream, const GroupReported& event, TimePoint now) const;
    void ask_lan(Upstream& upstream, const Ipv6Address& target, Turn turn);
    [[nodiscard]] static std::vector<Problem> problems(const Upstream& upstream);

    Config config_;
    HostLife life_;
    HostTable hosts_;
    std::uint64_t seed_;
    TimePoint awake_{};  ///< when anything was done last
    /// At most 100 in any second: a thousand hosts that come due together do not flood the LAN.
    RateLimit probes_{10, std::chrono::milliseconds(100)};
    LanInquiries refused_inquiries_{seed_};  ///< for hosts that found no room
    std::vector<Upstream> upstreams_;
    std::vector<Downstream> downstreams_;  ///< by DownstreamId; never shrinks
    bool links_known_ = false;             ///< the first dump of links is through
    bool synced_ = false;                  ///< the first round of dumps is through
    std::optional<DumpKind> dumping_;      ///< the dump that is running
    bool addresses_dumped_ = false;        ///< that dump, before the one of routes, was whole
    RefusalLog refusals_;
    std::vector<GroupsInherited> inherited_;  ///< until the first round of dumps is through
    std::optional<TimePoint> audit_at_;

    struct Counters {
        std::uint64_t evidence = 0;  ///< sniffed ND that was looked at
        std::uint64_t own_mac = 0;   ///< sniffed ND of our own MAC
        std::uint64_t joins = 0;     ///< that the kernel took
        std::uint64_t join_failures = 0;
        std::uint64_t audits = 0;
        std::uint64_t probes = 0;
        std::uint64_t probe_errors = 0;
        std::uint64_t hosts_added = 0;
        std::uint64_t hosts_gone = 0;
        std::uint64_t reports_seen = 0;  ///< records of MLD reports of the LAN
        std::uint64_t queries = 0;       ///< heard upstream
        std::uint64_t asked = 0;         ///< Neighbor Solicitations heard upstream
        std::uint64_t lan_asked = 0;     ///< for what nobody was known to have
    } counters_;
};

}  // namespace solicitd
