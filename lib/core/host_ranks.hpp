#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/evidence.hpp"

namespace solicitd {

/// How much is known for a host, or a group: what it takes to push another out where room is short.
enum class HostRank : std::uint8_t {
    reported,       ///< a group in an MLD report; no host has it
    claimed,        ///< DAD only, which anybody can send for any address
    vouched,        ///< the same, of a MAC that the kernel knows a neighbor by
    remembered,     ///< from an earlier run; or was only heard, and does not answer
    heard,          ///< said something with that address as its own
    heard_vouched,  ///< the same, of a MAC that the kernel knows a neighbor by
    lingering,      ///< answered the kernel once, and not lately: it may sleep
    confirmed,      ///< answered the kernel, or is PERMANENT in its neighbor table
    own,            ///< the router's own address
};
inline constexpr std::size_t kHostRanks = static_cast<std::size_t>(HostRank::own) + 1;

/// Nothing but DAD: cheap to lose.
[[nodiscard]] constexpr bool is_claim(HostRank rank) {
    return rank == HostRank::claimed || rank == HostRank::vouched;
}

/// What it is worth once the kernel knows the sender's MAC: to forge that, too, takes an answer to
/// the kernel, or a place in its neighbor table, for each MAC.
[[nodiscard]] constexpr HostRank vouched_for(HostRank rank) {
    switch (rank) {
        case HostRank::claimed: return HostRank::vouched;
        case HostRank::heard: return HostRank::heard_vouched;
        default: return rank;
    }
}

/// What is left of it once the host does not answer, or in the next run.
[[nodiscard]] constexpr HostRank unproven(HostRank rank) {
    return rank >= HostRank::lingering ? HostRank::lingering : std::min(rank, HostRank::remembered);
}

/// Of what is sniffed and saved; of the neighbor table it takes the entry's state to say more.
[[nodiscard]] constexpr HostRank rank_of(Evidence evidence) {
    switch (evidence) {
        case Evidence::mld_report: return HostRank::reported;
        case Evidence::dad_solicitation: return HostRank::claimed;
        case Evidence::saved: return HostRank::remembered;
        case Evidence::solicitation:
        case Evidence::advertisement:
        case Evidence::neighbor: return HostRank::heard;
        case Evidence::own_address: return HostRank::own;
    }
    return HostRank::claimed;
}

struct Host;

/// A host's place in a HostRanks.
struct HostLink {
    Host* before = nullptr;
    Host* after = nullptr;
};

/// Hosts by their rank, and in each rank by their last evidence: the one to lose first is at hand,
/// however many there are. Hosts stay the caller's, with `link` as their place in the lists, keep
/// their address meanwhile, and change their rank only outside.
template <typename Item, HostLink Item::*link>
class HostRanks {
public:
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool has(HostRank rank) const {
        return lists_[static_cast<std::size_t>(rank)].first != nullptr;
    }

    /// As the latest of its rank.
    void add(Item& host) {
        List& list = list_of(host);
        (host.*link) = {list.last, nullptr};
        (list.last == nullptr ? list.first : (list.last->*link).after) = &host;
        list.last = &host;
        ++size_;
    }
    void remove(Item& host) {
        List& list = list_of(host);
        const HostLink place = host.*link;
        (place.before == nullptr ? list.first : (place.before->*link).after) = place.after;
        (place.after == nullptr ? list.last : (place.after->*link).before) = place.before;
        --size_;
    }
    /// There is new evidence.
    void renew(Item& host) {
        if (list_of(host).last != &host) {
            remove(host);
            add(host);
        }
    }
    /// The longest unseen of the lowest rank; nullptr when there is none.
    [[nodiscard]] Item* lowest() const {
        for (const List& list : lists_) {
            if (list.first != nullptr) {
                return list.first;
            }
        }
        return nullptr;
    }
    /// The latest first.
    template <typename Visit>
    void for_each(HostRank rank, Visit visit) const {
        for (Item* host = lists_[static_cast<std::size_t>(rank)].last; host != nullptr;
             host = ((*host).*link).before) {
            visit(*host);
        }
    }

private:
    struct List {
        Item* first = nullptr;
        Item* last = nullptr;
    };
    List& list_of(const Item& host) { return lists_[static_cast<std::size_t>(host.rank)]; }

    std::array<List, kHostRanks> lists_;
    std::size_t size_ = 0;
};

}  // namespace solicitd
