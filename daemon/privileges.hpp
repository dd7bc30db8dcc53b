#pragma once

namespace solicitd {

/// Throws std::runtime_error, in one line with the remedy, unless this process has CAP_NET_RAW
/// (packet sockets) and CAP_NET_ADMIN (asking the neighbor table, the bridge's multicast_router).
void check_privileges();

}  // namespace solicitd
