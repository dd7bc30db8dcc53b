#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/events.hpp"

namespace solicitd::io {

/// Holds group memberships (IPV6_JOIN_GROUP) on as many sockets as they need: the kernel caps
/// the option memory of one (net.core.optmem_max, then ENOMEM).
///
/// Knows what the kernel holds through it, and no more: what is wanted is the core's. Closing the
/// sockets, by the destructor too, leaves every group (kernel: ipv6_sock_mc_close).
class MulticastPool {
public:
    /// Told of each socket while it exists, so that another process can keep it open, and its
    /// memberships with it, when this one dies. Names are unique, between processes too.
    struct Keeper {
        std::function<void(const std::string& name, int fd)> opened;
        std::function<void(const std::string& name)> closed;
    };

    MulticastPool() : MulticastPool(Keeper{}) {}
    explicit MulticastPool(Keeper keeper);
    /// Closes the sockets without telling the keeper: what it keeps is for the next process.
    ~MulticastPool();
    MulticastPool(const MulticastPool&) = delete;
    MulticastPool& operator=(const MulticastPool&) = delete;

    /// 0 or an errno. Joining what is held already succeeds and changes nothing.
    [[nodiscard]] int join(Ifindex upstream, SolicitedNodeGroup group);
    /// Leaving what is not held does nothing.
    void leave(Ifindex upstream, SolicitedNodeGroup group);
    /// Closes the interface's sockets.
    void forget(Ifindex upstream);

    [[nodiscard]] std::size_t sockets() const;
    [[nodiscard]] std::size_t memberships() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
