#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/ipv6_address.hpp"

namespace solicitd {

/// The router's own addresses on one interface, as the kernel told them.
class OwnAddresses {
public:
    struct Entry {
        Ipv6Address address;
        std::uint8_t prefix_length = 128;
        bool tentative = false;
        bool seen = true;  ///< in the dump that is running
    };

    void add(const Ipv6Address& address, std::uint8_t prefix_length, bool tentative) {
        remove(address);
        entries_.push_back({address, prefix_length, tentative});
    }
    void remove(const Ipv6Address& address) {
        std::erase_if(entries_, [&](const Entry& entry) { return entry.address == address; });
    }

    /// Around a dump of addresses; the end returns, and forgets, what it did not mention.
    void begin_dump() {
        for (Entry& entry : entries_) {
            entry.seen = false;
        }
    }
    std::vector<Entry> end_dump() {
        const auto gone = std::stable_partition(entries_.begin(), entries_.end(),
                                                [](const Entry& entry) { return entry.seen; });
        std::vector<Entry> lost(gone, entries_.end());
        entries_.erase(gone, entries_.end());
        return lost;
    }

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    [[nodiscard]] bool contains(const Ipv6Address& address) const {
        return std::any_of(entries_.begin(), entries_.end(),
                           [&](const Entry& entry) { return entry.address == address; });
    }
    /// To send from.
    [[nodiscard]] std::optional<Ipv6Address> link_local() const {
        const auto found = std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) {
            return entry.address.is_link_local() && !entry.tentative;
        });
        return found == entries_.end() ? std::nullopt : std::optional(found->address);
    }

private:
    std::vector<Entry> entries_;
};

}  // namespace solicitd
