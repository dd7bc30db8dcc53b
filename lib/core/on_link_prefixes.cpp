#include "core/on_link_prefixes.hpp"

#include <algorithm>
#include <utility>

namespace solicitd {
namespace {

// A host route makes nothing on-link but one address; a default route makes no prefix.
bool can_be_shared(const Ipv6Prefix& prefix) {
    return prefix.length() >= 1 && prefix.length() < 128 && prefix.address().is_global_unicast();
}

}  // namespace

std::string_view to_string(OnLinkPrefixes::Origin origin) {
    switch (origin) {
        case OnLinkPrefixes::Origin::address: return "address";
        case OnLinkPrefixes::Origin::route: return "route";
    }
    return "unknown";
}

void OnLinkPrefixes::configure(const std::vector<Ipv6Prefix>& configured) {
    configured_ = configured;
    std::sort(configured_.begin(), configured_.end());
    configured_.erase(std::unique(configured_.begin(), configured_.end()), configured_.end());
}

bool OnLinkPrefixes::contains(const Ipv6Address& address) const {
    if (configured()) {
        return std::any_of(configured_.begin(), configured_.end(),
                           [&](const Ipv6Prefix& prefix) { return prefix.contains(address); });
    }
    return std::any_of(sources_.begin(), sources_.end(),
                       [&](const Source& source) { return source.prefix.contains(address); });
}

std::vector<Ipv6Prefix> OnLinkPrefixes::prefixes() const {
    if (configured()) {
        return configured_;
    }
    std::vector<Ipv6Prefix> prefixes;
    for (const Source& source : sources_) {
        prefixes.push_back(source.prefix);
    }
    std::sort(prefixes.begin(), prefixes.end());
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
    return prefixes;
}

void OnLinkPrefixes::add_address(const Ipv6Address& address, unsigned prefix_length) {
    Source source;
    source.origin = Origin::address;
    source.prefix = Ipv6Prefix(address, prefix_length);
    source.address = address;
    add(source);
}

bool OnLinkPrefixes::add_route(const OnLinkRoute& route) {
    Source source;
    source.origin = Origin::route;
    source.prefix = route.prefix;
    source.table = route.table;
    source.metric = route.metric;
    return add(source);
}

void OnLinkPrefixes::remove_address(const Ipv6Address& address, bool interface_up) {
    remove_if(
        [&](const Source& source) {
            return source.origin == Origin::address && source.address == address;
        },
        interface_up);
}

void OnLinkPrefixes::remove_route(const OnLinkRoute& route, bool interface_up) {
    remove_if(
        [&](const Source& source) {
            return source.origin == Origin::route && source.prefix == route.prefix &&
                   source.table == route.table && source.metric == route.metric;
        },
        interface_up);
}

void OnLinkPrefixes::begin_dump(Origin origin) {
    for (Source& source : sources_) {
        source.seen = source.seen && source.origin != origin;
    }
}

void OnLinkPrefixes::end_dump(Origin origin, bool interface_up) {
    // Orphans are waited for: the dump may well run before the interface has its prefix back.
    remove_if(
        [&](const Source& source) {
            return source.origin == origin && !source.seen && !source.orphan;
        },
        interface_up);
}

void OnLinkPrefixes::orphan_all() {
    remove_if([](const Source& /*any*/) { return true; }, false);
}

bool OnLinkPrefixes::has_orphans() const {
    return std::any_of(sources_.begin(), sources_.end(),
                       [](const Source& source) { return source.orphan; });
}

void OnLinkPrefixes::drop_orphans() {
    remove_if([](const Source& source) { return source.orphan; }, true);
}

/// False: it finds no room.
bool OnLinkPrefixes::add(const Source& source) {
    if (!can_be_shared(source.prefix)) {
        return true;
    }
    const auto known = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const Source& other) { return other.is_same(source); });
    if (known != sources_.end()) {
        known->seen = true;
        known->orphan = false;
        return true;
    }
    if (source.origin == Origin::route && count_routes(true) >= kMostRoutes) {
        const auto orphan = std::find_if(sources_.begin(), sources_.end(), [](const Source& other) {
            return other.origin == Origin::route && other.orphan;
        });
        if (orphan == sources_.end()) {
            missing_ = !configured();
            return configured();
        }
        *orphan = source;
        return true;
    }
    sources_.push_back(source);
    return true;
}

bool OnLinkPrefixes::take_room_for_missing() {
    return missing_ && count_routes(false) < kMostRoutes && std::exchange(missing_, false);
}

std::size_t OnLinkPrefixes::count_routes(bool with_orphans) const {
    return static_cast<std::size_t>(
        std::count_if(sources_.begin(), sources_.end(), [&](const Source& source) {
            return source.origin == Origin::route && (with_orphans || !source.orphan);
        }));
}

template <typename Predicate>
void OnLinkPrefixes::remove_if(Predicate predicate, bool interface_up) {
    if (interface_up) {
        sources_.erase(std::remove_if(sources_.begin(), sources_.end(), predicate), sources_.end());
        return;
    }
    for (Source& source : sources_) {
        source.orphan = source.orphan || predicate(source);
    }
}

}  // namespace solicitd
