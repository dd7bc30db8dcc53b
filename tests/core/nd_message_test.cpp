#include "core/nd_message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>

#include "fakes/nd_packets.hpp"

namespace solicitd {

// How GoogleTest shows a result that was not expected.
void PrintTo(const NdMessage& message, std::ostream* out) {
    *out << (message.type == NdMessage::Type::solicitation ? "NS " : "NA ")
         << message.source.to_string() << " -> " << message.destination.to_string() << " for "
         << message.target.to_string();
}
void PrintTo(NdDefect defect, std::ostream* out) {
    *out << to_string(defect);
}

namespace {

using test::address;
using test::Packet;
using Result = std::variant<NdMessage, NdDefect>;

const Ipv6Address kHost = address("2001:db8::1234:5678");
const Ipv6Address kOther = address("2001:db8::abcd:ef01");
const Ipv6Address kHostGroup = address("ff02::1:ff34:5678");
const Ipv6Address kOtherGroup = address("ff02::1:ffcd:ef01");
const Ipv6Address kAllNodes = address("ff02::1");
const MacAddress kMac{{2, 0, 0, 0, 0, 1}};

/// Parses an exact copy on the heap, so that AddressSanitizer sees a read past its end.
Result parse(const Packet& packet, Checksum checksum = Checksum::verify) {
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[packet.size()]);
    std::copy(packet.begin(), packet.end(), exact.get());
    return parse_nd_message(exact.get(), packet.size(), checksum);
}

Packet resolution() {
    return test::neighbor_solicitation(kHost, kOtherGroup, kOther,
                                       test::link_layer_option(test::kSourceLinkLayerOption, kMac));
}
Packet answer() {
    return test::neighbor_advertisement(
        kHost, kOther, kHost, test::kSolicitedFlag | test::kOverrideFlag,
        test::link_layer_option(test::kTargetLinkLayerOption, kMac));
}

/// Both message types with options and without, the ways hosts really send them.
std::vector<Packet> valid_packets() {
    const Packet nonce = {test::kNonceOption, 1, 1, 2, 3, 4, 5, 6};
    return {
        resolution(),
        test::neighbor_solicitation(kHost, kOther, kOther),  // NUD asks by unicast
        test::dad_solicitation(kHost),
        test::dad_solicitation(kHost, nonce),  // RFC 7527
        answer(),
        test::neighbor_advertisement(kHost, kAllNodes, kHost),
    };
}

TEST(NdMessage, ReadsSolicitation) {
    const NdMessage expected{NdMessage::Type::solicitation, kHost, kOtherGroup, kOther};
    EXPECT_EQ(parse(resolution()), Result(expected));
}

TEST(NdMessage, WritesASolicitationAsHostsDo) {
    const auto written = [](const Ipv6Address& destination, const MacAddress& asker) {
        const NdSolicitation question(kHost, destination, kOther, asker);
        EXPECT_EQ(question.message().data(), question.packet().data() + test::kIcmpAt);
        return Packet(question.packet().begin(), question.packet().end());
    };
    EXPECT_EQ(written(kOtherGroup, kMac), resolution());
    EXPECT_EQ(written(kOther, MacAddress{}), test::neighbor_solicitation(kHost, kOther, kOther));
}

TEST(NdMessage, ReadsAdvertisement) {
    const NdMessage expected{NdMessage::Type::advertisement, kHost, kOther, kHost};
    EXPECT_EQ(parse(answer()), Result(expected));
}

// Off the wire of Linux 6.18, so that nd_packets.hpp is not the only judge of what is valid.
TEST(NdMessage, ReadsWhatLinuxSends) {
    const Packet dad = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
        0xff, 0x81, 0x7c, 0x3b, 0x87, 0x00, 0x56, 0xa1, 0x00, 0x00, 0x00, 0x00,  //
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0xb0, 0xc2, 0x54, 0xff,  //
        0xfe, 0x81, 0x7c, 0x3b, 0x0e, 0x01, 0xe2, 0x97, 0xd2, 0x12, 0x36, 0x5e,
    };
    const NdMessage expected_dad{NdMessage::Type::solicitation,
                                 {},
                                 address("ff02::1:ff81:7c3b"),
                                 address("2001:db8::b0c2:54ff:fe81:7c3b")};
    EXPECT_EQ(parse(dad), Result(expected_dad));

    const Packet resolution = {
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8,  //
        0x00, 0x00, 0x00, 0x00, 0xb0, 0xc2, 0x54, 0xff, 0xfe, 0x81, 0x7c, 0x3b,  //
        0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
        0xff, 0x00, 0x00, 0x77, 0x87, 0x00, 0x1e, 0x03, 0x00, 0x00, 0x00, 0x00,  //
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  //
        0x00, 0x00, 0x00, 0x77, 0x01, 0x01, 0x02, 0x00, 0x00, 0x81, 0x7c, 0x3b,
    };
    const NdMessage expected_resolution{NdMessage::Type::solicitation,
                                        address("2001:db8::b0c2:54ff:fe81:7c3b"),
                                        address("ff02::1:ff00:77"), address("2001:db8::77")};
    EXPECT_EQ(parse(resolution), Result(expected_resolution));
}

TEST(NdMessage, AcceptsEveryValidForm) {
    for (const Packet& packet : valid_packets()) {
        EXPECT_TRUE(std::holds_alternative<NdMessage>(parse(packet)))
            << testing::PrintToString(parse(packet));
    }
}

TEST(NdMessage, IgnoresLinkPaddingBehindThePacket) {
    for (Packet packet : valid_packets()) {
        const Result bare = parse(packet);
        packet.insert(packet.end(), 18, 0xAA);
        EXPECT_EQ(parse(packet), bare);
    }
}

TEST(NdMessage, AcceptsAnOptionOfAnyTypeAndLength) {
    Packet option(64, 0x55);
    option[0] = 253;
    option[1] = 8;
    EXPECT_TRUE(std::holds_alternative<NdMessage>(parse(test::dad_solicitation(kHost, option))));
}

TEST(NdMessage, ReadsTheLargestPayload) {
    Packet options;
    while (24 + options.size() + 8 <= 0xFFFF) {
        const Packet nonce = {test::kNonceOption, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
        options.insert(options.end(), nonce.begin(), nonce.end());
    }
    const Packet packet = test::dad_solicitation(kHost, options);
    EXPECT_TRUE(std::holds_alternative<NdMessage>(parse(packet)));
}

TEST(NdMessage, RefusesEveryTruncation) {
    for (const Packet& packet : valid_packets()) {
        for (std::size_t size = 0; size < packet.size(); ++size) {
            EXPECT_EQ(parse(Packet(packet.begin(), packet.begin() + static_cast<long>(size))),
                      Result(NdDefect::truncated))
                << size << " of " << packet.size() << " bytes";
        }
    }
}

TEST(NdMessage, RefusesAPayloadLengthBelowTheMessage) {
    for (const Packet& valid : valid_packets()) {
        for (std::size_t payload = 0; payload < 24; ++payload) {
            Packet packet(valid.begin(),
                          valid.begin() + static_cast<long>(test::kIcmpAt + payload));
            test::fix_length(packet);
            EXPECT_EQ(parse(packet, Checksum::trust), Result(NdDefect::truncated)) << payload;
        }
    }
}

TEST(NdMessage, RefusesEveryFlippedBitUnderTheChecksum) {
    for (const Packet& valid : valid_packets()) {
        for (std::size_t bit = 8 * 8; bit < valid.size() * 8; ++bit) {
            Packet packet = valid;
            packet[bit / 8] ^= static_cast<std::uint8_t>(0x80U >> bit % 8);
            // No flip turns an NS into an NA: 135 and 136 differ in four bits.
            const NdDefect expected =
                bit / 8 == test::kIcmpAt ? NdDefect::not_nd : NdDefect::checksum;
            EXPECT_EQ(parse(packet), Result(expected)) << "byte " << bit / 8 << ", bit " << bit % 8;
        }
    }
}

TEST(NdMessage, TrustsAChecksumThatIsNotFilledInYet) {
    for (Packet packet : valid_packets()) {
        const Result expected = parse(packet);
        packet[test::kIcmpAt + 2] ^= 0x5A;
        EXPECT_EQ(parse(packet), Result(NdDefect::checksum));
        EXPECT_EQ(parse(packet, Checksum::trust), expected);
    }
}

/// One defect each, in a packet that is right in all else.
struct Defective {
    const char* name;
    NdDefect expected;
    Packet packet;
};

Packet changed(Packet packet, std::size_t at, std::uint8_t value) {
    packet[at] = value;
    test::fix_checksum(packet);
    return packet;
}

std::vector<Defective> defective_packets() {
    const Packet ns = resolution();
    const Packet na = answer();
    const Packet dad = test::dad_solicitation(kHost);
    const Packet sllao = test::link_layer_option(test::kSourceLinkLayerOption, kMac);
    const Packet nonce = {test::kNonceOption, 1, 1, 2, 3, 4, 5, 6};
    Packet nonce_and_sllao = nonce;
    nonce_and_sllao.insert(nonce_and_sllao.end(), sllao.begin(), sllao.end());

    return {
        {"NS of IPv4", NdDefect::not_nd, changed(ns, 0, 0x40)},
        {"NS behind hop-by-hop options", NdDefect::not_nd, changed(ns, test::kNextHeaderAt, 0)},
        {"NA in UDP", NdDefect::not_nd, changed(na, test::kNextHeaderAt, 17)},
        {"router solicitation", NdDefect::not_nd, changed(ns, test::kIcmpAt, 133)},
        {"router advertisement", NdDefect::not_nd, changed(ns, test::kIcmpAt, 134)},
        {"redirect", NdDefect::not_nd, changed(na, test::kIcmpAt, 137)},
        {"NS, hop limit 254", NdDefect::hop_limit, changed(ns, test::kHopLimitAt, 254)},
        {"NA, hop limit 64", NdDefect::hop_limit, changed(na, test::kHopLimitAt, 64)},
        {"fragmented NS", NdDefect::fragmented, test::fragmented(ns)},
        {"fragmented NA", NdDefect::fragmented, test::fragmented(na)},
        {"NS, code 1", NdDefect::code, changed(ns, test::kIcmpAt + 1, 1)},
        {"NA, code 255", NdDefect::code, changed(na, test::kIcmpAt + 1, 255)},
        {"NS, option of length 0", NdDefect::option_length, changed(ns, test::kOptionsAt + 1, 0)},
        {"NA, option of length 0", NdDefect::option_length, changed(na, test::kOptionsAt + 1, 0)},
        {"NS, option past the end", NdDefect::option_length, changed(ns, test::kOptionsAt + 1, 2)},
        {"NA, option past the end", NdDefect::option_length,
         changed(na, test::kOptionsAt + 1, 255)},
        {"NS, one byte for an option", NdDefect::option_length,
         test::neighbor_solicitation(kHost, kOtherGroup, kOther, {1})},
        {"NA, second option past the end", NdDefect::option_length,
         test::neighbor_advertisement(kHost, kOther, kHost, 0, {2, 1, 0, 0, 0, 0, 0, 0, 2, 1})},
        {"NS for a group", NdDefect::target,
         test::neighbor_solicitation(kHost, kOtherGroup, kAllNodes)},
        {"DAD for a group", NdDefect::target, test::dad_solicitation(kHostGroup)},
        {"NA for a group", NdDefect::target,
         test::neighbor_advertisement(kHost, kOther, kHostGroup)},
        {"NS for ::", NdDefect::target, test::neighbor_solicitation(kHost, kOtherGroup, {})},
        {"DAD for ::", NdDefect::target, test::dad_solicitation({})},
        {"NA for ::", NdDefect::target, test::neighbor_advertisement(kHost, kOther, {})},
        {"NS from a group", NdDefect::source,
         test::neighbor_solicitation(kHostGroup, kOtherGroup, kOther)},
        {"NA from a group", NdDefect::source,
         test::neighbor_advertisement(kHostGroup, kOther, kHost)},
        {"NA from ::", NdDefect::source, test::neighbor_advertisement({}, kAllNodes, kHost)},
        {"DAD NS to all nodes", NdDefect::dad_destination,
         test::neighbor_solicitation({}, kAllNodes, kHost)},
        {"DAD NS to a host", NdDefect::dad_destination,
         test::neighbor_solicitation({}, kHost, kHost)},
        {"DAD NS next to the solicited-node groups", NdDefect::dad_destination,
         test::neighbor_solicitation({}, address("ff02::1:fe34:5678"), kHost)},
        {"DAD NS with a link-layer address", NdDefect::dad_option,
         test::dad_solicitation(kHost, sllao)},
        {"DAD NS with a link-layer address behind a nonce", NdDefect::dad_option,
         test::dad_solicitation(kHost, nonce_and_sllao)},
        {"solicited NA to all nodes", NdDefect::solicited_flag,
         test::neighbor_advertisement(kHost, kAllNodes, kHost, test::kSolicitedFlag)},
    };
}

TEST(NdMessage, NamesEachDefect) {
    for (const auto& [name, expected, packet] : defective_packets()) {
        EXPECT_EQ(parse(packet), Result(expected)) << name;
    }
}

TEST(NdMessage, ADestinationOfAnyGroupIsEnoughForDad) {
    // RFC 4861 asks for a solicited-node group, not for the target's.
    const Packet packet = test::neighbor_solicitation({}, kOtherGroup, kHost);
    EXPECT_TRUE(std::holds_alternative<NdMessage>(parse(packet)));
}

// Whatever is flipped anywhere, with the checksum trusted: the parser stays inside the packet
// (AddressSanitizer) and what it lets through is what RFC 4861 allows.
TEST(NdMessage, LetsNothingInvalidThroughWithoutTheChecksum) {
    for (const Packet& valid : valid_packets()) {
        for (std::size_t at = 0; at < valid.size(); ++at) {
            for (unsigned value = 0; value < 256; ++value) {
                Packet packet = valid;
                packet[at] = static_cast<std::uint8_t>(value);
                const Result result = parse(packet, Checksum::trust);
                if (const auto* message = std::get_if<NdMessage>(&result)) {
                    EXPECT_EQ(packet[test::kHopLimitAt], 255);
                    EXPECT_EQ(packet[test::kIcmpAt + 1], 0);
                    EXPECT_FALSE(message->target.is_multicast());
                    EXPECT_FALSE(message->source.is_multicast());
                    EXPECT_FALSE(evidence_of(*message).address.is_multicast());
                }
            }
        }
    }
}

TEST(NdMessage, DadProvesTheTarget) {
    const auto [proven, evidence] =
        evidence_of(std::get<NdMessage>(parse(test::dad_solicitation(kHost))));
    EXPECT_EQ(proven, kHost);
    EXPECT_EQ(evidence, Evidence::dad_solicitation);
}

TEST(NdMessage, ASolicitationProvesItsSourceNotItsTarget) {
    const auto [proven, evidence] = evidence_of(std::get<NdMessage>(parse(resolution())));
    EXPECT_EQ(proven, kHost);
    EXPECT_EQ(evidence, Evidence::solicitation);
}

TEST(NdMessage, AnAdvertisementProvesItsTargetNotItsSource) {
    const Packet packet = test::neighbor_advertisement(address("fe80::1"), kAllNodes, kHost);
    const auto [proven, evidence] = evidence_of(std::get<NdMessage>(parse(packet)));
    EXPECT_EQ(proven, kHost);
    EXPECT_EQ(evidence, Evidence::advertisement);
}

TEST(NdMessage, EachDefectHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kNdDefects; ++i) {
        names.insert(to_string(static_cast<NdDefect>(i)));
    }
    EXPECT_EQ(names.size(), kNdDefects);
    EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace solicitd
