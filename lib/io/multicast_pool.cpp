#include "io/multicast_pool.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.hpp"
#include "io/event_loop.hpp"
#include "io/fd.hpp"

namespace solicitd::io {
namespace {

struct Membership {
    SolicitedNodeGroup group;
    std::uint32_t socket;  // index into Interface::sockets
};

struct Socket {
    Fd fd;  // none when nothing is held on it
    std::string name;
    std::uint32_t memberships = 0;
    bool full = false;  // said ENOMEM, and nothing was left since
};

/// 0 or an errno.
int change_membership(const Fd& fd, int option, Ifindex index, SolicitedNodeGroup group) {
    ipv6_mreq request{};
    const Ipv6Address address = group.address();
    std::memcpy(&request.ipv6mr_multiaddr, address.bytes.data(), address.bytes.size());
    request.ipv6mr_interface = index;
    return setsockopt(fd.get(), IPPROTO_IPV6, option, &request, sizeof(request)) == 0 ? 0 : errno;
}

/// Names sockets and tells of them.
class Register {
public:
    explicit Register(MulticastPool::Keeper keeper) : keeper_(std::move(keeper)) {}

    std::string open(Ifindex index, int fd) {
        std::string name = prefix_ + std::to_string(++last_) + '-' + std::to_string(index);
        if (keeper_.opened) {
            keeper_.opened(name, fd);
        }
        return name;
    }
    void close(const std::string& name) const {
        if (keeper_.closed) {
            keeper_.closed(name);
        }
    }

private:
    MulticastPool::Keeper keeper_;
    // The moment tells this process from those before it, which may have had its PID.
    std::string prefix_ =
        "mld-" + std::to_string(EventLoop::now().time_since_epoch().count()) + '-';
    std::uint64_t last_ = 0;
};

class Interface {
public:
    Interface(Ifindex index, Register& sockets_register)
        : index_(index), register_(sockets_register) {}

    /// Closes the sockets for good.
    void close() {
        for (const Socket& socket : sockets_) {
            if (socket.fd) {
                register_.close(socket.name);
            }
        }
        sockets_.clear();
        memberships_.clear();
    }

    int join(SolicitedNodeGroup group) {
        make_room();
        const auto place = find(group);
        if (place != memberships_.end() && place->group == group) {
            return 0;
        }
        std::uint32_t on = 0;
        if (const int error = join_somewhere(group, on); error != 0) {
            return error;
        }
        memberships_.insert(place, Membership{group, on});
        return 0;
    }

    void leave(SolicitedNodeGroup group) {
        const auto place = find(group);
        if (place == memberships_.end() || place->group != group) {
            return;
        }
        Socket& socket = sockets_[place->socket];
        memberships_.erase(place);
        // The kernel forgets it on the socket even when the interface is gone (kernel:
        // ipv6_sock_mc_drop), so a later join cannot meet EADDRINUSE.
        (void)change_membership(socket.fd, IPV6_LEAVE_GROUP, index_, group);
        --socket.memberships;
        socket.full = false;
        if (socket.memberships == 0) {
            register_.close(socket.name);
            socket = Socket{};
        }
    }

    [[nodiscard]] std::size_t memberships() const { return memberships_.size(); }
    [[nodiscard]] std::size_t sockets() const {
        return static_cast<std::size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                                      [](const Socket& s) { return bool{s.fd}; }));
    }

private:
    /// For one membership more: what the kernel has joined is then noted without asking for memory.
    void make_room() {
        if (memberships_.size() == memberships_.capacity()) {
            memberships_.reserve(2 * memberships_.size() + 1);
        }
    }

    [[nodiscard]] std::vector<Membership>::iterator find(SolicitedNodeGroup group) {
        return std::lower_bound(
            memberships_.begin(), memberships_.end(), group,
            [](const Membership& held, SolicitedNodeGroup sought) { return held.group < sought; });
    }

    int join_somewhere(SolicitedNodeGroup group, std::uint32_t& on) {
        auto free_slot = static_cast<std::uint32_t>(sockets_.size());
        for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
            Socket& socket = sockets_[i];
            if (!socket.fd) {
                free_slot = std::min(free_slot, i);
            } else if (!socket.full && socket.memberships < kMembershipsASocket) {
                const int error = change_membership(socket.fd, IPV6_JOIN_GROUP, index_, group);
                if (error != ENOMEM) {
                    socket.memberships += error == 0 ? 1 : 0;
                    on = i;
                    return error;
                }
                socket.full = true;
            }
        }
        if (free_slot == sockets_.size()) {
            sockets_.emplace_back();
        }
        Socket fresh{Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)), {}, 1, false};
        if (!fresh.fd) {
            return errno;
        }
        if (const int error = change_membership(fresh.fd, IPV6_JOIN_GROUP, index_, group);
            error != 0) {
            return error;
        }
        fresh.name = register_.open(index_, fresh.fd.get());
        sockets_[free_slot] = std::move(fresh);
        on = free_slot;
        return 0;
    }

    Ifindex index_;
    Register& register_;
    std::vector<Socket> sockets_;
    std::vector<Membership> memberships_;  // sorted by group: 8 bytes each
};

}  // namespace

struct MulticastPool::Impl {
    explicit Impl(Keeper keeper) : sockets_register(std::move(keeper)) {}

    Register sockets_register;
    std::map<Ifindex, Interface> interfaces;  // those on which something is held

    void erase_if_empty(std::map<Ifindex, Interface>::iterator interface) {
        if (interface->second.memberships() == 0) {
            interfaces.erase(interface);
        }
    }
};

MulticastPool::MulticastPool(Keeper keeper) : impl_(std::make_unique<Impl>(std::move(keeper))) {}
MulticastPool::~MulticastPool() = default;

int MulticastPool::join(Ifindex upstream, SolicitedNodeGroup group) {
    const auto interface =
        impl_->interfaces.try_emplace(upstream, upstream, impl_->sockets_register).first;
    const int error = interface->second.join(group);
    impl_->erase_if_empty(interface);
    return error;
}

void MulticastPool::leave(Ifindex upstream, SolicitedNodeGroup group) {
    const auto interface = impl_->interfaces.find(upstream);
    if (interface != impl_->interfaces.end()) {
        interface->second.leave(group);
        impl_->erase_if_empty(interface);
    }
}

void MulticastPool::forget(Ifindex upstream) {
    const auto interface = impl_->interfaces.find(upstream);
    if (interface != impl_->interfaces.end()) {
        interface->second.close();
        impl_->interfaces.erase(interface);
    }
}

std::size_t MulticastPool::sockets() const {
    std::size_t count = 0;
    for (const auto& [index, interface] : impl_->interfaces) {
        count += interface.sockets();
    }
    return count;
}

std::size_t MulticastPool::memberships() const {
    std::size_t count = 0;
    for (const auto& [index, interface] : impl_->interfaces) {
        count += interface.memberships();
    }
    return count;
}

}  // namespace solicitd::io
