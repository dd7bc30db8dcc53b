#pragma once

#include <linux/filter.h>

namespace solicitd::io {

/// The classic BPF program that keeps all but Neighbor Discovery away from us, for a socket whose
/// data begins at the network header (AF_PACKET with SOCK_DGRAM).
///
/// Lets through what comes from the link in IPv6 with hop limit 255: NS and NA, and a first
/// fragment of one, which the parser refuses and counts. It looks at nothing that
/// parse_nd_message does not check again. Static storage, for SO_ATTACH_FILTER.
[[nodiscard]] const sock_fprog& nd_filter();

}  // namespace solicitd::io
