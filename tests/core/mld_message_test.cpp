#include "core/mld_message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>
#include <vector>

#include "fakes/allocations.hpp"
#include "fakes/mld_packets.hpp"

namespace solicitd {

// How GoogleTest shows a result that was not expected.
void PrintTo(const MldQuery& query, std::ostream* out) {
    *out << "MLDv" << static_cast<int>(query.version) << " query for " << query.group.to_string()
         << " from " << query.source.to_string() << ", response " << query.max_response.count()
         << " ms, QRV " << int{query.robustness} << ", QQI " << query.interval.count() << " s";
}
void PrintTo(MldDefect defect, std::ostream* out) {
    *out << to_string(defect);
}

namespace {

using namespace std::chrono_literals;
using test::address;
using test::group_record;
using test::kHopByHopAt;
using test::kMldAt;
using test::Packet;

/// An MldReport that outlives its packet.
struct Report {
    MldVersion version = MldVersion::v2;
    Ipv6Address source;
    std::vector<Ipv6Address> groups;

    friend bool operator==(const Report&, const Report&) = default;
};
void PrintTo(const Report& report, std::ostream* out) {
    *out << "MLDv" << static_cast<int>(report.version) << " report from "
         << report.source.to_string() << " of";
    for (const Ipv6Address& group : report.groups) {
        *out << ' ' << group.to_string();
    }
}
using Result = std::variant<MldQuery, Report, MldDefect>;

const Ipv6Address kRouter = address("fe80::1");
const Ipv6Address kHost = address("fe80::abcd");
const Ipv6Address kGlobal = address("2001:db8::1");
const Ipv6Address kGroup = address("ff02::1:ff34:5678");
const Ipv6Address kOtherGroup = address("ff02::1:ffcd:ef01");
const Ipv6Address kMdns = address("ff02::fb");

/// Parses an exact copy on the heap, so that AddressSanitizer sees a read past its end.
Result parse(const Packet& packet, Checksum checksum = Checksum::verify) {
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[packet.size()]);
    std::copy(packet.begin(), packet.end(), exact.get());
    const auto parsed = parse_mld_message(exact.get(), packet.size(), checksum);
    if (const auto* read = std::get_if<MldReport>(&parsed)) {
        Report report{read->version, read->source, {}};
        read->for_each_group(
            [&report](const Ipv6Address& group) { report.groups.push_back(group); });
        return report;
    }
    if (const auto* query = std::get_if<MldQuery>(&parsed)) {
        return *query;
    }
    return std::get<MldDefect>(parsed);
}

bool is_valid(const Result& result) {
    return !std::holds_alternative<MldDefect>(result);
}

Packet first_bytes(const Packet& packet, std::size_t size) {
    return {packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)};
}

Packet with_options(const Packet& packet, const Packet& options) {
    const Packet message(packet.begin() + kMldAt, packet.end());
    Packet changed = test::mld_packet(kHost, kGroup, message, options);
    std::copy_n(packet.begin() + 8, 32, changed.begin() + 8);
    test::fix_mld_checksum(changed);
    return changed;
}

/// Every message, short and long.
std::vector<Packet> valid_packets() {
    return {
        test::query_v1(kRouter),
        test::query_v1(kRouter, kGroup, 1000),
        test::query_v2(kRouter),
        test::query_v2({}),
        test::query_v2(kRouter, kGroup, 1000, 2, 125, {kGlobal, kGlobal}),
        test::report_v1(kHost, kGroup),
        test::report_v1({}, kGroup),
        test::report_v2(kHost, {}),
        test::report_v2({}, {group_record(test::kToExclude, kGroup)}),
        test::report_v2(kHost, {group_record(test::kIsExclude, kGroup, {}, Packet(8, 0xEE)),
                                group_record(test::kAllowNew, kMdns, {kGlobal, kGlobal}),
                                group_record(test::kIsExclude, kOtherGroup)}),
    };
}

TEST(MldMessage, ReadsQueries) {
    const MldQuery v1{MldVersion::v1, kRouter, {}, 1234ms, 0, 0s};
    EXPECT_EQ(parse(test::query_v1(kRouter, {}, 1234)), Result(v1));
    EXPECT_TRUE(v1.is_general());

    const MldQuery v1_group{MldVersion::v1, kRouter, kGroup, 65'535ms, 0, 0s};
    EXPECT_EQ(parse(test::query_v1(kRouter, kGroup, 65'535)), Result(v1_group));
    EXPECT_FALSE(v1_group.is_general());

    const MldQuery v2{MldVersion::v2, kRouter, {}, 10'000ms, 2, 125s};
    EXPECT_EQ(parse(test::query_v2(kRouter)), Result(v2));

    const MldQuery v2_group{MldVersion::v2, kRouter, kGroup, 1000ms, 3, 60s};
    EXPECT_EQ(parse(test::query_v2(kRouter, kGroup, 1000, 3, 60, {kGlobal})), Result(v2_group));

    const MldQuery of_a_switch{MldVersion::v2, {}, {}, 10'000ms, 2, 125s};
    EXPECT_EQ(parse(test::query_v2({})), Result(of_a_switch));
}

TEST(MldMessage, ReadsReports) {
    EXPECT_EQ(parse(test::report_v1(kHost, kGroup)),
              Result(Report{MldVersion::v1, kHost, {kGroup}}));
    EXPECT_EQ(parse(test::report_v2({}, {group_record(test::kToExclude, kGroup),
                                         group_record(test::kIsExclude, kMdns)})),
              Result(Report{MldVersion::v2, {}, {kGroup, kMdns}}));
    EXPECT_EQ(parse(test::report_v2(kHost, {})), Result(Report{MldVersion::v2, kHost, {}}));
}

// Off the wire of Linux 6.18, so that mld_packets.hpp is not the only judge of what is valid.
TEST(MldMessage, ReadsWhatLinuxSends) {
    const Packet query = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0x01, 0xfe, 0x80, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0xf8, 0x6b, 0x8e, 0xff, 0xfe, 0xf8, 0x99, 0x88,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x01, 0x3a, 0x00, 0x05, 0x02, 0x00, 0x00, 0x00, 0x00,  //
        0x82, 0x00, 0x36, 0xaa, 0x27, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x02, 0x7d, 0x00, 0x00,
    };
    const Ipv6Address bridge = address("fe80::f86b:8eff:fef8:9988");
    EXPECT_EQ(parse(query), Result(MldQuery{MldVersion::v2, bridge, {}, 10'000ms, 2, 125s}));

    const Packet old_query = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x01, 0xfe, 0x80, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x08, 0xd3, 0xc2, 0xff, 0xfe, 0xed, 0xef, 0x1d,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x01, 0x3a, 0x00, 0x05, 0x02, 0x00, 0x00, 0x00, 0x00,  //
        0x82, 0x00, 0x9f, 0x39, 0x27, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    };
    const Ipv6Address old_bridge = address("fe80::8d3:c2ff:feed:ef1d");
    EXPECT_EQ(parse(old_query), Result(MldQuery{MldVersion::v1, old_bridge, {}, 10'000ms, 0, 0s}));

    const Packet report = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00, 0x01, 0xfe, 0x80, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0xf8, 0x6b, 0x8e, 0xff, 0xfe, 0xf8, 0x99, 0x88,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x16, 0x3a, 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x00,  //
        0x8f, 0x00, 0xb3, 0x19, 0x00, 0x00, 0x00, 0x02, 0x04, 0x00, 0x00, 0x00,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
        0xff, 0xf8, 0x99, 0x88, 0x04, 0x00, 0x00, 0x00, 0xff, 0x02, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6a,
    };
    EXPECT_EQ(parse(report),
              Result(Report{
                  MldVersion::v2, bridge, {address("ff02::1:fff8:9988"), address("ff02::6a")}}));

    const Packet old_report = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x01, 0xfe, 0x80, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x3c, 0x35, 0x73, 0xff, 0xfe, 0x6e, 0xfe, 0x73,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
        0xff, 0x6e, 0xfe, 0x73, 0x3a, 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x00,  //
        0x83, 0x00, 0xd7, 0x46, 0x00, 0x00, 0x00, 0x00, 0xff, 0x02, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xff, 0x6e, 0xfe, 0x73,
    };
    EXPECT_EQ(parse(old_report), Result(Report{MldVersion::v1,
                                               address("fe80::3c35:73ff:fe6e:fe73"),
                                               {address("ff02::1:ff6e:fe73")}}));
}

TEST(MldMessage, AcceptsEveryValidForm) {
    for (const Packet& packet : valid_packets()) {
        EXPECT_TRUE(is_valid(parse(packet))) << testing::PrintToString(parse(packet));
    }
}

TEST(MldMessage, IgnoresLinkPaddingBehindThePacket) {
    for (Packet packet : valid_packets()) {
        const Result bare = parse(packet);
        packet.insert(packet.end(), 18, 0xAA);
        EXPECT_EQ(parse(packet), bare);
    }
}

TEST(MldMessage, FindsTheRouterAlertAmongOtherOptions) {
    Packet long_header(8 * 256 - 2, 0);  // the largest there is, of Pad1
    std::copy_n(test::kRouterAlert.begin(), 4, long_header.end() - 4);
    const std::vector<Packet> all_options = {
        {5, 2, 0, 0, 0, 0},                               // two Pad1 behind
        {0, 0, 5, 2, 0, 0},                               // and in front
        {1, 0, 5, 2, 0, 0},                               // PadN in front, as others order it
        {5, 2, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0},       // 16 bytes
        {1, 2, 0, 0, 5, 2, 0, 0, 1, 4, 0, 0, 0, 0},       // between padding
        {0x1E, 4, 5, 2, 0, 1, 5, 2, 0, 0, 1, 2, 0, 0},    // RFC 4727 experiment in front
        {5, 2, 0, 0, 0x3E, 8, 1, 2, 3, 4, 5, 6, 7, 255},  // and behind
        long_header,
    };
    for (const Packet& packet : valid_packets()) {
        for (const Packet& options : all_options) {
            EXPECT_EQ(parse(with_options(packet, options)), parse(packet))
                << testing::PrintToString(options);
        }
    }
}

TEST(MldMessage, RefusesWhatIsNoRouterAlertForMld) {
    const std::vector<Packet> all_options = {
        {1, 4, 0, 0, 0, 0},                           // padding only
        {0, 0, 0, 0, 0, 0},                           //
        {5, 2, 0, 1, 1, 0},                           // for RSVP
        {5, 2, 1, 0, 1, 0},                           //
        {5, 1, 0, 1, 1, 0},                           // of a wrong length
        {5, 0, 1, 2, 0, 0},                           //
        {5, 4, 0, 0, 0, 0},                           //
        {1, 4, 5, 2, 0, 0},                           // inside of padding
        {0, 0, 0, 5, 2, 0},                           // past the end
        {5, 2, 0, 0, 0, 1},                           // half an option behind it
        {5, 2, 0, 0, 1, 1},                           // one past the end
        {5, 2, 0, 0, 1, 255},                         //
        {1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},  //
    };
    for (const Packet& packet : valid_packets()) {
        for (const Packet& options : all_options) {
            EXPECT_EQ(parse(with_options(packet, options)), Result(MldDefect::router_alert))
                << testing::PrintToString(options);
        }
    }
}

TEST(MldMessage, ReadsTheLargestReport) {
    std::vector<Packet> records;
    while (8 + 8 + (records.size() + 1) * 20 <= 0xFFFF) {
        records.push_back(group_record(test::kIsExclude, kGroup));
    }
    const Result result = parse(test::report_v2(kHost, records));
    ASSERT_TRUE(std::holds_alternative<Report>(result)) << testing::PrintToString(result);
    EXPECT_EQ(std::get<Report>(result).groups.size(), records.size());
}

TEST(MldMessage, RefusesEveryTruncation) {
    for (const Packet& packet : valid_packets()) {
        for (std::size_t size = 0; size < packet.size(); ++size) {
            EXPECT_EQ(parse(first_bytes(packet, size)), Result(MldDefect::truncated))
                << size << " of " << packet.size() << " bytes";
        }
    }
}

// With a payload length that fits: what is missing is then missing in the message.
TEST(MldMessage, RefusesEveryMessageThatIsTooShort) {
    for (const Packet& valid : valid_packets()) {
        const bool is_query = valid[kMldAt] == test::kMldQuery;
        const std::size_t least = valid[kMldAt] == test::kMldV2Report ? 8 : 24;
        for (std::size_t size = test::kIcmpAt; size < valid.size(); ++size) {
            Packet packet = first_bytes(valid, size);
            test::fix_length(packet);
            const Result result = parse(packet, Checksum::trust);
            if (size < kMldAt + least) {
                EXPECT_EQ(result, Result(MldDefect::truncated)) << size;
            } else if (is_query && size == kMldAt + 24) {
                EXPECT_EQ(std::get<MldQuery>(result).version, MldVersion::v1);
            } else {
                EXPECT_EQ(result, Result(MldDefect::length)) << size;
            }
        }
    }
}

TEST(MldMessage, RefusesEveryFlippedBitUnderTheChecksum) {
    for (const Packet& valid : valid_packets()) {
        const Result original = parse(valid);
        for (std::size_t bit = 8 * 8; bit < valid.size() * 8; ++bit) {
            Packet packet = valid;
            const std::size_t at = bit / 8;
            packet[at] ^= static_cast<std::uint8_t>(0x80U >> bit % 8);
            const Result result = parse(packet);
            if (at >= kHopByHopAt && at < kMldAt) {
                // Not under the checksum. A flip may turn one padding into another.
                EXPECT_TRUE(!is_valid(result) || result == original) << bit;
                continue;
            }
            // One flip makes a query of a v1 report, and the other way round.
            const bool other_type =
                at == kMldAt && packet[at] != test::kMldQuery && packet[at] != test::kMldV1Report;
            EXPECT_EQ(result, Result(other_type ? MldDefect::not_mld : MldDefect::checksum))
                << "byte " << at << ", bit " << bit % 8;
        }
    }
}

TEST(MldMessage, TrustsAChecksumThatIsNotFilledInYet) {
    for (Packet packet : valid_packets()) {
        const Result expected = parse(packet);
        packet[kMldAt + 2] ^= 0x5A;
        EXPECT_EQ(parse(packet), Result(MldDefect::checksum));
        EXPECT_EQ(parse(packet, Checksum::trust), expected);
    }
}

/// One defect each, in a packet that is right in all else.
struct Defective {
    const char* name;
    MldDefect expected;
    Packet packet;
};

Packet changed(Packet packet, std::size_t at, std::uint8_t value) {
    packet[at] = value;
    test::fix_mld_checksum(packet);
    return packet;
}

Packet without_options(Packet packet) {
    packet.erase(packet.begin() + kHopByHopAt, packet.begin() + kMldAt);
    packet[test::kNextHeaderAt] = 58;
    test::fix_length(packet);
    test::fix_checksum(packet);
    return packet;
}

/// As a fragment behind the hop-by-hop options, where it has its place.
Packet fragmented_behind_options(Packet packet) {
    const Packet header = {packet[kHopByHopAt], 0, 0, 0, 1, 2, 3, 4};
    packet[kHopByHopAt] = 44;
    packet.insert(packet.begin() + kMldAt, header.begin(), header.end());
    test::fix_length(packet);
    return packet;
}

Packet query_with_tail(const Packet& tail) {
    return test::query_packet(kRouter, {}, 10'000, tail);
}

std::vector<Defective> defective_packets() {
    const Packet query = test::query_v2(kRouter);
    const Packet old_query = test::query_v1(kRouter);
    const Packet report = test::report_v2(kHost, {group_record(test::kIsExclude, kGroup)});
    const Packet old_report = test::report_v1(kHost, kGroup);
    constexpr std::size_t record = kMldAt + 8;

    return {
        {"query of IPv4", MldDefect::not_mld, changed(query, 0, 0x40)},
        {"query in UDP", MldDefect::not_mld, changed(query, test::kNextHeaderAt, 17)},
        {"report in UDP", MldDefect::not_mld, changed(report, kHopByHopAt, 17)},
        {"query behind destination options", MldDefect::not_mld, changed(query, kHopByHopAt, 60)},
        {"done", MldDefect::not_mld, changed(old_report, kMldAt, test::kMldDone)},
        {"neighbor solicitation", MldDefect::not_mld, changed(old_report, kMldAt, 135)},
        {"echo without options", MldDefect::not_mld, without_options(changed(query, kMldAt, 128))},
        {"fragmented query", MldDefect::fragmented, test::fragmented(query)},
        {"report in a fragment", MldDefect::fragmented, fragmented_behind_options(report)},
        {"query, hop limit 2", MldDefect::hop_limit, changed(query, test::kHopLimitAt, 2)},
        {"v1 query, hop limit 0", MldDefect::hop_limit, changed(old_query, test::kHopLimitAt, 0)},
        {"report, hop limit 255", MldDefect::hop_limit, changed(report, test::kHopLimitAt, 255)},
        {"query without options", MldDefect::router_alert, without_options(query)},
        {"v1 query without options", MldDefect::router_alert, without_options(old_query)},
        {"report without options", MldDefect::router_alert, without_options(report)},
        {"v1 report without options", MldDefect::router_alert, without_options(old_report)},
        {"query, options past the end", MldDefect::truncated,
         [query] {
             Packet packet = query;
             packet[kHopByHopAt + 1] = 4;  // 40 bytes where 36 are left
             return packet;
         }()},
        {"query from a global address", MldDefect::source, test::query_v2(kGlobal)},
        {"v1 query from a global address", MldDefect::source, test::query_v1(kGlobal)},
        {"query from loopback", MldDefect::source, test::query_v2(address("::1"))},
        {"query from a group", MldDefect::source, test::query_v2(kGroup)},
        {"query from next to link-local", MldDefect::source, test::query_v2(address("fec0::1"))},
        {"report from a global address", MldDefect::source, test::report_v2(kGlobal, {})},
        {"v1 report from a global address", MldDefect::source, test::report_v1(kGlobal, kGroup)},
        {"query for a host", MldDefect::group, test::query_v2(kRouter, kGlobal)},
        {"v1 query for a host", MldDefect::group, test::query_v1(kRouter, kHost)},
        {"v1 report of a host", MldDefect::group, test::report_v1(kHost, kGlobal)},
        {"v1 report of ::", MldDefect::group, test::report_v1(kHost, {})},
        {"query of 25 bytes", MldDefect::length, query_with_tail({2})},
        {"query of 26 bytes", MldDefect::length, query_with_tail({2, 125})},
        {"query of 27 bytes", MldDefect::length, query_with_tail({2, 125, 0})},
        {"query, sources past the end", MldDefect::length, changed(query, kMldAt + 27, 1)},
        {"query, 65,280 sources", MldDefect::length, changed(query, kMldAt + 26, 255)},
        {"query, half a source", MldDefect::length,
         test::query_packet(kRouter, kGroup, 1000, {2, 125, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})},
        {"report, a record too many", MldDefect::length, changed(report, kMldAt + 7, 2)},
        {"report, 65,281 records", MldDefect::length, changed(report, kMldAt + 6, 255)},
        {"report, source past the end", MldDefect::length, changed(report, record + 3, 1)},
        {"report, 65,280 sources", MldDefect::length, changed(report, record + 2, 255)},
        {"report, auxiliary data past the end", MldDefect::length, changed(report, record + 1, 1)},
        {"report, 1020 bytes of it", MldDefect::length, changed(report, record + 1, 255)},
        {"report, second record cut off", MldDefect::length,
         test::report_v2(kHost, {group_record(test::kIsExclude, kGroup), Packet(19, 0)})},
    };
}

TEST(MldMessage, NamesEachDefect) {
    std::set<MldDefect> seen = {MldDefect::checksum};  // has tests of its own
    for (const auto& [name, expected, packet] : defective_packets()) {
        EXPECT_EQ(parse(packet), Result(expected)) << name;
        seen.insert(expected);
    }
    EXPECT_EQ(seen.size(), kMldDefects);
}

TEST(MldMessage, IgnoresCodeAndReservedFields) {
    for (const Packet& valid : valid_packets()) {
        EXPECT_EQ(parse(changed(valid, kMldAt + 1, 255)), parse(valid));
        if (valid[kMldAt] == test::kMldV2Report) {
            EXPECT_EQ(parse(changed(valid, kMldAt + 4, 255)), parse(valid));
        } else {
            EXPECT_EQ(parse(changed(valid, kMldAt + 7, 255)), parse(valid));
        }
    }
    // In front of QRV: four reserved bits and the S flag, which is for routers.
    const Result result = parse(test::query_v2(kRouter, {}, 10'000, 0xFB));
    EXPECT_EQ(std::get<MldQuery>(result).robustness, 3);
}

TEST(MldMessage, AllowsAdditionalDataUnderTheChecksum) {
    const Packet more = {1, 2, 3, 4, 5};
    const Packet query = query_with_tail({2, 125, 0, 0, 1, 2, 3, 4, 5});
    EXPECT_EQ(parse(query), parse(test::query_v2(kRouter)));

    const Packet record = group_record(test::kIsExclude, kGroup);
    EXPECT_EQ(parse(test::report_v2(kHost, {record}, more)),
              parse(test::report_v2(kHost, {record})));
    // Even what looks like a record is none when it is not counted.
    const Packet uncounted = group_record(test::kIsExclude, kOtherGroup);
    EXPECT_EQ(parse(test::report_v2(kHost, {record}, uncounted)),
              parse(test::report_v2(kHost, {record})));

    Packet broken = test::report_v2(kHost, {record}, more);
    broken.back() ^= 1U;
    EXPECT_EQ(parse(broken), Result(MldDefect::checksum));

    Packet old_report = {test::kMldV1Report, 0, 0, 0, 0, 0, 0, 0};
    test::append(old_report, kGroup);
    test::append(old_report, more);
    EXPECT_EQ(parse(test::mld_packet(kHost, kGroup, old_report)),
              parse(test::report_v1(kHost, kGroup)));
}

TEST(MldMessage, DecodesTheMaximumResponseCode) {
    const std::vector<std::pair<std::size_t, std::chrono::milliseconds>> codes = {
        {0, 0ms},
        {1, 1ms},
        {10'000, 10'000ms},
        {32'767, 32'767ms},
        {0x8000, 32'768ms},
        {0x8001, 32'776ms},
        {0x8FFF, 65'528ms},
        {0x9000, 65'536ms},
        {0xABCD, 227'744ms},
        {0xF000, 4'194'304ms},
        {0xFFFF, 8'387'584ms},
    };
    for (const auto& [code, expected] : codes) {
        const Result result = parse(test::query_v2(kRouter, {}, code));
        EXPECT_EQ(std::get<MldQuery>(result).max_response, expected) << code;
    }
    // In v1 it is a plain number.
    EXPECT_EQ(std::get<MldQuery>(parse(test::query_v1(kRouter, {}, 0x8001))).max_response,
              32'769ms);
}

TEST(MldMessage, DecodesTheQueriersIntervalCode) {
    const std::vector<std::pair<std::uint8_t, std::chrono::seconds>> codes = {
        {0, 0s},      {1, 1s},      {125, 125s},  {127, 127s},  {0x80, 128s},
        {0x81, 136s}, {0x8F, 248s}, {0x90, 256s}, {0xAB, 864s}, {0xFF, 31'744s},
    };
    for (const auto& [code, expected] : codes) {
        const Result result = parse(test::query_v2(kRouter, {}, 10'000, 2, code));
        EXPECT_EQ(std::get<MldQuery>(result).interval, expected) << int{code};
    }
}

TEST(MldMessage, ReadsEachRobustness) {
    for (std::uint8_t robustness = 0; robustness < 8; ++robustness) {
        const Result result = parse(test::query_v2(kRouter, {}, 10'000, robustness));
        EXPECT_EQ(std::get<MldQuery>(result).robustness, robustness);
    }
}

TEST(MldMessage, AGroupIsVisitedWhenItIsListenedTo) {
    struct Case {
        std::uint8_t type;
        bool without_sources;
        bool with_sources;
    };
    const std::vector<Case> cases = {
        {0, false, false},
        {test::kIsInclude, false, true},
        {test::kIsExclude, true, true},
        {test::kToInclude, false, true},
        {test::kToExclude, true, true},
        {test::kAllowNew, false, true},
        {test::kBlockOld, false, false},
        {7, false, false},
        {255, false, false},
    };
    for (const auto& [type, without_sources, with_sources] : cases) {
        for (const std::size_t sources : {0U, 1U, 2U, 300U}) {
            const Packet auxiliary(sources == 2 ? 1020 : 0, 0xFF);
            // The next record shows that this one was measured right.
            const Result result = parse(test::report_v2(
                kHost,
                {group_record(type, kGroup, std::vector<Ipv6Address>(sources, kGlobal), auxiliary),
                 group_record(test::kIsExclude, kOtherGroup)}));
            std::vector<Ipv6Address> expected = {kOtherGroup};
            if (sources > 0 ? with_sources : without_sources) {
                expected.insert(expected.begin(), kGroup);
            }
            EXPECT_EQ(result, Result(Report{MldVersion::v2, kHost, expected}))
                << "type " << int{type} << ", " << sources << " sources";
        }
    }
}

TEST(MldMessage, ARecordOfNoGroupIsPassedOver) {
    const Result result = parse(test::report_v2(
        kHost, {group_record(test::kIsExclude, kGlobal), group_record(test::kIsExclude, {}),
                group_record(test::kIsExclude, kGroup)}));
    EXPECT_EQ(result, Result(Report{MldVersion::v2, kHost, {kGroup}}));
}

// Whatever is changed anywhere, with the checksum trusted: the parser stays inside the packet
// (AddressSanitizer) and what it lets through is what RFC 9777 allows.
TEST(MldMessage, LetsNothingInvalidThroughWithoutTheChecksum) {
    for (const Packet& valid : valid_packets()) {
        for (std::size_t at = 0; at < valid.size(); ++at) {
            for (unsigned value = 0; value < 256; ++value) {
                Packet packet = valid;
                packet[at] = static_cast<std::uint8_t>(value);
                const Result result = parse(packet, Checksum::trust);
                if (!is_valid(result)) {
                    continue;
                }
                EXPECT_EQ(packet[test::kHopLimitAt], 1);
                EXPECT_EQ(packet[test::kNextHeaderAt], 0);
                Ipv6Address source;
                if (const auto* report = std::get_if<Report>(&result)) {
                    source = report->source;
                    for (const Ipv6Address& group : report->groups) {
                        EXPECT_TRUE(group.is_multicast());
                    }
                } else {
                    const auto& query = std::get<MldQuery>(result);
                    source = query.source;
                    EXPECT_TRUE(query.is_general() || query.group.is_multicast());
                }
                EXPECT_TRUE(source.is_unspecified() || source.is_link_local());
            }
        }
    }
}

TEST(MldMessage, ParsesWithoutAllocating) {
    for (const Packet& packet : valid_packets()) {
        std::size_t groups = 0;
        const std::size_t before = test::allocations();
        const auto parsed = parse_mld_message(packet.data(), packet.size(), Checksum::verify);
        if (const auto* report = std::get_if<MldReport>(&parsed)) {
            report->for_each_group([&groups](const Ipv6Address&) { ++groups; });
        }
        EXPECT_EQ(test::allocations(), before) << groups << " groups";
    }
}

TEST(MldReportWriter, FitsTheMtu) {
    EXPECT_EQ(groups_per_report(1500), 72U);
    EXPECT_EQ(groups_per_report(1499), 72U);
    EXPECT_EQ(groups_per_report(1495), 71U);
    EXPECT_EQ(groups_per_report(1280), 61U);
    EXPECT_EQ(groups_per_report(96), 2U);
    EXPECT_EQ(groups_per_report(95), 1U);
    EXPECT_EQ(groups_per_report(0), 1U);
    EXPECT_EQ(groups_per_report(9000), 72U);
    EXPECT_EQ(groups_per_report(65'536), 72U);
    EXPECT_EQ(groups_per_report(0xFFFF'FFFF), 72U);
    EXPECT_EQ(mld_report_size(MldVersion::v2, 72), 1448U);
    EXPECT_EQ(mld_report_size(MldVersion::v2, 1), 28U);
    EXPECT_EQ(mld_report_size(MldVersion::v1, 72), 24U);
}

std::vector<SolicitedNodeGroup> many_groups(std::size_t count) {
    std::vector<SolicitedNodeGroup> groups;
    for (std::size_t i = 0; i < count; ++i) {
        groups.push_back({static_cast<std::uint32_t>(i * 4099U) & 0xFF'FFFFU});
    }
    return groups;
}

TEST(MldReportWriter, WritesWhatIsReadAgain) {
    const auto groups = many_groups(4000);
    const std::size_t most = groups_per_report(1500);
    std::size_t reports = 0;
    std::vector<Ipv6Address> expected;
    std::vector<Ipv6Address> read;
    for (std::size_t at = 0; at < groups.size(); at += most) {
        const auto part = std::span(groups).subspan(at, std::min(most, groups.size() - at));
        // Room that is not clean, and one byte more, which stays.
        Packet message(8 + 20 * part.size() + 1, 0xA5);
        const std::size_t size = write_mld_report(MldVersion::v2, part, message);
        ASSERT_EQ(size, message.size() - 1);
        EXPECT_EQ(message.back(), 0xA5);
        message.pop_back();
        const Packet packet = test::mld_packet(kHost, address("ff02::16"), message);
        EXPECT_LE(packet.size(), 1500U);
        const Result result = parse(packet);
        ASSERT_TRUE(std::holds_alternative<Report>(result)) << testing::PrintToString(result);
        const auto& report = std::get<Report>(result);
        EXPECT_EQ(report.version, MldVersion::v2);
        read.insert(read.end(), report.groups.begin(), report.groups.end());
        ++reports;
    }
    for (const SolicitedNodeGroup group : groups) {
        expected.push_back(group.address());
    }
    EXPECT_EQ(read, expected);
    EXPECT_EQ(reports, 56U);
}

TEST(MldReportWriter, WritesExcludeRecordsWithoutSources) {
    Packet message(28, 0xA5);
    const std::vector<SolicitedNodeGroup> groups = {{0x34'5678}};
    EXPECT_EQ(write_mld_report(MldVersion::v2, groups, message), 28U);
    const Packet written = test::mld_packet(kHost, address("ff02::16"), message);
    EXPECT_EQ(written, test::report_v2(kHost, {group_record(test::kIsExclude, kGroup)}));
}

TEST(MldReportWriter, WritesTheFirstGroupInV1) {
    Packet message(25, 0xA5);
    const std::vector<SolicitedNodeGroup> groups = {{0x34'5678}, {0xCD'EF01}};
    EXPECT_EQ(write_mld_report(MldVersion::v1, groups, message), 24U);
    EXPECT_EQ(message.back(), 0xA5);
    message.pop_back();
    EXPECT_EQ(test::mld_packet(kHost, kGroup, message), test::report_v1(kHost, kGroup));
}

TEST(MldMessage, EachDefectHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kMldDefects; ++i) {
        names.insert(to_string(static_cast<MldDefect>(i)));
    }
    EXPECT_EQ(names.size(), kMldDefects);
    EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace solicitd
