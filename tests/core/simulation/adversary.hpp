#pragma once

#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"
#include "core/simulation/scene.hpp"

namespace solicitd::test {

/// Somebody on each LAN who forges whatever can be forged.
class Adversary {
public:
    explicit Adversary(Scene& scene)
        : scene_(scene), dice_(scene.dice), world_(scene.world), kernel_(scene.world.kernel) {}

    /// Everything that somebody on a LAN can send, with any address and any MAC.
    void attack();

    /// Whether the address is one that it made up.
    static bool is_made_up(const Ipv6Address& host) { return host.bytes[8] == kMadeUp; }

private:
    static constexpr std::uint8_t kMadeUp = 0x66;

    void report(Ifindex lan, const MacAddress& mac);
    Ipv6Address made_up();
    MacAddress forged_mac();

    Scene& scene_;
    Dice& dice_;
    World& world_;
    FakeKernel& kernel_;
};

}  // namespace solicitd::test
