#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fakes/nd_packets.hpp"
#include "io/fd.hpp"

namespace solicitd::test {

/// Makes the kernel receive frames, many more than packet sockets can send: an XDP program
/// runs on pages of the kernel's own, writes a frame into each, and the kernel passes them on as a
/// driver does what came from the wire (kernel: Documentation/bpf/bpf_prog_run.rst, "live packet
/// mode"; Linux >= 5.18).
///
/// The program takes one of the prepared frames, at random. Two words of it may be salted: set to
/// a random one and to its complement, which leaves every Internet checksum as it was (RFC 1071).
class LiveFrames {
public:
    static constexpr std::size_t kUnsalted = 0;

    /// `frames`: a power of two of them, of at most 2048 bytes each. They come in through the
    /// interface, which is one of the caller's namespace. `salted_at`: where the two words begin;
    /// they are to be each other's complement. Throws std::system_error: EPERM for whoever is not
    /// root outside of all user namespaces, EINVAL before Linux 5.18.
    LiveFrames(int ifindex, const std::vector<Packet>& frames, std::size_t salted_at);

    /// Returns when they are through the stack: it ran here, on the caller's time. Tells how many:
    /// all, or none when a signal cut it short. May be called from several threads at once.
    [[nodiscard]] std::uint32_t receive(std::uint32_t count) const { return run(ifindex_, count); }

private:
    void hold_dispatcher();
    [[nodiscard]] std::uint32_t run(int ifindex, std::uint32_t count) const;

    int ifindex_;
    std::vector<std::uint8_t> page_;  ///< as long as the longest frame; overwritten by the program
    io::Fd frames_;
    io::Fd program_;
    io::Fd elsewhere_;  ///< a namespace
    io::Fd link_;
};

}  // namespace solicitd::test
