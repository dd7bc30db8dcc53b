#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "core/events.hpp"

namespace solicitd::io {

/// The solicited-node groups that the kernel holds, whoever asked for them, by interface; each
/// sorted.
using KernelGroups = std::map<Ifindex, std::vector<SolicitedNodeGroup>>;

/// The text of /proc/net/igmp6 (kernel: igmp6_mc_seq_show). Lines that it cannot have are passed
/// over.
[[nodiscard]] KernelGroups parse_kernel_groups(std::string_view igmp6);

/// Of this network namespace: all that are held during the call, and maybe some of those that come
/// or go meanwhile. Throws std::system_error when it cannot be read.
[[nodiscard]] KernelGroups read_kernel_groups();

}  // namespace solicitd::io
