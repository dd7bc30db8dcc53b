#pragma once

namespace solicitd {

/// Throws std::runtime_error, in one line with the remedy, unless this process has CAP_NET_RAW
/// (packet sockets, the raw socket for MLD reports) and CAP_NET_ADMIN (asking the neighbor table,
/// the bridge's multicast_router).
void check_privileges();

/// Gives up for good what the daemon has no use for: every other capability (root has them all),
/// passing these two on to a program, and getting more by executing one. The process must hold
/// the two. Throws std::system_error.
void keep_needed_privileges();

}  // namespace solicitd
