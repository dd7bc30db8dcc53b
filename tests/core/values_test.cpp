#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "core/due_queue.hpp"
#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"
#include "core/on_link_prefixes.hpp"
#include "core/rate_limit.hpp"
#include "fakes/nd_packets.hpp"

/// The small values and containers under the engine.
namespace solicitd::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Ipv6Prefix prefix(std::string_view text) {
    return Ipv6Prefix::parse(text).value();
}

TEST(Ipv6Address, ReadsAndWritesRfc5952) {
    EXPECT_EQ(address("2001:DB8:0:0::0:1").to_string(), "2001:db8::1");
    for (const char* wrong : {"", "2001:db8::1%eth0", "2001:db8", "1.2.3.4", "::1::", " ::1"}) {
        EXPECT_FALSE(Ipv6Address::parse(wrong)) << wrong;
    }
    EXPECT_FALSE(Ipv6Address::parse(std::string_view("::1\0", 4)));
}

TEST(Ipv6Address, OnlyGlobalUnicastCanBeShared) {
    for (const char* yes : {"2000::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00::1"}) {
        EXPECT_TRUE(address(yes).is_global_unicast()) << yes;
    }
    for (const char* no : {"::", "::1", "fe80::1", "febf::1", "ff02::1", "::ffff:192.0.2.1",
                           "fec0::1", "64:ff9b::1", "4000::1", "1fff::1"}) {
        EXPECT_FALSE(address(no).is_global_unicast()) << no;
    }
}

TEST(Ipv6Prefix, MasksAndContainsAtEachLength) {
    const Ipv6Address all = address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    for (unsigned length = 0; length <= 128; ++length) {
        const Ipv6Prefix ones(all, length);
        EXPECT_TRUE(ones.contains(all)) << length;
        if (length > 0) {
            Ipv6Address last_bit_differs = all;
            last_bit_differs.bytes[(length - 1) / 8] ^=
                static_cast<std::uint8_t>(0x80U >> ((length - 1) % 8));
            EXPECT_FALSE(ones.contains(last_bit_differs)) << length;
        }
        if (length < 128) {
            Ipv6Address beyond_differs = all;
            beyond_differs.bytes[length / 8] ^= static_cast<std::uint8_t>(0x80U >> (length % 8));
            EXPECT_TRUE(ones.contains(beyond_differs)) << length;
        }
    }
    EXPECT_EQ(prefix("2001:db8:1:2:3::/56").to_string(), "2001:db8:1::/56");
    for (const char* wrong : {"2001:db8::", "2001:db8::/", "2001:db8::/129", "2001:db8::/-1",
                              "2001:db8::/+1", "2001:db8::/64 ", "/64"}) {
        EXPECT_FALSE(Ipv6Prefix::parse(wrong)) << wrong;
    }
}

TEST(SolicitedNodeGroup, IsTheLow24Bits) {
    const auto group = SolicitedNodeGroup::of(address("2001:db8::1234:5678"));
    EXPECT_EQ(group.address(), address("ff02::1:ff34:5678"));
    EXPECT_EQ(SolicitedNodeGroup::from_address(group.address()), group);
    EXPECT_EQ(group, SolicitedNodeGroup::of(address("fd00::9934:5678")));
    EXPECT_FALSE(SolicitedNodeGroup::from_address(address("ff02::1")));
    EXPECT_FALSE(SolicitedNodeGroup::from_address(address("ff05::1:ff34:5678")));
}

TEST(MacAddress, ReadsAndWrites) {
    EXPECT_EQ(MacAddress::parse("0A:ff:00:01:02:03").value().to_string(), "0a:ff:00:01:02:03");
    for (const char* wrong : {"", "0a:ff:00:01:02", "0a-ff-00-01-02-03", "0a:ff:00:01:02:0g",
                              "0a:ff:00:01:02:+3", "0a:ff:00:01:02:033"}) {
        EXPECT_FALSE(MacAddress::parse(wrong)) << wrong;
    }
}

TEST(DueQueue, GivesTheEarliestWhateverWasChanged) {
    std::mt19937 random(7);
    std::deque<DueHook> items(100);
    DueQueue<DueHook> queue;
    for (int i = 0; i < 20'000; ++i) {
        DueHook& item = items[random() % items.size()];
        if (random() % 3 == 0) {
            queue.remove(item);
        } else {
            queue.set(item, TimePoint(seconds(random() % 50)));
        }
        const auto earliest =
            std::min_element(items.begin(), items.end(), [](const DueHook& a, const DueHook& b) {
                const bool a_queued = a.place != DueHook::kNowhere;
                const bool b_queued = b.place != DueHook::kNowhere;
                return a_queued != b_queued ? a_queued : a_queued && a.due < b.due;
            });
        ASSERT_EQ(queue.empty(), earliest->place == DueHook::kNowhere);
        if (!queue.empty()) {
            ASSERT_EQ(queue.top().due, earliest->due);
        }
    }
}

TEST(RateLimit, NeverAllowsMoreThanAHundredInASecond) {
    std::mt19937 random(3);
    RateLimit budget(10, std::chrono::milliseconds(100));
    std::deque<TimePoint> spent;
    TimePoint now{};
    for (int i = 0; i < 50'000; ++i) {
        now = std::max(now, budget.available_at());
        now += milliseconds(random() % 4 == 0 ? random() % 150 : 0);
        budget.spend(now);
        spent.push_back(now);
        if (spent.size() > 100) {
            ASSERT_GE(now - spent.front(), seconds(1));
            spent.pop_front();
        }
    }
    EXPECT_LT(now, TimePoint(seconds(50'000))) << "and it lets probes through";
}

TEST(OnLinkPrefixes, StayAsLongAsOneSourceDoes) {
    OnLinkPrefixes prefixes({});
    prefixes.add_address(address("2001:db8::1"), 64);
    prefixes.add_address(address("2001:db8::2"), 64);
    prefixes.add_route({2, prefix("2001:db8::/64"), 254, 256});
    EXPECT_THAT(prefixes.prefixes(), ElementsAre(prefix("2001:db8::/64")));
    prefixes.remove_address(address("2001:db8::1"), true);
    prefixes.remove_address(address("2001:db8::2"), true);
    EXPECT_TRUE(prefixes.contains(address("2001:db8::99")));
    prefixes.remove_route({2, prefix("2001:db8::/64"), 254, 512}, true);
    EXPECT_TRUE(prefixes.contains(address("2001:db8::99"))) << "another metric, another route";
    prefixes.remove_route({2, prefix("2001:db8::/64"), 254, 256}, true);
    EXPECT_THAT(prefixes.prefixes(), IsEmpty());
}

TEST(OnLinkPrefixes, TakeNoHostRouteDefaultRouteOrLocalPrefix) {
    OnLinkPrefixes prefixes({});
    prefixes.add_address(address("2001:db8::1"), 128);
    prefixes.add_route({2, prefix("::/0"), 254, 256});
    prefixes.add_route({2, prefix("fe80::/64"), 254, 256});
    prefixes.add_route({2, prefix("ff00::/8"), 254, 256});
    EXPECT_THAT(prefixes.prefixes(), IsEmpty());
}

TEST(OnLinkPrefixes, TakeNoMoreRoutesThanAFloodOfAdvertisementsShouldCost) {
    OnLinkPrefixes prefixes({});
    const auto route = [](unsigned number) {
        return OnLinkRoute{2, Ipv6Prefix(address("2001:db8::"), 128 - number % 100), 254, number};
    };
    prefixes.add_route({2, prefix("2001:db8:1::/64"), 254, 1});
    for (unsigned i = 0; i < 1000; ++i) {
        const bool needs_room = route(2 + i).prefix.length() < 128;
        ASSERT_EQ(prefixes.add_route(route(2 + i)),
                  i + 1 < OnLinkPrefixes::kMostRoutes || !needs_room)
            << i;
    }
    EXPECT_TRUE(prefixes.add_route({2, prefix("::/0"), 254, 1})) << "which needs no room";
    EXPECT_EQ(prefixes.sources().size(), OnLinkPrefixes::kMostRoutes);
    EXPECT_TRUE(prefixes.contains(address("2001:db8:1::5")));
    prefixes.add_address(address("2001:db8:2::5"), 64);
    EXPECT_TRUE(prefixes.contains(address("2001:db8:2::6"))) << "the router's own prefix";
    EXPECT_FALSE(prefixes.take_room_for_missing());
    prefixes.remove_route(route(2), true);
    EXPECT_TRUE(prefixes.take_room_for_missing());
    EXPECT_FALSE(prefixes.take_room_for_missing()) << "said once";
    prefixes.add_route({2, prefix("2001:db8:3::/64"), 254, 1});
    EXPECT_TRUE(prefixes.contains(address("2001:db8:3::5")));
}

TEST(OnLinkPrefixes, OrphansKeepNoRouteOut) {
    OnLinkPrefixes prefixes({});
    prefixes.add_address(address("2001:db8:2::5"), 64);
    for (unsigned i = 0; i < OnLinkPrefixes::kMostRoutes; ++i) {
        prefixes.add_route({2, prefix("2001:db8:1::/64"), 254, i});
    }
    prefixes.orphan_all();
    EXPECT_TRUE(prefixes.add_route({2, prefix("2001:db8:3::/64"), 254, 1}));
    EXPECT_EQ(prefixes.sources().size(), OnLinkPrefixes::kMostRoutes + 1);
    EXPECT_TRUE(prefixes.contains(address("2001:db8:3::5")));
    EXPECT_TRUE(prefixes.contains(address("2001:db8:2::6"))) << "no route takes an address's place";
}

TEST(OnLinkPrefixes, ConfiguredOnesStandInFront) {
    OnLinkPrefixes prefixes({prefix("2001:db8:2::/64"), prefix("2001:db8:2::/64")});
    prefixes.add_address(address("2001:db8:1::1"), 64);
    EXPECT_THAT(prefixes.prefixes(), ElementsAre(prefix("2001:db8:2::/64")));
    EXPECT_FALSE(prefixes.contains(address("2001:db8:1::5")));
    for (unsigned i = 0; i < 100; ++i) {
        EXPECT_TRUE(prefixes.add_route({2, prefix("2001:db8:3::/64"), 254, i})) << "of no account";
    }
    prefixes.configure({});
    EXPECT_THAT(prefixes.prefixes(),
                ElementsAre(prefix("2001:db8:1::/64"), prefix("2001:db8:3::/64")));
}

TEST(OnLinkPrefixes, DumpSweepsWhatItDoesNotMention) {
    OnLinkPrefixes prefixes({});
    prefixes.add_address(address("2001:db8:1::1"), 64);
    prefixes.add_address(address("2001:db8:2::1"), 64);
    prefixes.add_route({2, prefix("2001:db8:3::/64"), 254, 256});
    prefixes.begin_dump(OnLinkPrefixes::Origin::address);
    prefixes.add_address(address("2001:db8:2::1"), 64);
    prefixes.end_dump(OnLinkPrefixes::Origin::address, true);
    EXPECT_THAT(prefixes.prefixes(),
                ElementsAre(prefix("2001:db8:2::/64"), prefix("2001:db8:3::/64")));
}

TEST(OnLinkPrefixes, OrphansAreBelievedUntilDropped) {
    OnLinkPrefixes prefixes({});
    prefixes.add_address(address("2001:db8:1::1"), 64);
    prefixes.add_address(address("2001:db8:2::1"), 64);
    prefixes.remove_address(address("2001:db8:1::1"), false);
    prefixes.orphan_all();
    EXPECT_EQ(prefixes.prefixes().size(), 2U);
    prefixes.begin_dump(OnLinkPrefixes::Origin::address);
    prefixes.add_address(address("2001:db8:2::1"), 64);
    prefixes.end_dump(OnLinkPrefixes::Origin::address, true);
    EXPECT_EQ(prefixes.prefixes().size(), 2U) << "a dump may run before the prefix is back";
    EXPECT_TRUE(prefixes.has_orphans());
    prefixes.drop_orphans();
    EXPECT_THAT(prefixes.prefixes(), ElementsAre(prefix("2001:db8:2::/64")));
}

}  // namespace
}  // namespace solicitd::test
