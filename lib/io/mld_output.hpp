#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/mld_output.hpp"

namespace solicitd::io {

/// The text of /proc/net/dev_snmp6/INTERFACE (kernel: snmp6_dev_seq_show).
///
/// Measured on Linux 6.18, what grows by one report:
///
///     |                               | reports | discards | send() says |
///     |-------------------------------|---------|----------|-------------|
///     | the kernel's own              |    1    |    0     |             |
///     | the same, dropped by nftables |    0    |    1     |             |
///     | MldReporter's                 |    0    |    0     |      0      |
///     | the same, dropped by nftables |    0    |    1     | EPERM       |
///
/// MldReporter's never count as reports: the kernel counts a raw socket's ICMPv6 only without a
/// Hop-by-Hop header before it (kernel: __ip6_make_skb). So `reports` are the kernel's alone, and
/// whoever compares `discards` takes off what MldReporter::send() refused. Discards are packets of
/// any kind.
///
/// nullopt when one of the counters is not there.
[[nodiscard]] std::optional<MldOutput> parse_mld_output(std::string_view dev_snmp6);

/// Of an interface of this network namespace; nullopt when the kernel does not tell: no such
/// interface, IPv6 is off on it, or /proc is restricted.
[[nodiscard]] std::optional<MldOutput> read_mld_output(const std::string& interface);

}  // namespace solicitd::io
