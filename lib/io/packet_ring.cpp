#include "io/packet_ring.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace solicitd::io {
namespace {

/// The kernel takes the first half. An NS from an address with a link-layer address and a nonce
/// (RFC 7527) fills the rest.
constexpr std::size_t kFrameSize = 160;
constexpr std::size_t kFramesInBlock = PacketRing::kBlockSize / kFrameSize;
static_assert(PacketRing::kBlockSize % 65536 == 0, "whole pages of any size");

void set(int socket, int option, const void* value, socklen_t size) {
    if (setsockopt(socket, SOL_PACKET, option, value, size) < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot make a ring of packets");
    }
}

}  // namespace

PacketRing::PacketRing(int socket, std::size_t blocks) : blocks_(blocks) {
    const int version = TPACKET_V2;
    const int queue_long_ones = 1;
    tpacket_req layout{};
    layout.tp_block_size = kBlockSize;
    layout.tp_block_nr = static_cast<unsigned>(blocks);
    layout.tp_frame_size = kFrameSize;
    layout.tp_frame_nr = static_cast<unsigned>(blocks * kFramesInBlock);
    set(socket, PACKET_VERSION, &version, sizeof version);
    set(socket, PACKET_COPY_THRESH, &queue_long_ones, sizeof queue_long_ones);
    set(socket, PACKET_RX_RING, &layout, sizeof layout);
    void* const memory =
        mmap(nullptr, blocks * kBlockSize, PROT_READ | PROT_WRITE, MAP_SHARED, socket, 0);
    if (memory == MAP_FAILED) {
        throw std::system_error(errno, std::generic_category(), "cannot map the ring of packets");
    }
    memory_ = static_cast<std::uint8_t*>(memory);
}

PacketRing::~PacketRing() {
    munmap(memory_, blocks_ * kBlockSize);
}

tpacket2_hdr& PacketRing::header() const {
    return *reinterpret_cast<tpacket2_hdr*>(memory_ + next_ / kFramesInBlock * kBlockSize +
                                            next_ % kFramesInBlock * kFrameSize);
}

std::optional<PacketRing::Frame> PacketRing::front() const {
    tpacket2_hdr& head = header();
    const std::uint32_t status = std::atomic_ref(head.tp_status).load(std::memory_order_acquire);
    if ((status & TP_STATUS_USER) == 0) {
        return std::nullopt;
    }
    const auto* const frame = reinterpret_cast<const std::uint8_t*>(&head);
    return Frame{
        frame + head.tp_net, head.tp_snaplen, head.tp_len, status,
        *reinterpret_cast<const sockaddr_ll*>(frame + TPACKET_ALIGN(sizeof(tpacket2_hdr)))};
}

void PacketRing::pop() {
    std::atomic_ref(header().tp_status).store(TP_STATUS_KERNEL, std::memory_order_release);
    next_ = (next_ + 1) % (blocks_ * kFramesInBlock);
}

}  // namespace solicitd::io
