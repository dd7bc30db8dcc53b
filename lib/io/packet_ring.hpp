#pragma once

#include <linux/if_packet.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace solicitd::io {

/// What a packet socket receives, in memory that the kernel shares with us (packet_mmap.rst,
/// TPACKET_V2): to look at a packet takes no system call.
///
/// For a burst while we are busy or asleep: a segment waking up after a power cut, or a flood.
/// Each frame has room for an ND message as hosts send it. Of a longer one it has the start, and
/// the socket's queue has all of it, if there is room.
class PacketRing {
public:
    struct Frame {
        const std::uint8_t* bytes;  ///< from the IP header on
        std::size_t size;           ///< of what the frame has
        std::size_t whole_size;     ///< of the packet
        std::uint32_t status;       ///< TP_STATUS_*; COPY: the whole packet is next in the queue
        const sockaddr_ll& sender;
    };

    static constexpr std::size_t kBlockSize = std::size_t{64} * 1024;  ///< bytes: 409 frames

    /// To be made before the socket is bound. Takes some milliseconds (kernel: synchronize_net),
    /// and so many times kBlockSize of memory. Throws std::system_error.
    PacketRing(int socket, std::size_t blocks);
    ~PacketRing();
    PacketRing(const PacketRing&) = delete;
    PacketRing& operator=(const PacketRing&) = delete;

    /// The next frame, until pop() gives it back; nullopt when nothing has come.
    [[nodiscard]] std::optional<Frame> front() const;
    void pop();

private:
    [[nodiscard]] tpacket2_hdr& header() const;

    std::size_t blocks_;
    std::uint8_t* memory_;
    std::size_t next_ = 0;
};

}  // namespace solicitd::io
