#pragma once

#include <cstddef>
#include <cstdint>

/// Limits that more than one part counts with.
namespace solicitd {

/// Bytes of MTU below which the kernel runs no IPv6 (RFC 8200 5; kernel: addrconf_notify).
inline constexpr std::uint32_t kLeastMtu = 1280;

/// How many memberships are put on one socket. A join walks the socket's own list as well as the
/// interface's (kernel: __ipv6_sock_mc_join), so a thousand on one socket take half as long again
/// as on four.
inline constexpr std::size_t kMembershipsASocket = 256;

}  // namespace solicitd
