#pragma once

#include <linux/netlink.h>

#include <optional>

#include "core/events.hpp"

namespace solicitd::io {

/// One rtnetlink message as the core's event; nullopt for what does not concern us (other
/// families, proxy neighbors, gatewayed routes, ...). Pure. The message must be whole
/// (nlmsg_len bytes readable); its payload is not trusted.
[[nodiscard]] std::optional<Event> decode_netlink(const nlmsghdr& message);

}  // namespace solicitd::io
