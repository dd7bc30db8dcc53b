#include "io/bridge_mcast_router.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <string>
#include <system_error>

#include "io/wire.hpp"

namespace solicitd::io {
namespace {

/// The oracle: what iproute2 reads.
int mcast_router_of(const std::string& bridge) {
    const std::string name = " mcast_router ";
    const std::string text = test::output("ip -d -o link show dev " + bridge);
    return std::stoi(text.substr(text.find(name) + name.size()));
}

int error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    return 0;
}

class BridgeMcastRouterTest : public testing::Test {
protected:
    BridgeMcastRouterTest() {
        test::require_sandbox();
        test::run("ip link add name br0 type bridge");
    }
    ~BridgeMcastRouterTest() override {
        if (if_nametoindex("br0") != 0) {
            test::run("ip link delete br0");
        }
    }
};

TEST_F(BridgeMcastRouterTest, ReadsWhatIsSet) {
    for (const int value : {0, 2, 1}) {
        test::run("ip link set dev br0 type bridge mcast_router " + std::to_string(value));
        EXPECT_EQ(read_mcast_router(test::index_of("br0")), static_cast<McastRouter>(value));
    }
}

TEST_F(BridgeMcastRouterTest, SetsAndLeavesTheRestOfTheBridgeAlone) {
    test::run("ip link set dev br0 type bridge mcast_querier 1 mcast_hash_max 1024");
    for (const auto value : {McastRouter::always, McastRouter::never, McastRouter::learn}) {
        set_mcast_router(test::index_of("br0"), value);
        EXPECT_EQ(mcast_router_of("br0"), static_cast<int>(value));
    }
    test::run("ip -d link show dev br0 | grep -q 'mcast_querier 1.*mcast_hash_max 1024'");
}

TEST_F(BridgeMcastRouterTest, PutsTheFormerValueBack) {
    for (const int former : {0, 1, 2}) {
        test::run("ip link set dev br0 type bridge mcast_router " + std::to_string(former));
        {
            const BridgeMcastRouter guard(test::index_of("br0"));
            EXPECT_EQ(mcast_router_of("br0"), 2);
        }
        EXPECT_EQ(mcast_router_of("br0"), former);
    }
}

TEST_F(BridgeMcastRouterTest, LeavesWhatSomeoneElseSetMeanwhile) {
    {
        const BridgeMcastRouter guard(test::index_of("br0"));
        test::run("ip link set dev br0 type bridge mcast_router 0");
    }
    EXPECT_EQ(mcast_router_of("br0"), 0);
}

TEST_F(BridgeMcastRouterTest, PutsBackAfterARename) {
    {
        const BridgeMcastRouter guard(test::index_of("br0"));
        test::run("ip link set dev br0 name lan");
        EXPECT_EQ(mcast_router_of("lan"), 2);
    }
    EXPECT_EQ(mcast_router_of("lan"), 1);
    test::run("ip link delete lan");
}

TEST_F(BridgeMcastRouterTest, TheBridgeMayGoFirst) {
    const BridgeMcastRouter guard(test::index_of("br0"));
    test::run("ip link delete br0");
}

TEST_F(BridgeMcastRouterTest, TellsWhatIsNoBridge) {
    const auto none = test::index_of("br0") + 1000;
    EXPECT_EQ(error_of([&] { static_cast<void>(read_mcast_router(none)); }), ENODEV);
    EXPECT_EQ(error_of([&] { set_mcast_router(none, McastRouter::always); }), ENODEV);
    EXPECT_EQ(error_of([&] { BridgeMcastRouter guard(none); }), ENODEV);

    EXPECT_EQ(error_of([&] { static_cast<void>(read_mcast_router(test::index_of("lo"))); }),
              EOPNOTSUPP);
    EXPECT_EQ(error_of([&] { set_mcast_router(test::index_of("lo"), McastRouter::always); }),
              EOPNOTSUPP);
}

}  // namespace
}  // namespace solicitd::io
