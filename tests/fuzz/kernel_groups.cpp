#include "io/kernel_groups.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "fuzz/fuzz.hpp"

// Input: the text of /proc/net/igmp6.

namespace solicitd {
namespace {

/// As the kernel writes them (igmp6_mc_seq_show).
std::string written(const io::KernelGroups& all) {
    std::string text;
    for (const auto& [index, groups] : all) {
        for (const SolicitedNodeGroup group : groups) {
            char line[100];
            std::snprintf(line, sizeof(line), "%-4u %-15s ff0200000000000000000001ff%06x 1 0 0\n",
                          index, "eth9", group.low24);
            text += line;
        }
    }
    return text;
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    using fuzz::require;
    const io::KernelGroups all = io::parse_kernel_groups(fuzz::as_text(data, size));
    for (const auto& [index, groups] : all) {
        require(index != 0, "an interface has an index");
        require(!groups.empty(), "an interface without groups is not named");
        require(std::adjacent_find(groups.begin(), groups.end(), std::greater_equal<>()) ==
                    groups.end(),
                "groups are sorted and stand there once");
        require(groups.back().low24 <= 0xFF'FFFF, "a group has 24 bits");
    }
    require(io::parse_kernel_groups(written(all)) == all, "groups are read as they were written");
    return 0;
}
