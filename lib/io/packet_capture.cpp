#include "io/packet_capture.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "io/bridge_mcast_router.hpp"
#include "io/fd.hpp"
#include "io/packet_ring.hpp"

namespace solicitd::io {
namespace {

/// Packets a turn of the loop: enough that the turn costs little for each, few enough that a flood
/// cannot keep the loop from its timers.
constexpr std::size_t kBatch = 64;

/// Any message that fits an Ethernet frame. A longer one is cut off.
constexpr std::size_t kLongest = 1536;

/// The kernel takes the tag off a packet of a VLAN that no interface claims, and marks it as
/// somebody else's (kernel: __netif_receive_skb_core). Its sender is not on this link. Unicast
/// between others is marked so, too; that is what promisc is for.
bool is_of_another_vlan(const sockaddr_ll& from, const std::uint8_t* packet, CaptureMode mode) {
    constexpr std::size_t kDestination = 24;  // RFC 8200 3
    return from.sll_pkttype == PACKET_OTHERHOST &&
           (mode != CaptureMode::promisc || packet[kDestination] == 0xFF);
}

MacAddress source_of(const sockaddr_ll& from) {
    MacAddress mac;
    if (from.sll_halen == mac.bytes.size()) {
        std::copy_n(from.sll_addr, mac.bytes.size(), mac.bytes.begin());
    }
    return mac;
}

}  // namespace

struct PacketCapture::Impl {
    Impl(EventLoop& loop, const Target& target, std::uint64_t& the_dropped, Sink the_sink,
         std::function<void()> when_unbound);
    ~Impl() { count_drops(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void open_socket(const Target& target);
    void listen(const std::string& name);
    bool make_multicast_router(const std::string& name);
    void read_batch();
    void take(const PacketRing::Frame& frame);
    std::size_t receive_long_packet();
    void read_error();
    void count_drops();
    [[nodiscard]] bool is_bound() const;

    const Ifindex index;
    CaptureMode mode;
    bool lacks_mcast_router = false;
    std::uint64_t& dropped;
    const Sink sink;
    const std::function<void()> unbound;
    Fd fd;
    std::optional<PacketRing> ring;
    std::optional<BridgeMcastRouter> router;

    bool failed = false;  // recv has told an error
    std::array<std::uint8_t, kLongest> long_packet;

    EventLoop::Source source;  // last: it must not outlive what its callback uses
};

PacketCapture::Impl::Impl(EventLoop& loop, const Target& target, std::uint64_t& the_dropped,
                          Sink the_sink, std::function<void()> when_unbound)
    : index(target.index),
      mode(target.mode),
      dropped(the_dropped),
      sink(std::move(the_sink)),
      unbound(std::move(when_unbound)) {
    open_socket(target);
    listen(target.name);
    source = loop.on_readable(fd.get(), [this] { read_batch(); });
}

// Protocol 0 receives nothing, so that no packet comes in before the filter and the interface
// are set.
void PacketCapture::Impl::open_socket(const Target& target) {
    const auto check = [&target](int result, const char* what) {
        if (result < 0) {
            throw std::system_error(errno, std::generic_category(), target.name + ": " + what);
        }
    };
    fd = Fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    check(fd.get(), "cannot open a packet socket, which needs CAP_NET_RAW");
    check(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &target.filter, sizeof target.filter),
          "cannot attach the packet filter");
    ring.emplace(fd.get(), target.ring_blocks);
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_IPV6);
    here.sll_ifindex = static_cast<int>(index);
    // sockets take every address as a sockaddr
    check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here),
          "cannot capture on the interface");
}

void PacketCapture::Impl::listen(const std::string& name) {
    if (mode == CaptureMode::mcast_router) {
        if (make_multicast_router(name)) {
            return;
        }
        lacks_mcast_router = true;
        mode = CaptureMode::allmulti;
    }
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index);
    request.mr_type = mode == CaptureMode::promisc ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
    if (setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) < 0) {
        throw std::system_error(errno, std::generic_category(),
                                name + ": cannot receive all multicast");
    }
}

/// false: we may not. Most is heard nevertheless, so it is no reason to hear nothing.
bool PacketCapture::Impl::make_multicast_router(const std::string& name) {
    try {
        router.emplace(index);
        return true;
    } catch (const std::system_error& error) {
        if (error.code().value() == EPERM) {
            return false;
        }
        throw std::system_error(error.code(), name + ": cannot make the bridge a multicast router");
    }
}

// One batch a turn. More, if there is, makes the descriptor readable again, as does an error.
void PacketCapture::Impl::read_batch() {
    bool drops = false;
    std::size_t taken = 0;
    for (; taken < kBatch; ++taken) {
        const auto frame = ring->front();
        if (!frame) {
            break;
        }
        drops = drops || (frame->status & TP_STATUS_LOSING) != 0;
        take(*frame);
        ring->pop();
    }
    if (drops) {
        count_drops();
    }
    if (taken == 0 || failed) {
        read_error();
    }
}

void PacketCapture::Impl::take(const PacketRing::Frame& frame) {
    CapturedPacket packet{
        frame.bytes, frame.size, source_of(frame.sender),
        (frame.status & TP_STATUS_CSUMNOTREADY) != 0 ? Checksum::trust : Checksum::verify};
    if ((frame.status & TP_STATUS_COPY) != 0) {
        packet.bytes = long_packet.data();
        packet.size = receive_long_packet();
        if (packet.size == 0) {
            ++dropped;
            return;
        }
    } else if (frame.size < frame.whole_size) {
        ++dropped;  // it found no room in the queue
        return;
    }
    // A VLAN or macvlan on top of this interface: the kernel hands its packets to us as well,
    // because they came in through it (kernel: orig_dev), but its hosts are not on this link.
    if (frame.sender.sll_ifindex != static_cast<int>(index)) {
        return;
    }
    if (is_of_another_vlan(frame.sender, frame.bytes, mode)) {
        return;
    }
    sink(packet);
}

/// 0: it could not be had. An error of the link is told first, and once: the packet is still there
/// afterwards.
std::size_t PacketCapture::Impl::receive_long_packet() {
    for (int tries = 0; tries < 3; ++tries) {
        const ssize_t size = recv(fd.get(), long_packet.data(), long_packet.size(), 0);
        if (size >= 0) {
            return static_cast<std::size_t>(size);
        }
        if (errno == EAGAIN) {
            return 0;
        }
        failed = failed || errno != EINTR;
    }
    return 0;
}

/// ENETDOWN: for a link that went down, after which the socket receives again when it is up; or for
/// one that was deleted, after which it never does, even if another interface gets the same index.
void PacketCapture::Impl::read_error() {
    failed = false;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);  // forgets it, too
    if (unbound && !is_bound()) {
        unbound();
    }
}

/// The kernel takes a socket off an interface that is deleted (kernel: packet_notifier).
bool PacketCapture::Impl::is_bound() const {
    sockaddr_ll here{};
    socklen_t size = sizeof here;
    return getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size) == 0 &&
           here.sll_ifindex == static_cast<int>(index);
}

void PacketCapture::Impl::count_drops() {
    tpacket_stats since_last_time{};
    socklen_t size = sizeof since_last_time;
    if (getsockopt(fd.get(), SOL_PACKET, PACKET_STATISTICS, &since_last_time, &size) == 0) {
        dropped += since_last_time.tp_drops;
    }
}

PacketCapture::PacketCapture(EventLoop& loop, const Target& target, std::uint64_t& dropped,
                             Sink sink, std::function<void()> unbound)
    : impl_(std::make_unique<Impl>(loop, target, dropped, std::move(sink), std::move(unbound))) {}
PacketCapture::PacketCapture(PacketCapture&&) noexcept = default;
PacketCapture& PacketCapture::operator=(PacketCapture&&) noexcept = default;
PacketCapture::~PacketCapture() = default;

CaptureMode PacketCapture::mode() const {
    return impl_->mode;
}

bool PacketCapture::lacks_mcast_router() const {
    return impl_->lacks_mcast_router;
}

}  // namespace solicitd::io
