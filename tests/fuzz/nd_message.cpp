#include "core/nd_message.hpp"

#include <algorithm>
#include <variant>

#include "fakes/nd_packets.hpp"
#include "fuzz/fuzz.hpp"

// Input: what a packet socket reads, from the IPv6 header on.

namespace solicitd {
namespace {

using fuzz::require;
using test::Packet;
using Result = std::variant<NdMessage, NdDefect>;

Result parse(const Packet& packet, Checksum checksum) {
    return parse_nd_message(packet.data(), packet.size(), checksum);
}

void check_message(const NdMessage& message, const std::uint8_t* packet) {
    require(packet[test::kHopLimitAt] == 255, "the hop limit is 255");
    require(std::equal(message.source.bytes.begin(), message.source.bytes.end(), packet + 8),
            "the source is the packet's");
    require(std::equal(message.target.bytes.begin(), message.target.bytes.end(), packet + 48),
            "the target is the message's");
    require(!message.target.is_multicast(), "the target is unicast");
    require(!message.source.is_multicast(), "the source is unicast");
    const bool is_dad = message.source.is_unspecified();
    require(!is_dad || message.type == NdMessage::Type::solicitation, "only an NS is from ::");
    require(!is_dad || SolicitedNodeGroup::from_address(message.destination).has_value(),
            "DAD goes to a solicited-node group");

    const auto [address, evidence] = evidence_of(message);
    require(!address.is_unspecified() && !address.is_multicast(),
            "what is in use is an address of somebody");
    require((evidence == Evidence::dad_solicitation) == is_dad, "only DAD is evidence of DAD");
    require(evidence != Evidence::solicitation || address == message.source,
            "an NS proves its source");
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    const Result verified = parse_nd_message(data, size, Checksum::verify);
    const Result trusted = parse_nd_message(data, size, Checksum::trust);
    require(verified == trusted || verified == Result(NdDefect::checksum),
            "verifying the checksum finds a wrong checksum and nothing else");
    const auto* message = std::get_if<NdMessage>(&trusted);
    if (message == nullptr) {
        require(to_string(std::get<NdDefect>(trusted)) != "unknown", "each defect has a name");
        return 0;
    }
    check_message(*message, data);

    const std::size_t length = test::kIcmpAt + (std::size_t{data[4]} << 8U) + data[5];
    Packet packet(data, data + length);  // without link padding
    test::fix_checksum(packet);
    require(parse(packet, Checksum::verify) == trusted, "a right checksum is accepted");
    packet[test::kIcmpAt + 2] ^= 1;
    require(parse(packet, Checksum::verify) == Result(NdDefect::checksum),
            "a wrong checksum is not");
    packet.pop_back();
    require(parse(packet, Checksum::trust) == Result(NdDefect::truncated),
            "a byte less is a truncated packet");
    return 0;
}
