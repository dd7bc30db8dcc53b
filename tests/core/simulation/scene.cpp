#include "core/simulation/scene.hpp"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <utility>

namespace solicitd::test {
namespace {

using std::chrono::seconds;

std::vector<Config> make_configs() {
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
    fixed.upstreams[0].prefixes = {Ipv6Prefix::parse("2001:db8:1::/64").value(),
                                   Ipv6Prefix::parse("2001:db8:3::/64").value()};
    fixed.linger = seconds(20);
    Config small = both;
    small.max_hosts = 24;
    Config few_groups = both;
    few_groups.max_groups = 9;
    few_groups.max_hosts_per_mac = 3;
    few_groups.downstreams = {{"lan1", 6}};
    return {both, swapped, fewer, fixed, small, few_groups};
}

}  // namespace

Ipv6Address LanHost::link_local() const {
    Ipv6Address twin = test::address("fe80::");
    std::copy(address.bytes.begin() + 8, address.bytes.end(), twin.bytes.begin() + 8);
    return twin;
}

Scene::Scene(std::uint64_t seed)
    : dice(seed), configs(make_configs()), world(configs.front(), seed) {
    // Few low bits, so that addresses share groups; the third prefix is nobody's at first.
    for (unsigned i = 0; i < 60; ++i) {
        std::ostringstream text;
        text << "2001:db8:" << i % 3 + 1 << "::" << i % 4 + 1 << ":" << i % 17 + 0x10;
        LanHost host{address(text.str()), "", "lan" + std::to_string(i % 5 % 3)};
        host.text = host.address.to_string();
        if (by_text.emplace(host.text, hosts.size()).second) {
            hosts.push_back(host);
        }
    }
}

const LanHost* Scene::host(const std::string& text) const {
    const auto known = by_text.find(text);
    return known == by_text.end() ? nullptr : &hosts[known->second];
}

bool Scene::is_shared(const UpstreamConfig& upstream, const Ipv6Address& host) const {
    return upstream.prefixes.empty()
               ? world.kernel.on_link(upstream.interface, host)
               : std::any_of(upstream.prefixes.begin(), upstream.prefixes.end(),
                             [&](const Ipv6Prefix& each) { return each.contains(host); });
}

}  // namespace solicitd::test
