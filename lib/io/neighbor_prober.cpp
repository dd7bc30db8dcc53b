#include "io/neighbor_prober.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "core/nd_message.hpp"

namespace solicitd::io {

// Protocol 0: it receives nothing.
NeighborProber::NeighborProber()
    : routed_("Neighbor Solicitations"),
      link_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (!link_) {
        throw std::system_error(errno, std::generic_category(),
                                "cannot open a packet socket for Neighbor Solicitations (needs "
                                "CAP_NET_RAW)");
    }
    routed_.set(IPV6_UNICAST_HOPS, 255);  // RFC 4861 7.1.1
}

int NeighborProber::probe(const ProbeHost& what) {
    const NdSolicitation question(what.source, what.address, what.address, what.mac);
    return routed_.send(what.index, what.source, what.address, question.message());
}

int NeighborProber::probe_past_routes(const ProbeHost& what) {
    if (what.source.is_unspecified()) {
        return EADDRNOTAVAIL;  // that would be Duplicate Address Detection
    }
    const Ipv6Address group = SolicitedNodeGroup::of(what.address).address();
    const bool unicast = !what.host_mac.is_none();
    const NdSolicitation question(what.source, unicast ? what.address : group, what.address,
                                  what.mac);
    const MacAddress multicast{
        {0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
    const MacAddress& mac = unicast ? what.host_mac : multicast;
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IPV6);
    to.sll_ifindex = static_cast<int>(what.index);
    to.sll_halen = ETH_ALEN;
    std::copy(mac.bytes.begin(), mac.bytes.end(), std::begin(to.sll_addr));
    const auto sent =
        TEMP_FAILURE_RETRY(sendto(link_.get(), question.packet().data(), question.packet().size(),
                                  0, reinterpret_cast<const sockaddr*>(&to), sizeof to));
    return sent < 0 ? errno : 0;
}

}  // namespace solicitd::io
