#include "io/check/mld_trial.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "io/mld_output.hpp"
#include "io/multicast_pool.hpp"

namespace solicitd::io {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{5};

SolicitedNodeGroup choose_unused(const std::vector<SolicitedNodeGroup>& in_use) {
    std::random_device random;
    SolicitedNodeGroup group;
    do {
        group.low24 = static_cast<std::uint32_t>(random()) & 0xFFFFFFU;
    } while (std::binary_search(in_use.begin(), in_use.end(), group));
    return group;
}

}  // namespace

std::optional<bool> try_mld_report(const std::string& interface, Ifindex index,
                                   const std::vector<SolicitedNodeGroup>& in_use,
                                   std::chrono::milliseconds patience) {
    const auto before = read_mld_output(interface);
    MulticastPool membership;
    if (!before || membership.join(index, choose_unused(in_use)) != 0) {
        return std::nullopt;
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto now = read_mld_output(interface);
        if (!now) {
            return std::nullopt;
        }
        if (now->reports > before->reports) {
            return true;
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return now->discards > before->discards ? std::optional(false) : std::nullopt;
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace solicitd::io
