#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/hash.hpp"
#include "core/host.hpp"
#include "core/host_ranks.hpp"

namespace solicitd {

/// The hosts of one link-layer address on one downstream.
struct MacHosts {
    HostRanks<Host, &Host::in_mac> hosts;
};

/// The hosts, by downstream and address, by their MAC, by rank, and in the order in which they want
/// to be looked at.
///
/// There are two caps, of all hosts and of those of one MAC; only what no stranger can make up is
/// inserted beyond them. At a cap a newcomer is refused, unless there is a host of lower rank to
/// take the place of: the longest unseen of the lowest. Claims by DAD are all alike, so among them
/// the newcomer wins over one that has had its time to say more, however often that was repeated.
/// So nothing that is known better gives way to a flood, a flood of DAD cannot keep out the next
/// host that speaks, and what it can turn over in a second is bounded. Nothing here is linear in
/// the hosts.
class HostTable {
public:
    /// DAD takes a host a second by default (RFC 4861 10, RFC 4862 5.1); then it may speak.
    static constexpr Duration kTimeToSpeak = std::chrono::seconds(2);
    /// A claim that has had it, and gives way to the next.
    [[nodiscard]] static bool is_spent(const Host& host, TimePoint now) {
        return is_claim(host.rank) && now - host.first_seen >= kTimeToSpeak;
    }

    HostTable(std::size_t limit, std::uint64_t seed);
    HostTable(const HostTable&) = delete;
    HostTable& operator=(const HostTable&) = delete;

    [[nodiscard]] std::size_t size() const { return hosts_.size(); }
    /// A limit below size() evicts nobody; it only keeps the table from growing.
    void set_limit(std::size_t limit) { limit_ = limit; }
    /// Of hosts of one MAC. As above.
    void set_mac_limit(DownstreamId downstream, std::size_t limit);

    /// nullptr when unknown. Pointers stay valid until that host is erased.
    [[nodiscard]] Host* find(const HostKey& key);
    /// Whether a host of that MAC has answered the kernel.
    [[nodiscard]] bool has_confirmed(DownstreamId downstream, const MacAddress& mac) const;

    enum class Cap : std::uint8_t { none, hosts, hosts_per_mac };
    struct Room {
        Cap refused = Cap::none;  ///< by which cap, when there is no room
        Host* evict = nullptr;    ///< to be erased first
    };
    /// Whether a host may come.
    [[nodiscard]] Room room_for(DownstreamId downstream, const MacAddress& mac, HostRank rank,
                                TimePoint now) const;
    /// The key must be unknown. Asks no cap.
    Host& insert(const HostKey& key, const MacAddress& mac, HostRank rank);
    void erase(Host& host);

    /// Does nothing when there are as many of that MAC as may be: to give one a host evicts nobody.
    void set_mac(Host& host, const MacAddress& mac);
    /// There is new evidence of the host, or its rank changed.
    void set_rank(Host& host, HostRank rank);

    /// TimePoint::max(): not at all.
    void schedule(Host& host, TimePoint due);
    /// The host that is due first; nullptr when none is scheduled.
    [[nodiscard]] Host* next() const { return queue_.empty() ? nullptr : &queue_.top(); }

    template <typename Visit>
    void for_each(Visit visit) {
        for (auto& [key, host] : hosts_) {
            visit(host);
        }
    }
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& [key, host] : hosts_) {
            visit(host);
        }
    }
    /// Those of a rank, the one seen last first.
    template <typename Visit>
    void for_each(HostRank rank, Visit visit) {
        ranks_.for_each(rank, visit);
    }
    /// Erases each host for which the predicate holds; how many.
    template <typename Predicate>
    std::size_t erase_if(Predicate predicate) {
        const std::size_t before = hosts_.size();
        for (auto it = hosts_.begin(); it != hosts_.end();) {
            Host& host = it->second;
            ++it;
            if (predicate(host)) {
                erase(host);
            }
        }
        return before - hosts_.size();
    }

private:
    struct SeededHash {
        std::uint64_t seed;
        std::size_t operator()(const HostKey& key) const {
            return hash_bytes(key.address.bytes, seed + key.downstream);
        }
    };
    struct MacKey {
        MacAddress mac;
        DownstreamId downstream;
        friend bool operator==(const MacKey&, const MacKey&) = default;
    };
    struct MacHash {
        std::uint64_t seed;
        std::size_t operator()(const MacKey& key) const;
    };

    [[nodiscard]] std::size_t mac_limit(DownstreamId downstream) const;
    void enter_mac(Host& host, const MacAddress& mac);
    void leave_mac(Host& host);

    std::size_t limit_;
    std::vector<std::size_t> mac_limits_;  ///< by DownstreamId
    std::unordered_map<HostKey, Host, SeededHash> hosts_;
    HostRanks<Host, &Host::in_table> ranks_;
    std::unordered_map<MacKey, MacHosts, MacHash> macs_;  ///< none is empty
    DueQueue<Host> queue_;
};

}  // namespace solicitd
