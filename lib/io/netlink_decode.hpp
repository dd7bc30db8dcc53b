#pragma once

#include <linux/netlink.h>

#include <optional>

#include "core/events.hpp"

namespace solicitd::io {

// Of Linux 6.14, which older headers do not have: the kernel tells of group memberships.
inline constexpr int kNewMulticast = 56;  ///< RTM_NEWMULTICAST
inline constexpr int kDelMulticast = 57;  ///< RTM_DELMULTICAST
inline constexpr int kMcaddrGroup = 38;   ///< RTNLGRP_IPV6_MCADDR

/// One rtnetlink message as the core's event; nullopt for what does not concern us (other
/// families, proxy neighbors, gatewayed routes, ...). Pure. The message must be whole
/// (nlmsg_len bytes readable); its payload is not trusted.
[[nodiscard]] std::optional<Event> decode_netlink(const nlmsghdr& message);

}  // namespace solicitd::io
