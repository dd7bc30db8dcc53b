#include "core/host_table.hpp"

#include <limits>

namespace solicitd {
namespace {

/// Whether the newcomer may take the host's place.
bool yields(const Host& host, HostRank newcomer, TimePoint now) {
    return host.rank < newcomer || (host.rank == newcomer && HostTable::is_spent(host, now));
}

}  // namespace

HostTable::HostTable(std::size_t limit, std::uint64_t seed)
    : limit_(limit), hosts_(0, SeededHash{seed}), macs_(0, MacHash{seed}) {}

std::size_t HostTable::MacHash::operator()(const MacKey& key) const {
    return hash_bytes(key.mac.bytes, seed + key.downstream);
}

void HostTable::set_mac_limit(DownstreamId downstream, std::size_t limit) {
    if (mac_limits_.size() <= downstream) {
        mac_limits_.resize(downstream + 1U, std::numeric_limits<std::size_t>::max());
    }
    mac_limits_[downstream] = limit;
}

std::size_t HostTable::mac_limit(DownstreamId downstream) const {
    return downstream < mac_limits_.size() ? mac_limits_[downstream]
                                           : std::numeric_limits<std::size_t>::max();
}

Host* HostTable::find(const HostKey& key) {
    const auto it = hosts_.find(key);
    return it == hosts_.end() ? nullptr : &it->second;
}

bool HostTable::has_confirmed(DownstreamId downstream, const MacAddress& mac) const {
    const auto same = macs_.find({mac, downstream});
    return same != macs_.end() && same->second.hosts.has(HostRank::confirmed);
}

HostTable::Room HostTable::room_for(DownstreamId downstream, const MacAddress& mac, HostRank rank,
                                    TimePoint now) const {
    const auto among = [&](Host* lowest, Cap cap) {
        return yields(*lowest, rank, now) ? Room{Cap::none, lowest} : Room{cap, nullptr};
    };
    if (const auto same = macs_.find({mac, downstream}); same != macs_.end()) {
        const auto& hosts = same->second.hosts;
        if (hosts.size() >= mac_limit(downstream)) {
            return among(hosts.lowest(), Cap::hosts_per_mac);
        }
    }
    return hosts_.size() < limit_ ? Room{} : among(ranks_.lowest(), Cap::hosts);
}

Host& HostTable::insert(const HostKey& key, const MacAddress& mac, HostRank rank) {
    Host& host = hosts_.try_emplace(key, key).first->second;
    host.rank = rank;
    ranks_.add(host);
    enter_mac(host, mac);
    return host;
}

void HostTable::erase(Host& host) {
    queue_.remove(host);
    ranks_.remove(host);
    leave_mac(host);
    hosts_.erase(HostKey(host.key));
}

void HostTable::set_mac(Host& host, const MacAddress& mac) {
    if (mac == host.mac) {
        return;
    }
    const auto same = macs_.find({mac, host.key.downstream});
    if (same == macs_.end() || same->second.hosts.size() < mac_limit(host.key.downstream)) {
        leave_mac(host);
        enter_mac(host, mac);
    }
}

void HostTable::set_rank(Host& host, HostRank rank) {
    if (rank == host.rank) {
        if (is_claim(rank)) {
            return;  // in the order in which they came: repeating one gains nothing
        }
        ranks_.renew(host);
        if (host.of_mac != nullptr) {
            host.of_mac->hosts.renew(host);
        }
        return;
    }
    ranks_.remove(host);
    if (host.of_mac != nullptr) {
        host.of_mac->hosts.remove(host);
    }
    host.rank = rank;
    ranks_.add(host);
    if (host.of_mac != nullptr) {
        host.of_mac->hosts.add(host);
    }
}

void HostTable::enter_mac(Host& host, const MacAddress& mac) {
    host.mac = mac;
    if (!mac.is_none()) {
        host.of_mac = &macs_[{mac, host.key.downstream}];
        host.of_mac->hosts.add(host);
    }
}

void HostTable::leave_mac(Host& host) {
    if (host.of_mac == nullptr) {
        return;
    }
    host.of_mac->hosts.remove(host);
    if (host.of_mac->hosts.size() == 0) {
        macs_.erase({host.mac, host.key.downstream});
    }
    host.of_mac = nullptr;
}

void HostTable::schedule(Host& host, TimePoint due) {
    if (due == TimePoint::max()) {
        queue_.remove(host);
    } else {
        queue_.set(host, due);
    }
}

}  // namespace solicitd
