#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"

namespace solicitd::io {

/// Provokes MLD reports of the kernel on the interface, by joining a solicited-node group that is
/// not `in_use` (sorted) for a moment, and says whether they leave the IPv6 stack. False: for as
/// long as `patience` none did, and packets were discarded meanwhile. nullopt: cannot be told, as
/// nothing was sent at all, the kernel does not say, or the group could not be joined.
///
/// Blocks: some 10 ms when all is well, otherwise for `patience`. By then the kernel has reported
/// twice (kernel: unsolicited_report_interval).
[[nodiscard]] std::optional<bool> try_mld_report(
    const std::string& interface, Ifindex index, const std::vector<SolicitedNodeGroup>& in_use,
    std::chrono::milliseconds patience = std::chrono::milliseconds(1500));

}  // namespace solicitd::io
