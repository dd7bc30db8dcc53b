#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/actions.hpp"
#include "core/config.hpp"
#include "core/events.hpp"
#include "core/simulation/scene.hpp"
#include "core/state_snapshot.hpp"
#include "core/time.hpp"

namespace solicitd::test {

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What must hold whatever happens. Looks on from outside, at actions, snapshots and what the
/// kernel holds; each function throws Violation.
class Invariants {
public:
    /// Looks at each event and action from now on.
    explicit Invariants(Scene& scene);

    /// What holds at any time.
    void check();
    /// After the host spoke, and the router could hear it.
    void check_heard(const LanHost& host) const;
    /// The host reports its group, when all that the kernel told before was heard. `explained`: the
    /// kernel has just reached its link-local address, at its MAC.
    void hear_report(const LanHost& host, bool explained);
    /// What the engine takes for held, the kernel holds.
    void check_held() const;
    /// After a restart with the sockets of `before`.
    void check_kept(const std::set<FakeKernel::Membership>& before) const;
    /// Wanted is held, by the kernel itself; and all who live and were heard are wanted.
    void check_convergence() const;
    /// Nothing has happened for longer than any host is waited for.
    void check_quiet();

    /// Meanwhile a lower cap may cost groups.
    void reload(const Config& next);
    /// What the process knew until now ends with it.
    void forget();

private:
    using MacHostCounts = std::map<std::pair<std::string, std::string>, std::size_t>;
    static MacHostCounts hosts_by_mac(const StateSnapshot& state);

    void note_answer(const Event& event);
    void check_action(const Action& action);
    void check_leave(const LeaveGroup& leave);
    void check_report(const SendReport& report);
    void check_caps(const StateSnapshot& state);
    void check_groups(const StateSnapshot& state);
    void check_memory();
    [[nodiscard]] bool may_be_explained(const LanHost& reporter) const;
    [[nodiscard]] bool may_lose_its_group(const std::string& host) const;
    [[nodiscard]] bool room_was_made(const StateSnapshot& state) const;
    [[nodiscard]] bool is_at_home(const StateSnapshot::Host& host) const;
    [[nodiscard]] bool full(const StateSnapshot& state, const std::string& upstream) const;

    Scene& scene_;
    World& world_;
    FakeKernel& kernel_;
    std::set<std::string> present_;     ///< hosts at the last check
    std::set<std::string> answered_;    ///< hosts that the kernel has reached
    std::set<std::string> confirmed_;   ///< of them, those that had not stopped answering then
    std::set<std::string> served_own_;  ///< the router's own addresses whose group was wanted then
    std::uint64_t made_room_ = 0;       ///< evictions, then
    MacHostCounts of_mac_;              ///< then
    std::map<std::string, TimePoint> full_at_;  ///< when an upstream last had all its groups
    bool lowering_ = false;                     ///< max-groups, by a reload
    std::size_t host_count_ = 0;                ///< then
    std::size_t quiet_bytes_ = 0;               ///< allocated at the first quiet end
    std::deque<TimePoint> probes_;
};

}  // namespace solicitd::test
