#pragma once

#include <cstddef>
#include <unordered_map>

#include "core/hash.hpp"
#include "core/ipv6_address.hpp"
#include "core/rate_limit.hpp"
#include "core/time.hpp"

namespace solicitd {

/// Which addresses the LAN was asked for lately though they are of no host: somebody upstream asked
/// for them, or there was no room for them. Strangers choose them, so there are limits to that; and
/// the answer of one that still finds no room is no reason to ask it again.
class LanInquiries {
public:
    static constexpr std::size_t kCapacity = 1024;
    /// How long no answer is remembered as one.
    static constexpr Duration kRemembered = std::chrono::minutes(1);
    static constexpr int kInASecond = 10;

    explicit LanInquiries(std::uint64_t seed) : asked_(0, AddressHash{seed}) {}

    /// Whether the LAN may be asked for the address now; if so, not again within kRemembered.
    [[nodiscard]] bool admit(const Ipv6Address& address, TimePoint now) {
        const auto known = asked_.find(address);
        if (known != asked_.end() && known->second > now) {
            return false;
        }
        if (limit_.available_at() > now) {
            return false;
        }
        if (known == asked_.end() && asked_.size() == kCapacity) {
            std::erase_if(asked_, [&](const auto& entry) { return entry.second <= now; });
            if (asked_.size() == kCapacity) {
                return false;
            }
        }
        limit_.spend(now);
        asked_[address] = now + kRemembered;
        return true;
    }

private:
    std::unordered_map<Ipv6Address, TimePoint, AddressHash> asked_;
    RateLimit limit_{kInASecond, std::chrono::seconds(1)};
};

}  // namespace solicitd
