#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>

#include "core/hash.hpp"
#include "core/ipv6_address.hpp"

namespace solicitd {

/// A set of solicited-node groups that strangers can fill, up to its capacity.
class GroupSet {
public:
    static constexpr std::size_t kCapacity = 4096;

    explicit GroupSet(std::uint64_t seed) : groups_(0, GroupHash{seed}) {}

    /// Does nothing when it is full.
    void insert(SolicitedNodeGroup group) {
        if (groups_.size() < kCapacity) {
            groups_.insert(group.low24);
        }
    }
    [[nodiscard]] bool contains(SolicitedNodeGroup group) const {
        return groups_.count(group.low24) != 0;
    }

private:
    std::unordered_set<std::uint32_t, GroupHash> groups_;
};

}  // namespace solicitd
