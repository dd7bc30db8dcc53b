#include "io/neighbor_prober.hpp"

#include <netinet/in.h>

#include "core/nd_message.hpp"

namespace solicitd::io {

NeighborProber::NeighborProber() : socket_("Neighbor Solicitations") {
    socket_.set(IPV6_UNICAST_HOPS, 255);  // RFC 4861 7.1.1
}

int NeighborProber::probe(const ProbeHost& what) {
    return socket_.send(what.index, what.source, what.address,
                        neighbor_solicitation(what.address, what.mac));
}

}  // namespace solicitd::io
