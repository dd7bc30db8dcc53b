#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/hash.hpp"
#include "core/host.hpp"

namespace solicitd {

/// The hosts, by downstream and address, and in the order in which they want to be looked at.
/// Holds no more than its limit; a full table refuses newcomers and evicts nobody.
class HostTable {
public:
    HostTable(std::size_t limit, std::uint64_t seed);
    HostTable(const HostTable&) = delete;
    HostTable& operator=(const HostTable&) = delete;

    [[nodiscard]] std::size_t size() const { return hosts_.size(); }
    [[nodiscard]] std::size_t limit() const { return limit_; }
    /// A limit below size() evicts nobody; it only keeps newcomers out.
    void set_limit(std::size_t limit) { limit_ = limit; }

    /// nullptr when unknown. Pointers stay valid until that host is erased.
    [[nodiscard]] Host* find(const HostKey& key);
    /// The key must be unknown. nullptr when the table is full.
    [[nodiscard]] Host* insert(const HostKey& key);
    /// Full or not: for what no stranger can make up.
    [[nodiscard]] Host& insert_always(const HostKey& key);
    void erase(Host& host);

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
    /// Erases each host for which the predicate holds; how many.
    template <typename Predicate>
    std::size_t erase_if(Predicate predicate) {
        const std::size_t before = hosts_.size();
        for (auto it = hosts_.begin(); it != hosts_.end();) {
            if (predicate(it->second)) {
                queue_.remove(it->second);
                it = hosts_.erase(it);
            } else {
                ++it;
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

    std::size_t limit_;
    std::unordered_map<HostKey, Host, SeededHash> hosts_;
    DueQueue<Host> queue_;
};

}  // namespace solicitd
