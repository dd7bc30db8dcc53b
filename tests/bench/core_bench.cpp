#include <benchmark/benchmark.h>
#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "bench/bench_hosts.hpp"
#include "core/engine.hpp"
#include "core/nd_message.hpp"
#include "fakes/allocations.hpp"
#include "fakes/nd_packets.hpp"

/// What the core costs: a message of a known host and of a new one, a neighbor of the first dump,
/// and a host's memory. Real messages on the way that the daemon's take; no system call.
namespace {

using namespace solicitd;
using namespace std::chrono_literals;
using bench::host_address;

constexpr Ifindex kUpstream = 2;
constexpr Ifindex kDownstream = 3;
constexpr std::size_t kMaxHosts = 100'000;
const MacAddress kHostMac{{2, 0, 0, 0, 0, 1}};

/// The engine of a router whose kernel takes every join.
class Router {
public:
    Router() : engine_(config(), 1) { actions_.reserve(64); }

    void seed_nothing() { seed(0); }
    /// The first round of dumps, with so many neighbors.
    void seed(std::uint32_t neighbors) {
        dump(DumpKind::links, [&] {
            see_link(kUpstream, "eth9");
            see_link(kDownstream, "br0");
        });
        dump(DumpKind::addresses, [] {});
        dump(DumpKind::routes, [] {});
        dump(DumpKind::neighbors, [&] {
            for (std::uint32_t i = 0; i < neighbors; ++i) {
                handle(NeighborSeen{kDownstream, host_address(i), kHostMac, NeighborState::stale});
            }
        });
    }

    /// What the capture does with a packet.
    void receive(const test::Packet& packet) {
        const auto result = parse_nd_message(packet.data(), packet.size(), Checksum::verify);
        const NdEvidence proof = evidence_of(std::get<NdMessage>(result));
        handle(HostSeen{kDownstream, proof.address, kHostMac, proof.evidence});
    }

    void handle(const Event& event) {
        now_ += 1us;
        engine_.handle(event, now_, actions_);
        for (std::size_t i = 0; i < actions_.size(); ++i) {
            if (const auto* join = std::get_if<JoinGroup>(&actions_[i])) {
                const MembershipResult held{join->upstream, join->group, 0};
                engine_.handle(held, now_, actions_);
            }
        }
        actions_.clear();
    }

    [[nodiscard]] Engine::Summary summary() const { return engine_.summary(); }

private:
    static Config config() {
        Config config;
        config.upstreams = {{"eth9", {"br0"}, {*Ipv6Prefix::parse("2001:db8::/64")}}};
        config.max_hosts = config.max_groups = config.max_hosts_per_mac = kMaxHosts;
        return config;
    }

    template <typename Facts>
    void dump(DumpKind kind, Facts facts) {
        handle(DumpBegin{kind});
        facts();
        handle(DumpEnd{kind});
    }

    void see_link(Ifindex index, const char* name) {
        LinkSeen link;
        link.index = index;
        link.name = name;
        link.mac = MacAddress{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(index)}};
        link.mtu = 1500;
        link.running = true;
        handle(link);
    }

    Engine engine_;
    Actions actions_;
    TimePoint now_{1h};
};

std::vector<test::Packet> advertisements(std::uint32_t hosts) {
    const Ipv6Address all_nodes = test::address("ff02::1");
    std::vector<test::Packet> packets;
    for (std::uint32_t i = 0; i < hosts; ++i) {
        packets.push_back(test::neighbor_advertisement(
            host_address(i), all_nodes, host_address(i), test::kOverrideFlag,
            test::link_layer_option(test::kTargetLinkLayerOption, kHostMac)));
    }
    return packets;
}

std::size_t heap_in_use() {
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#else
    return static_cast<std::size_t>(mallinfo().uordblks);
#endif
}

std::uint32_t hosts_of(const benchmark::State& state) {
    return static_cast<std::uint32_t>(state.range(0));
}

void parse(benchmark::State& state) {
    const test::Packet packet = advertisements(1).front();
    for (auto _ : state) {
        auto result = parse_nd_message(packet.data(), packet.size(), Checksum::verify);
        benchmark::DoNotOptimize(result);
    }
}
BENCHMARK(parse);

/// A message of one host after the other, in a table of that many.
void known_host(benchmark::State& state) {
    const std::vector<test::Packet> packets = advertisements(hosts_of(state));
    Router router;
    router.seed_nothing();
    for (const test::Packet& packet : packets) {
        router.receive(packet);
    }
    std::size_t next = 0;
    const std::size_t allocations_before = test::allocations();
    for (auto _ : state) {
        router.receive(packets[next]);
        next = next + 1 == packets.size() ? 0 : next + 1;
    }
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(test::allocations() - allocations_before),
                           benchmark::Counter::kAvgIterations);
    if (router.summary().hosts != packets.size()) {
        state.SkipWithError("the engine does not know its hosts");
    }
}
BENCHMARK(known_host)->Arg(1'000)->Arg(4'096);

/// From nothing to that many hosts, each with a DAD NS and then a join.
void new_hosts(benchmark::State& state) {
    std::vector<test::Packet> packets;
    for (std::uint32_t i = 0; i < hosts_of(state); ++i) {
        packets.push_back(test::dad_solicitation(host_address(i)));
    }
    std::size_t allocations = 0;
    for (auto _ : state) {
        state.PauseTiming();
        auto router = std::make_unique<Router>();
        router->seed_nothing();
        const std::size_t allocations_before = test::allocations();
        state.ResumeTiming();
        for (const test::Packet& packet : packets) {
            router->receive(packet);
        }
        state.PauseTiming();
        allocations += test::allocations() - allocations_before;
        if (router->summary().upstreams.front().held != packets.size()) {
            state.SkipWithError("the engine does not hold a group for each host");
        }
        router.reset();
        state.ResumeTiming();
    }
    const auto hosts = static_cast<double>(packets.size());
    state.counters["each"] = benchmark::Counter(
        hosts, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations) / hosts,
                                                       benchmark::Counter::kAvgIterations);
}
BENCHMARK(new_hosts)->Arg(1'000)->Arg(4'096)->Unit(benchmark::kMicrosecond);

/// A start with that many entries in the neighbor table; and what each of them takes on the heap,
/// its membership included.
void first_dump(benchmark::State& state) {
    std::size_t heap = 0;
    for (auto _ : state) {
        state.PauseTiming();
        const std::size_t heap_before = heap_in_use();
        auto router = std::make_unique<Router>();
        state.ResumeTiming();
        router->seed(hosts_of(state));
        state.PauseTiming();
        heap = heap_in_use() - heap_before;
        if (router->summary().upstreams.front().held != hosts_of(state)) {
            state.SkipWithError("the engine does not hold a group for each host");
        }
        router.reset();
        state.ResumeTiming();
    }
    const auto hosts = static_cast<double>(hosts_of(state));
    state.counters["each"] = benchmark::Counter(
        hosts, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.counters["bytes_a_host"] = static_cast<double>(heap) / hosts;
}
BENCHMARK(first_dump)->Arg(1'000)->Arg(4'096)->Unit(benchmark::kMicrosecond);

}  // namespace
