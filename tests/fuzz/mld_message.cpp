#include "core/mld_message.hpp"

#include <algorithm>
#include <variant>
#include <vector>

#include "fakes/mld_packets.hpp"
#include "fuzz/fuzz.hpp"

// Input: what a packet socket reads, from the IPv6 header on.

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using fuzz::require;
using test::Packet;
using Result = std::variant<MldQuery, MldReport, MldDefect>;

std::vector<Ipv6Address> groups_of(const MldReport& report) {
    std::vector<Ipv6Address> groups;
    report.for_each_group([&](const Ipv6Address& group) { groups.push_back(group); });
    return groups;
}

/// A report refers to its packet, so it is compared by what it says.
bool same(const Result& a, const Result& b) {
    const auto* report = std::get_if<MldReport>(&a);
    const auto* other = std::get_if<MldReport>(&b);
    if (report != nullptr && other != nullptr) {
        return report->version == other->version && report->source == other->source &&
               groups_of(*report) == groups_of(*other);
    }
    if (report != nullptr || other != nullptr) {
        return false;
    }
    const auto* query = std::get_if<MldQuery>(&a);
    const auto* other_query = std::get_if<MldQuery>(&b);
    if (query != nullptr && other_query != nullptr) {
        return *query == *other_query;
    }
    const auto* defect = std::get_if<MldDefect>(&a);
    const auto* other_defect = std::get_if<MldDefect>(&b);
    return defect != nullptr && other_defect != nullptr && *defect == *other_defect;
}

bool is(const Result& result, MldDefect defect) {
    const auto* found = std::get_if<MldDefect>(&result);
    return found != nullptr && *found == defect;
}

Result parse(const Packet& packet, Checksum checksum) {
    return parse_mld_message(packet.data(), packet.size(), checksum);
}

void check_source(const Ipv6Address& source) {
    require(source.is_link_local() || source.is_unspecified(), "the source is link-local or ::");
}

void check(const MldQuery& query) {
    check_source(query.source);
    require(query.is_general() || query.group.is_multicast(), "a query is for :: or for a group");
    require(query.max_response >= 0ms, "a delay is not negative");
    if (query.version == MldVersion::v1) {
        require(query.robustness == 0 && query.interval == 0s, "MLDv1 tells neither QRV nor QQI");
        require(query.max_response <= 65'535ms, "an MLDv1 delay has 16 bits");
    } else {
        require(query.robustness <= 7, "QRV has 3 bits");
        require(query.interval <= 31'744s, "a QQI is at most 31744 s");
        require(query.max_response <= 8'387'584ms, "a delay is at most 8387584 ms");
    }
}

/// The groups of a report, written as a report of ours, are read as the same groups.
void check_written(const MldReport& report, const std::vector<Ipv6Address>& heard) {
    std::vector<Ipv6Address> expected;
    std::vector<SolicitedNodeGroup> groups;
    for (const Ipv6Address& address : heard) {
        if (const auto group = SolicitedNodeGroup::from_address(address)) {
            groups.push_back(*group);
            expected.push_back(address);
        }
    }
    groups.resize(std::min(groups.size(), groups_per_report(1500)));
    if (groups.empty()) {
        return;
    }
    if (report.version == MldVersion::v1) {
        groups.resize(1);
    }
    expected.resize(groups.size());
    Packet message(8 + 20 * groups.size(), 0xAA);
    message.resize(write_mld_report(report.version, groups, message));
    const Packet packet = test::mld_packet(report.source, test::address("ff02::16"), message);
    const Result parsed = parse(packet, Checksum::verify);
    const auto* read = std::get_if<MldReport>(&parsed);
    require(read != nullptr, "a report that we write is valid");
    require(read->version == report.version && groups_of(*read) == expected,
            "a report that we write says what was to be said");
}

void check(const MldReport& report, const std::uint8_t* data, std::size_t size) {
    check_source(report.source);
    require(report.body.empty() || (report.body.data() >= data &&
                                    report.body.data() + report.body.size() <= data + size),
            "the records lie in the packet");
    const std::vector<Ipv6Address> groups = groups_of(report);
    require(std::all_of(groups.begin(), groups.end(),
                        [](const Ipv6Address& group) { return group.is_multicast(); }),
            "what is listened to is multicast");
    if (report.version == MldVersion::v1) {
        require(groups.size() == 1, "an MLDv1 report is of one group");
    } else {
        require(groups.size() * 20 <= report.body.size(), "each group has a record");
    }
    check_written(report, groups);
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    const Result verified = parse_mld_message(data, size, Checksum::verify);
    const Result trusted = parse_mld_message(data, size, Checksum::trust);
    require(is(verified, MldDefect::checksum) || same(verified, trusted),
            "verifying the checksum finds a wrong checksum and nothing else");
    if (const auto* defect = std::get_if<MldDefect>(&trusted)) {
        require(to_string(*defect) != "unknown", "each defect has a name");
        return 0;
    }
    require(data[test::kHopLimitAt] == 1, "the hop limit is 1");
    if (const auto* query = std::get_if<MldQuery>(&trusted)) {
        check(*query);
    } else {
        check(std::get<MldReport>(trusted), data, size);
    }

    const std::size_t length = test::kHopByHopAt + (std::size_t{data[4]} << 8U) + data[5];
    Packet packet(data, data + length);  // without link padding
    test::fix_mld_checksum(packet);
    require(same(parse(packet, Checksum::verify), trusted), "a right checksum is accepted");
    packet[8 + 15] ^= 1;  // a bit of the source
    require(is(parse(packet, Checksum::verify), MldDefect::checksum), "a wrong checksum is not");
    packet.pop_back();
    require(is(parse(packet, Checksum::trust), MldDefect::truncated),
            "a byte less is a truncated packet");
    return 0;
}
