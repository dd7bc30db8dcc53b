#include "io/neighbor_prober.hpp"

#include <netinet/in.h>

#include <span>

#include "core/nd_message.hpp"

namespace solicitd::io {

NeighborProber::NeighborProber() : socket_("Neighbor Solicitations") {
    socket_.set(IPV6_UNICAST_HOPS, 255);  // RFC 4861 7.1.1
}

int NeighborProber::probe(const ProbeHost& what) {
    const NdSolicitation question = neighbor_solicitation(what.address, what.mac);
    return socket_.send(what.index, what.source, what.address,
                        std::span(question.bytes).first(question.size));
}

}  // namespace solicitd::io
