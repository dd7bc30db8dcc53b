#pragma once

#include <linux/filter.h>

/// Classic BPF programs that keep all but what we listen for away from us, for a socket whose data
/// begins at the network header (AF_PACKET with SOCK_DGRAM).
///
/// They let through what comes from the link in IPv6: Neighbor Discovery with hop limit 255, MLD
/// with hop limit 1. It may stand behind a Hop-by-Hop Options header, where MLD belongs, and in a
/// first fragment; what is wrong with that is the parsers' to say and to count. They look at
/// nothing that the parsers do not check again. Static storage, for SO_ATTACH_FILTER.
namespace solicitd::io {

/// NS and NA; with `mld`, MLD reports of both versions.
[[nodiscard]] const sock_fprog& downstream_filter(bool mld);

/// NS, MLD queries, and MLDv1 reports, by which others make our kernel keep its own to itself
/// (RFC 2710 4).
[[nodiscard]] const sock_fprog& upstream_filter();

}  // namespace solicitd::io
