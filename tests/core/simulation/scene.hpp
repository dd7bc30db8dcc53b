#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "fakes/fake_kernel.hpp"
#include "fakes/nd_packets.hpp"

namespace solicitd::test {

/// Every choice of a run, from its seed.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
    template <typename List>
    auto& any(List& list) {
        return list[below(list.size())];
    }

private:
    std::mt19937_64 random_;
};

struct LanHost {
    Ipv6Address address;
    std::string text;
    std::string downstream;

    /// Of the same machine, and in the same group.
    [[nodiscard]] Ipv6Address link_local() const;
};

/// The router up0, up1, lan0, lan1, lan2, who may live behind it, and how it may be configured.
struct Scene {
    explicit Scene(std::uint64_t seed);

    /// nullptr: nobody's address.
    [[nodiscard]] const LanHost* host(const std::string& text) const;
    /// An upstream's only one.
    [[nodiscard]] static Ipv6Address link_local_of(const std::string& upstream) {
        return address(upstream == "up0" ? "fe80::9:1" : "fe80::9:2");
    }
    /// The host is in a prefix that counts on the upstream.
    [[nodiscard]] bool is_shared(const UpstreamConfig& upstream, const Ipv6Address& host) const;

    Dice dice;
    std::vector<Config> configs;
    World world;
    std::vector<LanHost> hosts;
    std::map<std::string, std::size_t> by_text;  ///< the number of a host
    std::map<std::string, std::uint64_t> happened;
};

}  // namespace solicitd::test
