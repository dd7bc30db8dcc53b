#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/hash.hpp"
#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"

namespace solicitd {

/// The link-local addresses of a LAN that are in the kernel's neighbor table, up to a capacity:
/// strangers can fill that table. None is ever served; they tell which groups are theirs, and which
/// MACs are machines that the kernel has talked with, or was asked by.
class LinkLocalNeighbors {
public:
    static constexpr std::size_t kCapacity = 4096;

    explicit LinkLocalNeighbors(std::uint64_t seed)
        : by_address_(0, AddressHash{seed}),
          groups_(0, GroupHash{seed}),
          macs_(0, AddressHash{seed}) {}

    /// Also when it has another MAC now. Does nothing when it is full.
    void learn(const Ipv6Address& address, const MacAddress& mac) {
        forget(address);
        if (by_address_.size() < kCapacity) {
            by_address_.emplace(address, mac);
            ++groups_[SolicitedNodeGroup::of(address).low24];
            ++macs_[mac];
        }
    }
    void forget(const Ipv6Address& address) {
        if (const auto known = by_address_.find(address); known != by_address_.end()) {
            release(groups_, SolicitedNodeGroup::of(address).low24);
            release(macs_, known->second);
            by_address_.erase(known);
        }
    }
    [[nodiscard]] bool have_group(SolicitedNodeGroup group) const {
        return groups_.count(group.low24) != 0;
    }
    [[nodiscard]] bool have_mac(const MacAddress& mac) const {
        return !mac.is_none() && macs_.count(mac) != 0;
    }

private:
    template <typename Counts, typename Key>
    static void release(Counts& counts, const Key& key) {
        const auto it = counts.find(key);
        if (--it->second == 0) {
            counts.erase(it);
        }
    }

    std::unordered_map<Ipv6Address, MacAddress, AddressHash> by_address_;
    // How many of the addresses have each.
    std::unordered_map<std::uint32_t, std::size_t, GroupHash> groups_;
    std::unordered_map<MacAddress, std::size_t, AddressHash> macs_;
};

}  // namespace solicitd
