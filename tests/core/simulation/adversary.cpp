#include "core/simulation/adversary.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace solicitd::test {

using std::chrono::milliseconds;

void Adversary::attack() {
    static const std::vector<std::string> lans = {"lan0", "lan1", "lan2"};
    const std::string& lan = dice_.any(lans);
    const FakeKernel::Link* link = kernel_.link(lan);
    if (link == nullptr || !link->running()) {
        return;
    }
    static constexpr Evidence nd[] = {Evidence::dad_solicitation, Evidence::solicitation,
                                      Evidence::advertisement};
    const std::uint64_t kind = dice_.below(5);
    const Evidence evidence = kind < 2 ? Evidence::dad_solicitation : nd[dice_.below(3)];
    const bool one_mac = dice_.chance(2);
    MacAddress mac = forged_mac();
    for (std::uint64_t packets = dice_.below(60); packets > 0; --packets) {
        mac = one_mac ? mac : forged_mac();
        if (kind == 3) {
            report(link->index, mac);
        } else if (kind == 4) {
            ++scene_.happened["forged link-local neighbors"];
            // By a solicitation, or by an answer to the kernel's own.
            kernel_.set_neighbor(lan, dice_.any(scene_.hosts).link_local(),
                                 dice_.chance(2) ? NeighborState::stale : NeighborState::reachable,
                                 mac);
        } else if (dice_.chance(8)) {
            ++scene_.happened["forged ND of hosts"];
            const LanHost& victim = dice_.any(scene_.hosts);
            kernel_.frame(lan, victim.address, mac, evidence);
            if (dice_.chance(4)) {
                kernel_.set_neighbor(lan, victim.address, NeighborState::stale, mac);
            }
        } else {
            ++scene_.happened["made-up hosts"];
            kernel_.frame(lan, made_up(), mac, evidence);
        }
        world_.pump();
    }
    if (dice_.chance(3)) {
        world_.run_for(milliseconds(dice_.below(5000)));
    }
}

void Adversary::report(Ifindex lan, const MacAddress& mac) {
    SolicitedNodeGroup group{static_cast<std::uint32_t>(0x600000 + dice_.below(0x10000))};
    if (dice_.chance(4)) {
        ++scene_.happened["forged reports of hosts"];
        group = SolicitedNodeGroup::of(dice_.any(scene_.hosts).address);
    }
    ++scene_.happened["forged reports"];
    world_.handle(GroupReported{lan, group, MldVersion::v2, mac});
}

/// In the prefixes that may be shared, and of no host.
Ipv6Address Adversary::made_up() {
    Ipv6Address forged = Ipv6Prefix::parse(dice_.chance(3)   ? "2001:db8:3::/64"
                                           : dice_.chance(2) ? "2001:db8:2::/64"
                                                             : "2001:db8:1::/64")
                             ->address();
    forged.bytes[8] = kMadeUp;
    for (std::size_t byte = 13; byte < 16; ++byte) {
        forged.bytes[byte] = static_cast<std::uint8_t>(dice_.below(256));
    }
    return forged;
}

MacAddress Adversary::forged_mac() {
    if (dice_.chance(4)) {
        return FakeKernel::mac_of(dice_.any(scene_.hosts).address);
    }
    return {{6, 0, 0, 0, static_cast<std::uint8_t>(dice_.below(64)),
             static_cast<std::uint8_t>(dice_.below(256))}};
}

}  // namespace solicitd::test
