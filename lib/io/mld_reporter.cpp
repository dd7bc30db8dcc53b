#include "io/mld_reporter.hpp"

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace solicitd::io {
namespace {

/// A Hop-by-Hop Options header (the kernel fills in what follows it): Router Alert with the value
/// for MLD, 0 (RFC 2711 2.1), padded to eight bytes.
constexpr std::array<std::uint8_t, 8> kRouterAlert = {0, 0, 5, 2, 0, 0, 1, 0};

/// "All MLDv2-capable routers", ff02::16 (RFC 9777 5.2.15).
constexpr Ipv6Address kMldRouters{{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};

}  // namespace

MldReporter::MldReporter() : socket_("MLD reports") {
    socket_.set(IPV6_HOPOPTS, kRouterAlert);
    socket_.set(IPV6_MULTICAST_HOPS, 1);
    socket_.set(IPV6_MULTICAST_LOOP, 0);
}

int MldReporter::send(Ifindex upstream, const Ipv6Address& source, MldVersion version,
                      std::span<const SolicitedNodeGroup> groups) {
    message_.resize(mld_report_size(version, groups.size()));
    const std::size_t size = write_mld_report(version, groups, message_);
    return socket_.send(upstream, source,
                        version == MldVersion::v1 ? groups.front().address() : kMldRouters,
                        std::span(message_).first(size));
}

}  // namespace solicitd::io
