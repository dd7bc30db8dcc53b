#pragma once

#include "core/events.hpp"

namespace solicitd::io {

/// The interface out of which the kernel would send to that address now, whatever rule or route
/// decides it; 0 when there is no way. Anybody may ask. Throws std::runtime_error when the kernel
/// cannot be asked.
[[nodiscard]] Ifindex find_route(const Ipv6Address& destination);

}  // namespace solicitd::io
