#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/events.hpp"
#include "io/fd.hpp"

namespace solicitd::io {

/// A raw ICMPv6 socket that only sends. The kernel fills in checksums.
class Icmpv6Socket {
public:
    /// `purpose`: what a person is told that it is for. Throws std::system_error when the kernel
    /// refuses the socket (EPERM: CAP_NET_RAW).
    explicit Icmpv6Socket(const char* purpose);

    /// setsockopt(IPPROTO_IPV6). Throws std::system_error.
    void set(int option, int value);
    void set(int option, std::span<const std::uint8_t> value);

    /// From `source` (`::`: the kernel chooses) to `destination`, out of that interface and no
    /// other. 0 or an errno:
    ///   EPERM        a firewall of this machine dropped it (nftables, output)
    ///   ENOBUFS      so did something nearer to the wire (nftables egress), or its queue was full
    ///   ENODEV       there is no such interface
    ///   ENETUNREACH  no route leads to `destination` there (one that leads elsewhere is not taken)
    ///   EINVAL       `source` is not its address, or not yet (DAD); the interface is down, or the
    ///                neighbor table full (kernel: ip6_finish_output2)
    ///   EMSGSIZE     too long for the link, with IPV6_DONTFRAG
    /// 0 also without carrier, where the kernel sends into the void.
    [[nodiscard]] int send(Ifindex index, const Ipv6Address& source, const Ipv6Address& destination,
                           std::span<const std::uint8_t> message);

private:
    [[nodiscard]] int bind_to(Ifindex index);
    void set_option(int level, int option, const void* value, std::size_t size);

    const char* purpose_;
    Fd fd_;
    Ifindex bound_to_ = 0;
};

}  // namespace solicitd::io
