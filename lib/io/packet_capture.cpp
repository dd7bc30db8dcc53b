#include "io/packet_capture.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "io/bridge_mcast_router.hpp"
#include "io/fd.hpp"

namespace solicitd::io {
namespace {

/// Packets a turn of the loop: enough that waking up costs little for each, few enough that a
/// flood cannot keep the loop from its timers.
constexpr std::size_t kBatch = 64;

/// Room for any message that fits an Ethernet frame. A longer one is cut off.
constexpr std::size_t kPacketRoom = 1536;

/// For a burst while we are busy, some two thousand messages: a segment waking up after a power
/// cut. Charged by the kernel only as it fills.
constexpr int kReceiveBuffer = 2 * 1024 * 1024;

/// The kernel hands over packets of this machine before it filled the checksum in.
Checksum checksum_to_do(msghdr& header) {
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level == SOL_PACKET && item->cmsg_type == PACKET_AUXDATA) {
            tpacket_auxdata auxdata;
            std::memcpy(&auxdata, CMSG_DATA(item), sizeof auxdata);
            return (auxdata.tp_status & TP_STATUS_CSUMNOTREADY) != 0 ? Checksum::trust
                                                                     : Checksum::verify;
        }
    }
    return Checksum::verify;
}

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
    Impl(EventLoop& loop, Ifindex the_index, const std::string& name, CaptureMode the_mode,
         const sock_fprog& filter, std::uint64_t& the_dropped, Sink the_sink,
         std::function<void()> when_unbound);
    ~Impl() { count_drops(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void open_socket(const std::string& name, const sock_fprog& filter);
    void listen(const std::string& name);
    void read_batch();
    void take(std::size_t slot, std::size_t size);
    void offer(std::size_t slot);
    void count_drops();
    [[nodiscard]] bool is_bound() const;

    const Ifindex index;
    const CaptureMode mode;
    std::uint64_t& dropped;
    const Sink sink;
    const std::function<void()> unbound;
    Fd fd;
    std::optional<BridgeMcastRouter> router;

    // What recvmmsg writes to, one slot a message. Not cleared: most of it is never touched.
    std::array<std::array<std::uint8_t, kPacketRoom>, kBatch> packets;
    alignas(cmsghdr)
        std::array<std::array<std::uint8_t, CMSG_SPACE(sizeof(tpacket_auxdata))>, kBatch> controls;
    std::array<sockaddr_ll, kBatch> senders;
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> headers;

    EventLoop::Source source;  // last: it must not outlive what its callback uses
};

PacketCapture::Impl::Impl(EventLoop& loop, Ifindex the_index, const std::string& name,
                          CaptureMode the_mode, const sock_fprog& filter,
                          std::uint64_t& the_dropped, Sink the_sink,
                          std::function<void()> when_unbound)
    : index(the_index),
      mode(the_mode),
      dropped(the_dropped),
      sink(std::move(the_sink)),
      unbound(std::move(when_unbound)) {
    open_socket(name, filter);
    listen(name);
    for (std::size_t i = 0; i < kBatch; ++i) {
        vectors[i] = {packets[i].data(), packets[i].size()};
        headers[i] = {};
        headers[i].msg_hdr.msg_name = &senders[i];
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_control = controls[i].data();
        offer(i);
    }
    source = loop.on_readable(fd.get(), [this] { read_batch(); });
}

// Protocol 0 receives nothing, so that no packet comes in before the filter and the interface
// are set.
void PacketCapture::Impl::open_socket(const std::string& name, const sock_fprog& filter) {
    const auto check = [&name](int result, const char* what) {
        if (result < 0) {
            throw std::system_error(errno, std::generic_category(), name + ": " + what);
        }
    };
    fd = Fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    check(fd.get(), "cannot open a packet socket, which needs CAP_NET_RAW");
    check(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
          "cannot attach the packet filter");
    const int on = 1;
    check(setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on),
          "cannot ask for the checksum's state");
    // Without CAP_NET_ADMIN, as much as net.core.rmem_max allows must do.
    if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) <
        0) {
        check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer),
              "cannot set the receive buffer");
    }
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
        try {
            router.emplace(index);
        } catch (const std::system_error& error) {
            throw std::system_error(error.code(),
                                    name +
                                        ": cannot make the bridge a multicast router, which "
                                        "needs CAP_NET_ADMIN");
        }
        return;
    }
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index);
    request.mr_type = mode == CaptureMode::promisc ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
    if (setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) < 0) {
        throw std::system_error(errno, std::generic_category(),
                                name + ": cannot receive all multicast");
    }
}

// One recvmmsg a turn. More, if there is, makes the descriptor readable again. An error is read off
// by the same call: ENETDOWN once for a link that went down, after which the socket receives again
// when it is up; or for one that was deleted, after which it never does, even if another
// interface gets the same index.
void PacketCapture::Impl::read_batch() {
    const int received = recvmmsg(fd.get(), headers.data(), kBatch, 0, nullptr);
    for (std::size_t i = 0; static_cast<int>(i) < received; ++i) {
        take(i, headers[i].msg_len);
        offer(i);
    }
    if (received < 0 && errno != EAGAIN && errno != EINTR && !is_bound()) {
        if (unbound) {
            unbound();
        }
        return;
    }
    // The kernel drops when the queue is full, and then this batch is full, too.
    if (received == static_cast<int>(kBatch)) {
        count_drops();
    }
}

/// The kernel has put there how much it wrote; the next message may have all the room again.
void PacketCapture::Impl::offer(std::size_t slot) {
    headers[slot].msg_hdr.msg_namelen = sizeof senders[slot];
    headers[slot].msg_hdr.msg_controllen = controls[slot].size();
}

void PacketCapture::Impl::take(std::size_t slot, std::size_t size) {
    // A VLAN or macvlan on top of this interface: the kernel hands its packets to us as well,
    // because they came in through it (kernel: orig_dev), but its hosts are not on this link.
    if (senders[slot].sll_ifindex != static_cast<int>(index)) {
        return;
    }
    if (is_of_another_vlan(senders[slot], packets[slot].data(), mode)) {
        return;
    }
    sink({packets[slot].data(), size, source_of(senders[slot]),
          checksum_to_do(headers[slot].msg_hdr)});
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

PacketCapture::PacketCapture(EventLoop& loop, Ifindex index, const std::string& name,
                             CaptureMode mode, const sock_fprog& filter, std::uint64_t& dropped,
                             Sink sink, std::function<void()> unbound)
    : impl_(std::make_unique<Impl>(loop, index, name, mode, filter, dropped, std::move(sink),
                                   std::move(unbound))) {}
PacketCapture::PacketCapture(PacketCapture&&) noexcept = default;
PacketCapture& PacketCapture::operator=(PacketCapture&&) noexcept = default;
PacketCapture::~PacketCapture() = default;

CaptureMode PacketCapture::mode() const {
    return impl_->mode;
}

}  // namespace solicitd::io
