#pragma once

#include <map>
#include <string>

#include "core/evidence.hpp"
#include "core/mld_message.hpp"
#include "core/simulation/adversary.hpp"
#include "core/simulation/invariants.hpp"
#include "core/simulation/scene.hpp"

namespace solicitd::test {

/// What happens to the router: hosts that come, speak and die, links, prefixes, refused joins,
/// overruns, restarts, suspends, reloads, and the adversary.
class Storm {
public:
    /// Begins with all in repair.
    Storm(Scene& scene, Invariants& invariants);

    /// One thing more.
    void step();
    /// From now on nothing disturbs.
    void end();

private:
    void pass_time();
    void arrive(const LanHost& host);
    void speak(const LanHost& host);
    void say(const LanHost& host, Evidence evidence);
    [[nodiscard]] bool can_be_served(const LanHost& host) const;
    void talk_mld();
    MldQuery random_query();
    void change_neighbors();
    void change_link();
    void give_addresses(const std::string& name);
    void change_prefix();
    void change_faults();
    void overrun();
    void lose_silently(const std::string& name);
    void reload();
    void restart();
    void repair();

    Scene& scene_;
    Dice& dice_;
    World& world_;
    FakeKernel& kernel_;
    Invariants& invariants_;
    Adversary adversary_;
    std::map<std::string, Ifindex> former_index_;
    bool refusing_joins_ = false;
};

}  // namespace solicitd::test
