#pragma once

#include <cstdint>
#include <optional>

#include "core/events.hpp"

namespace solicitd::io {

/// What a bridge with multicast snooping takes itself for (IFLA_BR_MCAST_ROUTER): a multicast
/// router gets all multicast, whoever joined.
enum class McastRouter : std::uint8_t {
    never = 0,
    learn = 1,  ///< the kernel's default: a router once it heard one's queries
    always = 2,
};

/// Over rtnetlink. Both throw std::system_error: ENODEV when there is no such interface,
/// EOPNOTSUPP when it is no bridge or its kernel cannot snoop, EPERM without CAP_NET_ADMIN (to
/// set; anybody may read).
[[nodiscard]] McastRouter read_mcast_router(Ifindex bridge);
void set_mcast_router(Ifindex bridge, McastRouter value);

/// Makes a bridge a multicast router for as long as this object lives.
///
/// The destructor puts the former value back, unless someone else changed ours meanwhile: then
/// theirs stands. A crash leaves `always` behind. One object a bridge at a time: a second one
/// would take the first one's value for the administrator's.
class BridgeMcastRouter {
public:
    /// Throws as read_mcast_router and set_mcast_router do.
    explicit BridgeMcastRouter(Ifindex bridge);
    ~BridgeMcastRouter();
    BridgeMcastRouter(const BridgeMcastRouter&) = delete;
    BridgeMcastRouter& operator=(const BridgeMcastRouter&) = delete;

private:
    void put_back() const noexcept;

    Ifindex bridge_;
    McastRouter former_;
};

}  // namespace solicitd::io
