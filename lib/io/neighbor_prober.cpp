#include "io/neighbor_prober.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "io/netlink_decode.hpp"
#include "io/route_socket.hpp"

namespace solicitd::io {

struct NeighborProber::Impl {
    /// Sends the request and reads its answer: 0, or an errno; `seen` is set when the answer is a
    /// neighbor.
    int request(int type, int flags, const ndmsg& header, const Ipv6Address& address,
                std::optional<NeighborState>& seen) {
        const NlMessage message(nlmsg_alloc());
        const std::uint32_t sequence = ++last_sequence;
        if (!message ||
            nlmsg_put(message.get(), NL_AUTO_PORT, sequence, type, 0, flags) == nullptr ||
            nlmsg_append(message.get(), const_cast<ndmsg*>(&header), sizeof(header),
                         NLMSG_ALIGNTO) < 0 ||
            nla_put(message.get(), NDA_DST, static_cast<int>(address.bytes.size()),
                    address.bytes.data()) < 0) {
            return ENOMEM;
        }
        errno = 0;
        if (nl_send_auto(socket.get(), message.get()) < 0) {
            return errno != 0 ? errno : EIO;
        }
        return read_answer(sequence, seen);
    }

    /// The kernel has answered before the request's send returned, so this never waits.
    int read_answer(std::uint32_t sequence, std::optional<NeighborState>& seen) const {
        for (;;) {
            alignas(nlmsghdr) std::array<std::byte, 4096> buffer;
            const ssize_t size =
                recv(nl_socket_get_fd(socket.get()), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0 && errno == EINTR) {
                continue;
            }
            if (size < 0) {
                return errno == EAGAIN ? EIO : errno;
            }
            const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
            if (nlmsg_ok(answer, static_cast<int>(size)) == 0 || answer->nlmsg_seq != sequence) {
                continue;
            }
            if (answer->nlmsg_type == NLMSG_ERROR &&
                nlmsg_valid_hdr(answer, sizeof(nlmsgerr)) != 0) {
                return -static_cast<const nlmsgerr*>(nlmsg_data(answer))->error;
            }
            if (const std::optional<Event> event = decode_netlink(*answer)) {
                if (const auto* neighbor = std::get_if<NeighborSeen>(&*event)) {
                    seen = neighbor->state;
                }
            }
            return 0;
        }
    }

    int probe(Ifindex index, const Ipv6Address& address) {
        ndmsg header{};
        header.ndm_family = AF_INET6;
        header.ndm_ifindex = static_cast<int>(index);

        // Setting NUD_PROBE would turn a permanent entry into one that can expire. (Linux before
        // 5.0 has no RTM_GETNEIGH for one entry; there the caller's word has to do.)
        std::optional<NeighborState> state;
        int error = request(RTM_GETNEIGH, 0, header, address, state);
        if (error != 0 && error != ENOENT && error != EOPNOTSUPP) {
            return error;
        }
        if (state == NeighborState::permanent) {
            return EEXIST;
        }

        header.ndm_state = NUD_PROBE;
        error = request(RTM_NEWNEIGH, NLM_F_REPLACE | NLM_F_ACK, header, address, state);
        // ENOENT: no entry. EINVAL: it has no link-layer address (INCOMPLETE, FAILED).
        if (error == ENOENT || error == EINVAL) {
            header.ndm_state = NUD_NONE;
            header.ndm_flags = NTF_USE;
            error = request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, header, address, state);
        }
        return error;
    }

    NlSocket socket = open_route_socket();
    std::uint32_t last_sequence = 0;
};

NeighborProber::NeighborProber() : impl_(std::make_unique<Impl>()) {}
NeighborProber::~NeighborProber() = default;

int NeighborProber::probe(Ifindex index, const Ipv6Address& address) {
    return impl_->probe(index, address);
}

}  // namespace solicitd::io
