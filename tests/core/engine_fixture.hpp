#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fakes/fake_kernel.hpp"
#include "fakes/nd_packets.hpp"

namespace solicitd::test {

inline const Ipv6Address kHost = address("2001:db8:1::1234:5678");
inline const Ipv6Address kOther = address("2001:db8:1::abcd:ef01");
inline const Ipv6Address kRouter = address("2001:db8:1::1");

inline Config default_config() {
    Config config;
    config.upstreams = {{"eth9", {"br0"}, {}}};
    return config;
}

/// A router that is up, with its prefix on the upstream.
class EngineTest : public ::testing::Test {
protected:
    explicit EngineTest(const Config& config = default_config()) : world(config) {
        kernel.create_link("eth9");
        kernel.create_link("br0");
        kernel.add_address("eth9", kRouter, 64);
    }

    void hear(const Ipv6Address& host, Evidence evidence = Evidence::solicitation) {
        kernel.host_says(host, "br0", evidence);
        world.pump();
    }
    void appear(const Ipv6Address& host) {
        kernel.host_lives(host, "br0");
        hear(host, Evidence::dad_solicitation);
        hear(host);
    }
    [[nodiscard]] bool held(const Ipv6Address& host) { return kernel.holds("eth9", host); }
    [[nodiscard]] std::string state(const Ipv6Address& host) {
        const auto known = world.host(host);
        return known ? known->state : "unknown";
    }

    World world;
    FakeKernel& kernel = world.kernel;
};

class RunningEngineTest : public EngineTest {
protected:
    explicit RunningEngineTest(const Config& config = default_config()) : EngineTest(config) {
        world.start();
        world.log.clear();
    }
};

}  // namespace solicitd::test
