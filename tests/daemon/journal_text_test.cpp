#include "journal_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace solicitd {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view kGroup = "ff02::1:ff00:1";

Notice notice(NoticeKind kind) {
    Notice told(kind, "eth9");
    told.count = 2;
    return told;
}

Notice about_group(NoticeKind kind) {
    Notice told = notice(kind);
    told.group = SolicitedNodeGroup{1};
    return told;
}

std::string text_of(const Notice& told) {
    return journal_record(told).text;
}

std::string field(const io::Record& record, std::string_view name) {
    for (const auto& [key, value] : record.fields) {
        if (key == name) {
            return value;
        }
    }
    return "";
}

std::vector<NoticeKind> every_kind() {
    std::vector<NoticeKind> kinds;
    for (std::uint8_t kind = 0; kind <= static_cast<std::uint8_t>(NoticeKind::refused); ++kind) {
        kinds.push_back(NoticeKind{kind});
    }
    return kinds;
}

TEST(JournalText, EveryNoticeHasAnIdOfItsOwnThatTheCatalogExplains) {
    std::ifstream file(SOLICITD_CATALOG);
    ASSERT_TRUE(file) << SOLICITD_CATALOG;
    std::stringstream catalog;
    catalog << file.rdbuf();
    std::map<std::string, int> ids;
    for (const NoticeKind kind : every_kind()) {
        const io::Record record = journal_record(notice(kind));
        const std::string id(record.message_id);
        EXPECT_TRUE(std::regex_match(id, std::regex("[0-9a-f]{32}"))) << record.text;
        EXPECT_EQ(++ids[id], 1) << id << ": " << record.text;
        EXPECT_THAT(catalog.str(), HasSubstr("\n-- " + id + "\nSubject: ")) << record.text;
        EXPECT_THAT(record.text, HasSubstr("eth9"));
        EXPECT_EQ(record.level, level_of(kind));
    }
}

TEST(JournalText, AGroupOfAHostOfAReportAndOfAnEarlierRun) {
    Notice joined = about_group(NoticeKind::joined);
    Notice left = about_group(NoticeKind::left);
    Notice failed = about_group(NoticeKind::join_failed);
    failed.error = EMLINK;
    const std::string group(kGroup);
    EXPECT_EQ(text_of(joined), "joined " + group + " on eth9");
    EXPECT_EQ(text_of(left), "left " + group + " on eth9: nobody is left of it");
    left.evidence = Evidence::saved;
    EXPECT_EQ(text_of(left), "left " + group + " on eth9: none of its hosts was seen");
    EXPECT_THAT(text_of(failed), HasSubstr("cannot join " + group + " on eth9: Too many links"));

    joined.evidence = left.evidence = Evidence::mld_report;
    EXPECT_EQ(text_of(joined), "joined " + group + " on eth9 (reported on the LAN)");
    EXPECT_EQ(field(journal_record(joined), "EVIDENCE"), "mld-report");
    EXPECT_EQ(text_of(left),
              "left " + group +
                  " on eth9: not reported on the LAN any more, or of a link-local address only");

    joined.host = left.host = failed.host = Ipv6Address::parse("2001:db8::1");
    joined.evidence = Evidence::advertisement;
    EXPECT_EQ(text_of(joined), "joined " + group + " on eth9 for 2001:db8::1 (na)");
    EXPECT_EQ(text_of(left),
              "left " + group + " on eth9: nobody is left of it, last was 2001:db8::1");
    EXPECT_THAT(text_of(failed), HasSubstr("on eth9 for 2001:db8::1: Too many links"));
}

TEST(JournalText, ManyGroupsAtOnceOrInAMinute) {
    Notice many = notice(NoticeKind::joined_many);
    many.count = 300;
    EXPECT_EQ(text_of(many), "joined 300 groups on eth9");
    many.interval = std::chrono::seconds(60);
    EXPECT_EQ(text_of(many), "joined 300 groups on eth9 in the last 60 s, besides those told");
    many.kind = NoticeKind::left_many;
    many.count = 1;
    EXPECT_EQ(text_of(many), "left 1 group on eth9 in the last 60 s, besides those told");
}

TEST(JournalText, WhatFoundNoRoomByReason) {
    Notice refused = notice(NoticeKind::refused);
    refused.host = Ipv6Address::parse("2001:db8::1");
    refused.mac = MacAddress{{2, 0, 0, 0, 0, 1}};
    refused.refusals.hosts_by_max_hosts = 500;
    refused.refusals.hosts_by_mac = 1;
    EXPECT_EQ(text_of(refused),
              "no room: 500 times for a host (max-hosts), 1 time for a host of a MAC with many "
              "(max-hosts-per-mac); the last was 2001:db8::1 of 02:00:00:00:00:01 on eth9");
    EXPECT_EQ(field(journal_record(refused), "MAC"), "02:00:00:00:00:01");

    refused.refusals = Refusals{};
    refused.refusals.hosts_by_max_groups = 2;
    refused.refusals.reports = 3;
    refused.refusals.hosts_evicted = 4;
    refused.refusals.groups_evicted = 1;
    refused.host.reset();
    EXPECT_EQ(text_of(refused),
              "no room: 2 times for the group of a host (max-groups), 3 times for a group that the "
              "LAN reported (max-groups); 4 hosts and 1 group made room for what is newer or "
              "better known; the last was of 02:00:00:00:00:01 on eth9");

    refused.refusals = Refusals{};
    refused.refusals.hosts_evicted = 2;
    EXPECT_EQ(text_of(refused),
              "no room: 2 hosts made room for what is newer or better known; the last was of "
              "02:00:00:00:00:01 on eth9");

    Notice prefixes = notice(NoticeKind::refused);
    prefixes.refusals.prefixes = 3;
    prefixes.prefix = Ipv6Prefix::parse("2001:db8:7::/64");
    EXPECT_EQ(text_of(prefixes),
              "no room: 3 times for a prefix (64 on-link routes); the last was 2001:db8:7::/64 on "
              "eth9");
}

TEST(JournalText, TheQuerierByAddressAndVersion) {
    Notice found = notice(NoticeKind::querier_found);
    found.host = Ipv6Address::parse("fe80::a");
    found.version = MldVersion::v1;
    const io::Record record = journal_record(found);
    EXPECT_EQ(record.text, "the MLD querier on eth9 is fe80::a (version 1)");
    EXPECT_EQ(field(record, "HOST"), "fe80::a");
    EXPECT_EQ(field(record, "VERSION"), "1");

    Notice back = notice(NoticeKind::querier_back);
    back.host = found.host;
    back.version = MldVersion::v2;
    EXPECT_EQ(text_of(back), "an MLD querier is heard on eth9 again: fe80::a (version 2)");

    Notice lost = notice(NoticeKind::querier_lost);
    lost.interval = 60s;
    EXPECT_EQ(text_of(lost),
              "no MLD querier is heard on eth9: its groups are announced every 60 s, so that no "
              "snooper forgets them");
    lost.interval = 0s;
    EXPECT_EQ(text_of(lost),
              "no MLD querier is heard on eth9: a snooper may forget its groups, and announce = "
              "\"never\" does not remind it");
}

TEST(JournalText, ReportsThatDoNotGetOutNameTheRemedy) {
    const std::string allow = "allow outgoing ICMPv6 types 131, 132 and 143 to ff02::/16";
    EXPECT_EQ(text_of(notice(NoticeKind::reports_discarded)),
              "MLD reports do not get out on eth9: 2 packets dropped, as by a firewall of this "
              "machine; " +
                  allow);
    Notice failed = notice(NoticeKind::report_failed);
    failed.error = EPERM;
    EXPECT_EQ(text_of(failed),
              "cannot send MLD reports on eth9: Operation not permitted; trying again, ever less "
              "often up to once a minute; a firewall of this machine (or IPAddressDeny= of the "
              "service) drops them: " +
                  allow);
    failed.error = ENODEV;
    EXPECT_EQ(text_of(failed),
              "cannot send MLD reports on eth9: No such device; trying again, ever less often up "
              "to once a minute");
}

TEST(JournalText, AHostThatCannotBeAskedIsKeptAndTheRemedyNamed) {
    Notice failed = notice(NoticeKind::probe_failed);
    failed.host = Ipv6Address::parse("2001:db8::1");
    failed.error = EPERM;
    const std::string cannot = "cannot ask 2001:db8::1 on eth9 whether it is there: ";
    EXPECT_EQ(text_of(failed),
              cannot +
                  "Operation not permitted; it is kept; a firewall of this machine (or "
                  "IPAddressDeny= of the service) drops the question: allow outgoing ICMPv6 "
                  "type 135");
    failed.error = EADDRNOTAVAIL;
    EXPECT_THAT(text_of(failed), HasSubstr("it is kept; the interface has no link-local address"));
    failed.error = EINVAL;
    EXPECT_THAT(text_of(failed),
                HasSubstr("it is kept; if it goes on, the neighbor table is full"));
    failed.error = ENODEV;
    EXPECT_EQ(text_of(failed), cannot + "No such device; it is kept");
}

TEST(JournalText, AnAnnouncementSaysWhy) {
    Notice announced = notice(NoticeKind::announced);
    announced.reason = "a new querier";
    const io::Record record = journal_record(announced);
    EXPECT_EQ(record.text, "announces 2 groups on eth9 (a new querier)");
    EXPECT_EQ(field(record, "REASON"), "a new querier");
}

}  // namespace
}  // namespace solicitd
