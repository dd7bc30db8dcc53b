#include "core/host_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "core/link_local_neighbors.hpp"
#include "fakes/allocations.hpp"
#include "fakes/nd_packets.hpp"

namespace solicitd::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

constexpr DownstreamId kLan = 0;
constexpr DownstreamId kOtherLan = 1;
const TimePoint kStart{std::chrono::hours(1)};

Ipv6Address numbered(std::uint16_t number) {
    Ipv6Address each = address("2001:db8::");
    each.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
    each.bytes[15] = static_cast<std::uint8_t>(number);
    return each;
}

MacAddress mac(std::uint8_t number) {
    return {{2, 0, 0, 0, 0, number}};
}

class HostTableTest : public ::testing::Test {
protected:
    /// As the engine does: nullptr when there is no room.
    Host* come(std::uint16_t number, HostRank rank, const MacAddress& its_mac, TimePoint now,
               DownstreamId downstream = kLan) {
        const HostTable::Room room = table.room_for(downstream, its_mac, rank, now);
        refused = room.refused;
        if (room.refused != HostTable::Cap::none) {
            EXPECT_EQ(room.evict, nullptr);
            return nullptr;
        }
        if (room.evict != nullptr) {
            evicted.push_back(room.evict->key.address.bytes[15]);
            table.erase(*room.evict);
        }
        Host& host = table.insert({numbered(number), downstream}, its_mac, rank);
        host.first_seen = host.last_seen = now;
        return &host;
    }
    Host* come(std::uint16_t number, HostRank rank, TimePoint now = kStart) {
        return come(number, rank, mac(static_cast<std::uint8_t>(number)), now);
    }

    HostTable table{3, 1};
    HostTable::Cap refused = HostTable::Cap::none;
    std::vector<std::uint8_t> evicted;
};

TEST_F(HostTableTest, FindsSchedulesAndErases) {
    Host* host = come(1, HostRank::heard);
    ASSERT_NE(host, nullptr);
    ASSERT_NE(come(1, HostRank::heard, mac(1), kStart, kOtherLan), nullptr)
        << "each downstream for itself";
    EXPECT_EQ(table.find({numbered(1), kLan}), host);
    EXPECT_EQ(table.find({numbered(2), kLan}), nullptr);

    table.schedule(*host, TimePoint(seconds(5)));
    EXPECT_EQ(table.next(), host);
    table.schedule(*host, TimePoint::max());
    EXPECT_EQ(table.next(), nullptr);
    table.schedule(*host, TimePoint(seconds(5)));
    table.erase(*host);
    EXPECT_EQ(table.next(), nullptr);
    EXPECT_EQ(table.find({numbered(1), kLan}), nullptr);
    EXPECT_EQ(table.size(), 1U);
}

TEST_F(HostTableTest, ErasesByPredicateEverywhere) {
    table.set_limit(100);
    table.set_mac_limit(0, 50);
    table.set_mac_limit(1, 50);
    for (std::uint16_t i = 0; i < 100; ++i) {
        Host* host = come(i, HostRank::heard, mac(1), kStart, i % 2);
        ASSERT_NE(host, nullptr);
        table.schedule(*host, TimePoint(seconds(i)));
    }
    EXPECT_EQ(come(100, HostRank::heard, mac(1), kStart), nullptr);
    EXPECT_EQ(table.erase_if([](const Host& host) { return host.key.downstream == 0; }), 50U);
    EXPECT_EQ(table.size(), 50U);
    ASSERT_NE(table.next(), nullptr);
    EXPECT_EQ(table.next()->due, TimePoint(seconds(1)));
    EXPECT_NE(come(100, HostRank::heard, mac(1), kStart), nullptr);
}

TEST_F(HostTableTest, TheLowestRankGoesFirstAndOfItTheLongestUnseen) {
    come(1, HostRank::heard);
    Host* second = come(2, HostRank::remembered);
    come(3, HostRank::remembered);
    table.set_rank(*second, HostRank::remembered);  // seen again
    EXPECT_NE(come(4, HostRank::heard), nullptr);
    EXPECT_NE(come(5, HostRank::confirmed), nullptr);
    EXPECT_THAT(evicted, ElementsAre(3, 2));
    EXPECT_NE(come(6, HostRank::confirmed), nullptr);
    EXPECT_THAT(evicted, ElementsAre(3, 2, 1)) << "heard before 4";
}

TEST_F(HostTableTest, NothingGivesWayToItsEqualOrLess) {
    for (const HostRank rank : {HostRank::remembered, HostRank::heard, HostRank::confirmed}) {
        table.erase_if([](const Host&) { return true; });
        for (std::uint16_t i = 0; i < 3; ++i) {
            ASSERT_NE(come(i, rank), nullptr);
        }
        for (std::uint16_t i = 3; i < 10; ++i) {
            EXPECT_EQ(come(i, rank, kStart + seconds(3600)), nullptr);
            EXPECT_EQ(come(i, HostRank::claimed, kStart + seconds(3600)), nullptr);
            EXPECT_EQ(refused, HostTable::Cap::hosts);
        }
    }
    EXPECT_TRUE(evicted.empty());
}

TEST_F(HostTableTest, AClaimGivesWayToAnotherOnceItHadTimeToSpeak) {
    for (std::uint16_t i = 0; i < 3; ++i) {
        come(i, HostRank::claimed, kStart + milliseconds(i));
    }
    const TimePoint spoken = kStart + HostTable::kTimeToSpeak;
    EXPECT_EQ(come(3, HostRank::claimed, spoken - milliseconds(1)), nullptr);
    EXPECT_NE(come(4, HostRank::claimed, spoken), nullptr);
    EXPECT_EQ(come(5, HostRank::claimed, spoken), nullptr) << "the next is younger";
    EXPECT_NE(come(6, HostRank::heard, spoken), nullptr) << "which need not wait";
    EXPECT_THAT(evicted, ElementsAre(0, 1));
}

TEST_F(HostTableTest, RepeatingAClaimKeepsNobodyOut) {
    for (std::uint16_t i = 0; i < 3; ++i) {
        Host* claim = come(i, HostRank::claimed);
        claim->last_seen = kStart + seconds(3);
        table.set_rank(*claim, HostRank::claimed);
    }
    EXPECT_NE(come(3, HostRank::claimed, kStart + seconds(3)), nullptr);
    EXPECT_THAT(evicted, ElementsAre(0));
}

TEST_F(HostTableTest, AClaimThatTheKernelVouchesForNeedNotWait) {
    for (std::uint16_t i = 0; i < 3; ++i) {
        come(i, HostRank::claimed);
    }
    EXPECT_FALSE(table.has_confirmed(kLan, mac(9)));
    EXPECT_NE(come(9, HostRank::vouched), nullptr);
    EXPECT_NE(come(10, HostRank::vouched), nullptr);
    EXPECT_NE(come(11, HostRank::vouched), nullptr);
    EXPECT_EQ(come(12, HostRank::vouched), nullptr);
    EXPECT_EQ(come(13, HostRank::claimed, kStart + seconds(60)), nullptr);
    EXPECT_NE(come(14, HostRank::vouched, kStart + HostTable::kTimeToSpeak), nullptr);
    EXPECT_THAT(evicted, ElementsAre(0, 1, 2, 9));
    table.set_rank(*table.find({numbered(10), kLan}), HostRank::confirmed);
    EXPECT_TRUE(table.has_confirmed(kLan, mac(10)));
    EXPECT_FALSE(table.has_confirmed(kOtherLan, mac(10)));
}

TEST_F(HostTableTest, HostsOfOneMacOnlyPushOutEachOther) {
    table.set_limit(100);
    table.set_mac_limit(kLan, 2);
    table.set_mac_limit(kOtherLan, 1);
    come(1, HostRank::claimed, mac(9), kStart);
    come(2, HostRank::claimed, mac(1), kStart);
    come(3, HostRank::heard, mac(1), kStart);
    EXPECT_EQ(come(4, HostRank::claimed, mac(1), kStart), nullptr);
    EXPECT_EQ(refused, HostTable::Cap::hosts_per_mac);
    EXPECT_NE(come(5, HostRank::heard, mac(1), kStart), nullptr);
    EXPECT_EQ(come(6, HostRank::heard, mac(1), kStart), nullptr);
    EXPECT_NE(come(7, HostRank::confirmed, mac(1), kStart), nullptr);
    EXPECT_THAT(evicted, ElementsAre(2, 3));
    EXPECT_NE(come(8, HostRank::claimed, mac(1), kStart, kOtherLan), nullptr) << "another cap";
    EXPECT_EQ(come(9, HostRank::claimed, mac(1), kStart, kOtherLan), nullptr);
}

TEST_F(HostTableTest, OfOneMacTheLongestUnseenGoesFirst) {
    table.set_mac_limit(kLan, 2);
    Host* first = come(1, HostRank::heard, mac(1), kStart);
    come(2, HostRank::heard, mac(1), kStart);
    table.set_rank(*first, HostRank::heard);  // seen again
    EXPECT_NE(come(3, HostRank::confirmed, mac(1), kStart), nullptr);
    EXPECT_THAT(evicted, ElementsAre(2));
}

TEST_F(HostTableTest, HostsWithoutAMacHaveNoCapOfTheirOwn) {
    table.set_mac_limit(kLan, 1);
    EXPECT_NE(come(1, HostRank::heard, MacAddress{}, kStart), nullptr);
    EXPECT_NE(come(2, HostRank::heard, MacAddress{}, kStart), nullptr);
}

TEST_F(HostTableTest, AHostKeepsItsMacWhenTheOtherHasAsManyAsMayBe) {
    table.set_mac_limit(kLan, 1);
    Host* first = come(1, HostRank::confirmed, mac(1), kStart);
    come(2, HostRank::claimed, mac(2), kStart);
    table.set_mac(*first, mac(2));
    EXPECT_EQ(first->mac, mac(1));
    table.set_mac(*first, mac(3));
    EXPECT_EQ(first->mac, mac(3));
    EXPECT_NE(come(3, HostRank::claimed, mac(1), kStart), nullptr) << "its place is free";
    EXPECT_EQ(come(4, HostRank::claimed, mac(3), kStart), nullptr);
}

TEST_F(HostTableTest, ALowerLimitEvictsNobodyAndKeepsItFromGrowing) {
    for (std::uint16_t i = 0; i < 3; ++i) {
        come(i, HostRank::claimed);
    }
    table.set_limit(1);
    EXPECT_EQ(table.size(), 3U);
    EXPECT_EQ(come(3, HostRank::claimed), nullptr);
    EXPECT_NE(come(4, HostRank::heard), nullptr);
    EXPECT_EQ(table.size(), 3U);
}

/// Against a model that looks at every host each time.
TEST_F(HostTableTest, WhoeverGoesIsTheOneThatASearchWouldFind) {
    constexpr std::size_t limit = 40;
    constexpr std::size_t mac_limit = 7;
    table.set_limit(limit);
    table.set_mac_limit(kLan, mac_limit);
    std::mt19937 random(5);
    std::map<std::uint16_t, std::uint64_t> touched;  // by number: in which turn
    const auto lowest = [&](const auto& counts) {
        const Host* found = nullptr;
        for (const auto& [number, turn] : touched) {
            const Host* host = table.find({numbered(number), kLan});
            if (counts(*host) &&
                (found == nullptr || host->rank < found->rank ||
                 (host->rank == found->rank &&
                  turn < touched.at(static_cast<std::uint16_t>(found->key.address.bytes[14] << 8U |
                                                               found->key.address.bytes[15]))))) {
                found = host;
            }
        }
        return found;
    };
    std::size_t evictions = 0;
    for (std::uint64_t turn = 0; turn < 20'000; ++turn) {
        const auto number = static_cast<std::uint16_t>(random() % 500);
        const auto rank = static_cast<HostRank>(1 + random() % 5);
        const MacAddress its_mac = mac(static_cast<std::uint8_t>(1 + random() % 9));
        const TimePoint now = kStart + milliseconds(turn);
        if (Host* host = table.find({numbered(number), kLan})) {
            switch (random() % 4) {
                case 0:
                    table.erase(*host);
                    touched.erase(number);
                    break;
                case 1:
                    if (!is_claim(host->rank)) {
                        table.set_mac(*host, its_mac);
                        table.set_rank(*host, host->rank);  // it is the latest there, too
                        touched[number] = turn;
                    }
                    break;
                default:
                    // Claims keep the order in which they came.
                    touched[number] = is_claim(rank) && host->rank == rank ? touched[number] : turn;
                    table.set_rank(*host, rank);
            }
            continue;
        }
        std::size_t of_mac = 0;
        table.for_each([&](const Host& host) { of_mac += host.mac == its_mac ? 1 : 0; });
        ASSERT_LE(of_mac, mac_limit);
        ASSERT_LE(table.size(), limit);
        const Host* expected = nullptr;
        if (of_mac == mac_limit) {
            expected = lowest([&](const Host& host) { return host.mac == its_mac; });
        } else if (table.size() == limit) {
            expected = lowest([](const Host&) { return true; });
        }
        const bool tie = expected != nullptr && expected->rank == rank && is_claim(rank) &&
                         now - expected->first_seen >= HostTable::kTimeToSpeak;
        const bool yields = expected != nullptr && (expected->rank < rank || tie);
        const HostTable::Room room = table.room_for(kLan, its_mac, rank, now);
        ASSERT_EQ(room.evict, yields ? expected : nullptr);
        ASSERT_EQ(room.refused == HostTable::Cap::none, expected == nullptr || yields);
        if (room.evict != nullptr) {
            ++evictions;
            touched.erase(static_cast<std::uint16_t>(room.evict->key.address.bytes[14] << 8U |
                                                     room.evict->key.address.bytes[15]));
            table.erase(*room.evict);
        }
        if (room.refused == HostTable::Cap::none) {
            table.insert({numbered(number), kLan}, its_mac, rank).first_seen = now;
            touched[number] = turn;
        }
    }
    EXPECT_GT(evictions, 1000U);
}

TEST_F(HostTableTest, WhoWentLeavesNothingBehindAndAHostTakesLessThanAKibibyte) {
    table.set_limit(1000);
    const auto fill_and_empty = [&](std::uint32_t first) {
        const std::size_t before = allocated_bytes();
        for (std::uint32_t i = first; i < first + 1000; ++i) {
            MacAddress its_mac = mac(static_cast<std::uint8_t>(i));
            its_mac.bytes[1] = static_cast<std::uint8_t>(i >> 16U);
            its_mac.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
            Host* host = come(static_cast<std::uint16_t>(i), HostRank::heard, its_mac, kStart);
            table.schedule(*host, kStart + seconds(i));
        }
        EXPECT_LT(allocated_bytes() - before, 1000U * 1024);
        table.erase_if([](const Host&) { return true; });
        return allocated_bytes();
    };
    const std::size_t empty = fill_and_empty(0);
    for (std::uint32_t i = 1; i < 20; ++i) {
        EXPECT_EQ(fill_and_empty(i * 1000), empty);
    }
}

TEST(LinkLocalNeighborsTest, CountWhatTheyShareAndAreBounded) {
    LinkLocalNeighbors known(1);
    const Ipv6Address one = address("fe80::1");
    const Ipv6Address same_group = address("fe80::1:0:1");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(one);
    known.learn(one, mac(1), true);
    known.learn(one, mac(1), true);
    known.learn(same_group, mac(1), true);
    known.forget(one);
    EXPECT_TRUE(known.explain(group, mac(1)));
    EXPECT_TRUE(known.have_mac(mac(1)));
    known.learn(same_group, mac(2), true);
    EXPECT_FALSE(known.have_mac(mac(1))) << "it has another now";
    EXPECT_FALSE(known.explain(group, mac(1)));
    EXPECT_TRUE(known.explain(group, mac(2)));
    known.forget(same_group);
    known.forget(same_group);
    EXPECT_FALSE(known.explain(group, mac(2)));
    EXPECT_FALSE(known.have_mac(mac(2)));
    known.learn(one, MacAddress{}, true);
    EXPECT_FALSE(known.have_mac(MacAddress{})) << "which stands for none";

    for (std::uint32_t i = 0; i < LinkLocalNeighbors::kCapacity; ++i) {
        known.learn(numbered(static_cast<std::uint16_t>(i)), mac(3), false);
    }
    known.learn(address("fe80::9:9"), mac(9), true);
    EXPECT_FALSE(known.have_mac(mac(9)));
    EXPECT_FALSE(known.explain(SolicitedNodeGroup::of(address("fe80::9:9")), mac(9)));
}

TEST(LinkLocalNeighborsTest, OneExplainsReportsOnceItAnsweredAndUntilItsMacChanges) {
    LinkLocalNeighbors known(1);
    const Ipv6Address one = address("fe80::1");
    const SolicitedNodeGroup group = SolicitedNodeGroup::of(one);
    known.learn(one, mac(1), false);
    EXPECT_TRUE(known.have_mac(mac(1)));
    EXPECT_FALSE(known.explain(group, mac(1))) << "anybody could have said that";
    known.learn(one, mac(1), true);
    EXPECT_TRUE(known.explain(group, mac(1)));
    EXPECT_FALSE(known.explain(group, mac(2)));
    EXPECT_FALSE(known.explain(SolicitedNodeGroup{2}, mac(1)));
    known.learn(one, mac(1), false);
    EXPECT_TRUE(known.explain(group, mac(1))) << "STALE says that it was not asked lately";
    known.learn(one, mac(2), false);
    EXPECT_FALSE(known.explain(group, mac(1)));
    EXPECT_FALSE(known.explain(group, mac(2)));
}

}  // namespace
}  // namespace solicitd::test
