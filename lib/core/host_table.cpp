#include "core/host_table.hpp"

namespace solicitd {

HostTable::HostTable(std::size_t limit, std::uint64_t seed)
    : limit_(limit), hosts_(0, SeededHash{seed}) {}

Host* HostTable::find(const HostKey& key) {
    const auto it = hosts_.find(key);
    return it == hosts_.end() ? nullptr : &it->second;
}

Host* HostTable::insert(const HostKey& key) {
    if (hosts_.size() >= limit_) {
        return nullptr;
    }
    return &insert_always(key);
}

Host& HostTable::insert_always(const HostKey& key) {
    return hosts_.try_emplace(key, key).first->second;
}

void HostTable::erase(Host& host) {
    queue_.remove(host);
    hosts_.erase(HostKey(host.key));
}

void HostTable::schedule(Host& host, TimePoint due) {
    if (due == TimePoint::max()) {
        queue_.remove(host);
    } else {
        queue_.set(host, due);
    }
}

}  // namespace solicitd
