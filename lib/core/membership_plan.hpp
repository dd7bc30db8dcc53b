#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/actions.hpp"
#include "core/change_teller.hpp"
#include "core/hash.hpp"
#include "core/host_ranks.hpp"
#include "core/time.hpp"

namespace solicitd {

/// What brought a host to be served; told when its group is joined.
struct Cause {
    Ipv6Address host;
    Evidence evidence = Evidence::neighbor;
};

/// The groups wanted on one upstream, and how far the kernel has got with them.
///
/// Hosts go in, memberships come out: a group is wanted as long as it has a host, or a lease that
/// is known without its hosts and ends by itself. What is wanted outlives the interface; what is
/// held does not. Failed joins are tried again, all of the upstream's together, after 1 s, 2 s, 4
/// s, ... 60 s: what makes a join fail is a matter of the interface or the system, never of the
/// group.
///
/// There are never more groups than the limit: what finds no room is refused, and to put something
/// better known in the place of something else is a matter of replanning.
class MembershipPlan {
public:
    enum class State : std::uint8_t {
        waiting,  ///< for the interface
        joining,  ///< asked of the adapter, not answered yet
        held,
        failed,  ///< to be tried again
    };
    struct Membership {
        State state = State::waiting;
        bool in_burst = false;  ///< its join is told as one of many
        bool kept = false;      ///< in a replan: it has a place
        bool refused = false;   ///< in a replan: it is wanted, and there was none
        std::uint32_t hosts = 0;
        int error = 0;  ///< errno of the last join, when failed
        Cause cause;
        Evidence leased_by = Evidence::saved;  ///< mld_report or saved, when it is leased
        TimePoint leased_until = TimePoint::min();
        TimePoint held_since{};
        std::uint64_t asked = 0;  ///< Neighbor Solicitations for it that came from upstream
        TimePoint last_asked{};

        [[nodiscard]] bool leased() const { return leased_until != TimePoint::min(); }
        [[nodiscard]] bool only_reported() const {
            return hosts == 0 && leased() && leased_by == Evidence::mld_report;
        }
    };

    /// Groups that are wanted for MLD reports alone: anybody on the LAN can make more.
    static constexpr std::size_t kMostReported = 1024;
    static constexpr Duration kFirstRetry = std::chrono::seconds(1);
    static constexpr Duration kLastRetry = std::chrono::seconds(60);
    /// Up to this many joins or leaves at once are told one by one.
    static constexpr std::size_t kToldSingly = 8;

    MembershipPlan(const std::string& interface, std::uint64_t seed)
        : interface_(interface), changes_(interface), groups_(0, GroupHash{seed}) {}

    /// Takes effect with the next replan; until then it only keeps new groups out.
    void set_limit(std::size_t groups) { limit_ = groups; }
    [[nodiscard]] bool has_room() const { return groups_.size() < limit_; }

    /// False: there is no room for its group.
    [[nodiscard]] bool add_host(const Cause& cause, Actions& actions);
    /// `evicted`: it did not go by itself, and others tell of that.
    void remove_host(const Ipv6Address& host, bool evicted, TimePoint now, Actions& actions);

    /// Wants the group until then, whoever else does; an earlier lease is prolonged. `evidence`:
    /// what it is known by. False: there is no room for the group; what an earlier process held is
    /// taken in any case, and a replan has to follow.
    [[nodiscard]] bool lease(SolicitedNodeGroup group, TimePoint until, Evidence evidence,
                             Actions& actions);
    /// Time passed in which no host could be seen.
    void postpone_leases(Duration slept);
    [[nodiscard]] bool wants(SolicitedNodeGroup group) const {
        return groups_.count(group.low24) != 0;
    }

    /// The interface can hold memberships from now on: everything wanted is joined.
    void attach(Ifindex index, Actions& actions);
    /// It cannot any more; what was held is lost.
    void detach(Actions& actions);
    [[nodiscard]] bool attached() const { return index_ != 0; }

    /// Mark, re-add, sweep: between the two, whatever is still wanted is given to add_host again,
    /// the best known first, and leases to keep_leases; what was not is left. The way through a new
    /// configuration, a changed prefix, and a better use of the room. Ends with how many groups are
    /// left for want of room.
    void begin_replan();
    /// Whether there are any of that kind with a place.
    bool keep_leases(Evidence evidence);
    std::size_t end_replan(TimePoint now, Actions& actions);
    /// What of joins and leaves was not told yet, before the plan is dropped.
    void tell_rest(Actions& actions) { changes_.tell_rest(actions); }

    void result(SolicitedNodeGroup group, int error, TimePoint now, Actions& actions);

    /// What the kernel holds, sorted; more does no harm. What should be among it is joined again:
    /// leaving first frees the socket's entry, and tells nobody since the kernel holds nothing.
    void audit(const std::vector<SolicitedNodeGroup>& in_kernel, Actions& actions);
    [[nodiscard]] bool holds(SolicitedNodeGroup group) const;
    /// Somebody upstream asked for an address of the group. Ignored when it is not wanted.
    void asked(SolicitedNodeGroup group, TimePoint now);

    /// When failed joins want to be tried again, or a lease ends.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    void tick(TimePoint now, Actions& actions);

    [[nodiscard]] std::size_t wanted() const { return groups_.size(); }
    [[nodiscard]] std::size_t held() const { return count(State::held); }
    [[nodiscard]] std::size_t failed() const { return count(State::failed); }
    [[nodiscard]] bool settled() const { return count(State::joining) == 0; }

    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& [low24, membership] : groups_) {
            visit(SolicitedNodeGroup{low24}, membership);
        }
    }

private:
    using Groups = std::unordered_map<std::uint32_t, Membership, GroupHash>;

    [[nodiscard]] std::size_t count(State state) const {
        return tallies_[static_cast<std::size_t>(state)];
    }
    std::size_t& tally(State state);
    void enter(Membership& membership, State state);
    void join(SolicitedNodeGroup group, Membership& membership, Actions& actions);
    void join_waiting(Actions& actions);
    void sweep(TimePoint now, Actions& actions);
    Groups::iterator leave(Groups::iterator it, TimePoint now, Actions& actions);
    void close_burst_entry(Membership& membership, bool joined, TimePoint now, Actions& actions);
    void settle_failure(Actions& actions);
    void retry(Actions& actions);
    void end_leases(TimePoint now, Actions& actions);
    template <typename Change>
    void recount(Membership& membership, Change change);
    [[nodiscard]] bool keep(Membership& membership);
    void end_lease(Membership& membership);
    [[nodiscard]] Notice notice(NoticeKind kind) const;
    [[nodiscard]] Notice notice(NoticeKind kind, const Membership& membership,
                                SolicitedNodeGroup group) const;
    [[nodiscard]] Notice notice(NoticeKind kind, std::size_t count) const;

    std::string interface_;
    ChangeTeller changes_;
    Ifindex index_ = 0;  ///< 0: not attached
    Groups groups_;
    std::array<std::size_t, static_cast<std::size_t>(State::failed) + 1> tallies_{};  ///< groups
    std::size_t limit_ = std::numeric_limits<std::size_t>::max();
    bool replanning_ = false;
    std::size_t kept_ = 0;  ///< groups, in a replan

    std::size_t burst_open_ = 0;    ///< joins of a burst that are not answered yet
    std::size_t burst_joined_ = 0;  ///< those that were, with success

    bool failure_told_ = false;
    std::optional<TimePoint> retry_at_;
    Duration retry_after_ = kFirstRetry;
    std::size_t only_reported_ = 0;  ///< groups
    std::optional<TimePoint> first_lease_end_;
};

[[nodiscard]] std::string_view to_string(MembershipPlan::State state);

}  // namespace solicitd
