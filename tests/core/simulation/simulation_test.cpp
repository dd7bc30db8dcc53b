#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>

#include "core/host_life.hpp"
#include "core/simulation/invariants.hpp"
#include "core/simulation/scene.hpp"
#include "core/simulation/storm.hpp"

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

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Simulation {
public:
    explicit Simulation(std::uint64_t seed) : scene_(seed) { scene_.world.start(); }

    void run_phase() {
        for (int i = 0; i < 2000; ++i) {
            storm_.step();
            invariants_.check();
        }
        become_quiet();
    }

    [[nodiscard]] std::uint64_t events() const { return scene_.world.events; }
    [[nodiscard]] const std::map<std::string, std::uint64_t>& happened() const {
        return scene_.happened;
    }

private:
    /// Nothing disturbs any more: hosts that live are served, those that do not are left in time.
    void become_quiet() {
        storm_.end();
        scene_.world.run_for(minutes(2));  // the last back-off, and orphaned prefixes
        invariants_.check();
        invariants_.check_convergence();

        constexpr Duration longest_timeout = seconds(60);
        constexpr Duration longest_linger = seconds(300);
        constexpr Duration probes =
            (HostLife::kProbes + 1) * (HostLife::kProbeAnswer + HostLife::kProbePause);
        // A hundred probes a second, for all that was made up.
        const std::size_t hosts = scene_.world.engine->summary().hosts;
        const Duration slack = seconds(5) + milliseconds(10) * hosts * (HostLife::kProbes + 4);
        scene_.world.run_for(longest_timeout + probes + longest_linger + slack);
        invariants_.check_quiet();
    }

    Scene scene_;
    Invariants invariants_{scene_};
    Storm storm_{scene_, invariants_};
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
                                       "departures",
                                       "explained reports",
                                       "faults",
                                       "forged ND of hosts",
                                       "forged link-local neighbors",
                                       "forged reports",
                                       "forged reports of hosts",
                                       "full groups",
                                       "full tables",
                                       "joins",
                                       "leased without a host",
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
                                       "reports that lease",
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
