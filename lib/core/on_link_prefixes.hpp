#pragma once

#include <string_view>
#include <vector>

#include "core/events.hpp"

namespace solicitd {

/// The prefixes that are on-link on one upstream: only addresses inside them are served there.
///
/// Each is held by a source - an address with that prefix, or a route - and stays as long as one
/// source does. While the interface is down or gone the kernel takes its addresses and routes
/// away; those sources are kept as `orphans`, so that a flap leaves nobody, until
/// drop_orphans(). Configured prefixes stand in front of what is learned.
class OnLinkPrefixes {
public:
    enum class Origin : std::uint8_t { address, route };
    struct Source {
        Origin origin = Origin::address;
        Ipv6Prefix prefix;
        Ipv6Address address;  ///< origin address only
        std::uint32_t table = 0;
        std::uint32_t metric = 0;
        bool seen = true;     ///< in the dump that is running
        bool orphan = false;  ///< lost while the interface was not up

        [[nodiscard]] bool is_same(const Source& other) const {
            return origin == other.origin && prefix == other.prefix && address == other.address &&
                   table == other.table && metric == other.metric;
        }
    };

    /// Routes beyond that make nothing on-link: whoever sends Router Advertisements can make the
    /// kernel add thousands. Addresses are no such matter (kernel: max_addresses).
    static constexpr std::size_t kMostRoutes = 64;

    explicit OnLinkPrefixes(const std::vector<Ipv6Prefix>& configured) { configure(configured); }
    /// Empty: what is learned counts.
    void configure(const std::vector<Ipv6Prefix>& configured);

    [[nodiscard]] bool contains(const Ipv6Address& address) const;
    /// Those that count: distinct, sorted.
    [[nodiscard]] std::vector<Ipv6Prefix> prefixes() const;
    [[nodiscard]] bool empty() const { return configured_.empty() && sources_.empty(); }
    [[nodiscard]] bool configured() const { return !configured_.empty(); }
    /// Where what is learned comes from.
    [[nodiscard]] const std::vector<Source>& sources() const { return sources_; }

    void add_address(const Ipv6Address& address, unsigned prefix_length);
    /// Where there are too many it takes an orphan's place. False: there is none, and the route
    /// would count.
    bool add_route(const OnLinkRoute& route);
    /// There is room again for a route that found none: the kernel's are to be read anew. Says so
    /// once.
    [[nodiscard]] bool take_room_for_missing();
    /// `interface_up`: the loss is meant; otherwise the source is orphaned.
    void remove_address(const Ipv6Address& address, bool interface_up);
    void remove_route(const OnLinkRoute& route, bool interface_up);

    /// Around a dump of addresses or of routes: what it does not mention is removed.
    void begin_dump(Origin origin);
    void end_dump(Origin origin, bool interface_up);

    void orphan_all();
    [[nodiscard]] bool has_orphans() const;
    void drop_orphans();

private:
    bool add(const Source& source);
    [[nodiscard]] std::size_t count_routes(bool with_orphans) const;
    template <typename Predicate>
    void remove_if(Predicate predicate, bool interface_up);

    std::vector<Ipv6Prefix> configured_;
    std::vector<Source> sources_;
    bool missing_ = false;  ///< a route found no room
};

[[nodiscard]] std::string_view to_string(OnLinkPrefixes::Origin origin);

}  // namespace solicitd
