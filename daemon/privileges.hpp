#pragma once

namespace solicitd {

/// Throws std::runtime_error, in one line with the remedy, unless this process has CAP_NET_RAW
/// (packet sockets, the raw sockets for MLD reports and Neighbor Solicitations).
void check_privileges();

/// Gives up for good what the daemon has no use for: every other capability (root has them all),
/// passing its own on to a program, and getting more by executing one. CAP_NET_ADMIN stays where
/// it is of use, for a bridge's multicast_router, or was given on purpose: to a service that has
/// it and CAP_NET_RAW alone. The process must hold CAP_NET_RAW. Throws std::system_error.
void keep_needed_privileges(bool multicast_router);

}  // namespace solicitd
