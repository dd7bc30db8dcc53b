#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <unordered_map>

#include "core/hash.hpp"
#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"

namespace solicitd {

/// The link-local addresses of a LAN that are in the kernel's neighbor table, up to a capacity:
/// strangers can fill that table. None is ever served; they tell which MACs are machines that the
/// kernel has talked with, or was asked by, and which reports are of nobody else.
///
/// A single Solicitation makes an entry for any address, so only one that answered the kernel
/// explains a report, and only a report of its own machine: what is taken for explained is not
/// joined, and to have that of another machine takes an answer made up with that machine's MAC (two
/// packets, docs/adr/0017).
class LinkLocalNeighbors {
public:
    static constexpr std::size_t kCapacity = 4096;

    explicit LinkLocalNeighbors(std::uint64_t seed)
        : by_address_(0, AddressHash{seed}),
          reporters_(0, ReporterHash{seed}),
          macs_(0, AddressHash{seed}) {}

    /// It is in the table; `answered`: and is REACHABLE or PERMANENT there, which holds for as long
    /// as the entry has that MAC. Does nothing when there are too many.
    void learn(const Ipv6Address& address, const MacAddress& mac, bool answered) {
        auto known = by_address_.find(address);
        if (known != by_address_.end() && known->second.mac != mac) {
            forget(address);
            known = by_address_.end();
        }
        if (known == by_address_.end()) {
            if (by_address_.size() >= kCapacity) {
                return;
            }
            known = by_address_.emplace(address, Neighbor{mac}).first;
            ++macs_[mac];
        }
        known->second.seen = true;
        if (answered && !known->second.answered) {
            known->second.answered = true;
            ++reporters_[{SolicitedNodeGroup::of(address), mac}];
        }
    }
    void forget(const Ipv6Address& address) {
        if (const auto known = by_address_.find(address); known != by_address_.end()) {
            erase(known);
        }
    }

    /// Around a dump of neighbors; the end forgets what it did not mention.
    void begin_dump() {
        for (auto& [address, neighbor] : by_address_) {
            neighbor.seen = false;
        }
    }
    void end_dump() {
        for (auto it = by_address_.begin(); it != by_address_.end();) {
            it = it->second.seen ? std::next(it) : erase(it);
        }
    }

    /// Whether a machine of that MAC is known to report the group for a link-local address.
    [[nodiscard]] bool explain(SolicitedNodeGroup group, const MacAddress& mac) const {
        return reporters_.count({group, mac}) != 0;
    }
    [[nodiscard]] bool have_mac(const MacAddress& mac) const {
        return !mac.is_none() && macs_.count(mac) != 0;
    }

private:
    struct Neighbor {
        MacAddress mac;
        bool answered = false;
        bool seen = true;  ///< in the dump that is running
    };
    struct Reporter {
        SolicitedNodeGroup group;
        MacAddress mac;
        friend bool operator==(const Reporter&, const Reporter&) = default;
    };
    using Neighbors = std::unordered_map<Ipv6Address, Neighbor, AddressHash>;
    struct ReporterHash {
        std::uint64_t seed;
        std::size_t operator()(const Reporter& reporter) const {
            return mix(hash_bytes(reporter.mac.bytes, seed) ^ reporter.group.low24);
        }
    };

    template <typename Counts, typename Key>
    static void release(Counts& counts, const Key& key) {
        const auto it = counts.find(key);
        if (--it->second == 0) {
            counts.erase(it);
        }
    }

    Neighbors::iterator erase(Neighbors::iterator known) {
        const auto& [address, neighbor] = *known;
        if (neighbor.answered) {
            release(reporters_, Reporter{SolicitedNodeGroup::of(address), neighbor.mac});
        }
        release(macs_, neighbor.mac);
        return by_address_.erase(known);
    }

    Neighbors by_address_;
    // How many of the addresses have each.
    std::unordered_map<Reporter, std::size_t, ReporterHash> reporters_;
    std::unordered_map<MacAddress, std::size_t, AddressHash> macs_;
};

}  // namespace solicitd
