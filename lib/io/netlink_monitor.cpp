#include "io/netlink_monitor.hpp"

#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/netlink_decode.hpp"
#include "io/route_socket.hpp"

namespace solicitd::io {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRoundInterval = 1s;
constexpr int kMaxAttempts = 4;  // of one dump, before it is given up for this round
// The kernel puts at most 32 KiB of a dump into one datagram, and an event is far smaller.
constexpr std::size_t kDatagram = 64 * 1024;
constexpr int kDatagramsAWakeUp = 64;  // then the loop gets its turn: signals, watchdog, capture

/// The next dump after this one; a round is over after neighbors.
constexpr std::array kRound{DumpKind::links, DumpKind::addresses, DumpKind::routes,
                            DumpKind::neighbors};

constexpr sock_filter load(unsigned size, unsigned offset) {
    return {static_cast<std::uint16_t>(BPF_LD | BPF_ABS | size), 0, 0, offset};
}
constexpr sock_filter jump_if_equal(unsigned value, std::uint8_t yes, std::uint8_t no) {
    return {BPF_JMP | BPF_JEQ | BPF_K, yes, no, value};
}
constexpr sock_filter give(unsigned bytes) {
    return {BPF_RET | BPF_K, 0, 0, bytes};
}
/// BPF reads in network byte order, netlink writes in the machine's.
constexpr unsigned type_in_bpf(unsigned type) {
    const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    return little ? (type & 0xFFU) << 8U | type >> 8U : type;
}

/// IPv4's neighbor events, and what bridges tell of their ports and forwarding tables, come
/// through the same groups. Refused here they neither wake us up nor fill the buffer.
void refuse_other_families(int fd) {
    constexpr unsigned kType = offsetof(nlmsghdr, nlmsg_type);
    constexpr unsigned kFamily = NLMSG_HDRLEN;  // the first byte of ifinfomsg and ndmsg
    std::array program{
        load(BPF_H, kType),
        jump_if_equal(type_in_bpf(RTM_NEWNEIGH), 4, 0),
        jump_if_equal(type_in_bpf(RTM_DELNEIGH), 3, 0),
        jump_if_equal(type_in_bpf(RTM_NEWLINK), 4, 0),
        jump_if_equal(type_in_bpf(RTM_DELLINK), 3, 0),
        jump_if_equal(type_in_bpf(kNewMulticast), 4, 5),  // our own joins, mostly
        load(BPF_B, kFamily),
        jump_if_equal(AF_INET6, 3, 2),
        load(BPF_B, kFamily),
        jump_if_equal(AF_UNSPEC, 1, 0),
        give(0),
        give(0xFFFFFFFF),
    };
    const sock_fprog filter{program.size(), program.data()};
    // Without it only work is lost: decode_netlink refuses the same messages.
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

/// A dump that fails half-way says so in its end (kernel: netlink_dump_done).
int done_error(const nlmsghdr& message) {
    int error = 0;
    if (nlmsg_datalen(&message) >= static_cast<int>(sizeof(error))) {
        std::memcpy(&error, nlmsg_data(&message), sizeof(error));
    }
    return error;
}

void enlarge_buffer(int fd, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
}

NlSocket subscribe(int receive_buffer) {
    NlSocket socket = open_route_socket();
    enlarge_buffer(nl_socket_get_fd(socket.get()), receive_buffer);
    refuse_other_families(nl_socket_get_fd(socket.get()));
    check_netlink("subscribe to links, neighbors, addresses and routes", [&] {
        return nl_socket_add_memberships(socket.get(), RTNLGRP_LINK, RTNLGRP_NEIGH,
                                         RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, 0);
    });
    // Only newer kernels have this group; without it the periodic audit finds what is lost.
    (void)nl_socket_add_membership(socket.get(), kMcaddrGroup);
    return socket;
}

}  // namespace

struct NetlinkMonitor::Impl {
    Impl(EventLoop& loop, Sink to, int receive_buffer)
        : sink(std::move(to)),
          socket(subscribe(receive_buffer)),
          fd(nl_socket_get_fd(socket.get())),
          port(nl_socket_get_local_port(socket.get())),
          buffer(kDatagram / sizeof(nlmsghdr)),
          timer(loop.make_timer(1ms, [this] { begin_round(); })),
          readable(loop.on_readable(fd, [this] { receive(); })) {}

    // The dump that is on its way. The kernel answers inside the request: sending it and each
    // receive fill the queue before they return. So an empty queue without the end of the answer
    // means that the answer is lost.
    struct Dump {
        std::size_t kind = 0;  // of kRound
        std::uint32_t sequence = 0;
        int attempts = 0;
        bool begun = false;         // DumpBegin was given
        bool inconsistent = false;  // what it lacks may exist all the same
    };

    void want_round() {
        round_wanted = true;
        if (!dump) {
            timer.set(round_started ? *round_started + kRoundInterval : TimePoint{});
        }
    }

    void begin_round() {
        if (congested) {
            return;  // on_empty_queue wants it again
        }
        round_wanted = false;
        round_whole = true;
        round_started = EventLoop::now();
        dump = Dump{};
        request();
    }

    /// Asks for the current dump, once more or for the first time; goes on to the next kind when
    /// this one cannot be had.
    void request() {
        while (dump) {
            if (dump->attempts < kMaxAttempts) {
                ++dump->attempts;
                dump->inconsistent = false;
                dump->sequence = ++last_sequence;
                if (send_request()) {
                    return;
                }
                ++counters.errors;
            }
            give_up();
        }
    }

    [[nodiscard]] bool send_request() {
        switch (kRound[dump->kind]) {
            case DumpKind::links: return send_dump_request(RTM_GETLINK, ifinfomsg{});
            case DumpKind::addresses: {
                ifaddrmsg header{};
                header.ifa_family = AF_INET6;
                return send_dump_request(RTM_GETADDR, header);
            }
            case DumpKind::routes: {
                rtmsg header{};
                header.rtm_family = AF_INET6;
                return send_dump_request(RTM_GETROUTE, header);
            }
            case DumpKind::neighbors: {
                ndmsg header{};
                header.ndm_family = AF_INET6;
                return send_dump_request(RTM_GETNEIGH, header);
            }
        }
        return false;
    }

    template <typename Header>
    [[nodiscard]] bool send_dump_request(int type, Header header) {
        const NlMessage message(nlmsg_alloc());
        return message != nullptr &&
               nlmsg_put(message.get(), NL_AUTO_PORT, dump->sequence, type, 0, NLM_F_DUMP) !=
                   nullptr &&
               nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO) >= 0 &&
               nl_send_auto(socket.get(), message.get()) >= 0;
    }

    void give_up() {
        round_whole = false;
        round_wanted = true;
        next_dump();
    }

    /// The next kind, or the end of the round; sends nothing.
    void next_dump() {
        if (dump->kind + 1 < kRound.size()) {
            dump = Dump{.kind = dump->kind + 1};
            return;
        }
        dump.reset();
        if (round_whole) {
            ++counters.dumps;
        }
        if (round_wanted) {
            want_round();
        }
    }

    void receive() {
        for (int i = 0; i < kDatagramsAWakeUp; ++i) {
            sockaddr_nl sender{};
            socklen_t sender_size = sizeof(sender);
            const ssize_t size = recvfrom(fd, buffer.data(), buffer.size() * sizeof(nlmsghdr),
                                          MSG_DONTWAIT | MSG_TRUNC,
                                          reinterpret_cast<sockaddr*>(&sender), &sender_size);
            if (size < 0) {
                if (errno == EAGAIN) {
                    return on_empty_queue();
                }
                if (errno != EINTR) {
                    on_loss(errno);
                }
                continue;
            }
            if (sender.nl_pid == 0) {  // the kernel: a process may write to us as well
                read_datagram(static_cast<std::size_t>(size));
            }
        }
    }

    void on_loss(int error) {
        ++(error == ENOBUFS ? counters.overruns : counters.errors);
        congested = congested || error == ENOBUFS;
        if (dump) {
            dump->inconsistent = true;
        }
        want_round();
    }

    void on_empty_queue() {
        if (congested) {
            congested = false;
            want_round();
            if (ping_sequence) {
                ping();  // its answer may be among what was lost
            }
        }
        if (dump) {
            ++counters.errors;
            request();
        }
    }

    void read_datagram(std::size_t size) {
        const std::size_t capacity = buffer.size() * sizeof(nlmsghdr);
        if (size > capacity) {
            on_loss(EMSGSIZE);
            size = capacity;
        }
        int left = static_cast<int>(size);
        for (nlmsghdr* message = buffer.data(); nlmsg_ok(message, left) != 0;
             message = nlmsg_next(message, &left)) {
            ++counters.messages;
            read_message(*message);
        }
    }

    void ping() {
        const NlMessage message(nlmsg_alloc());
        ping_sequence = ++last_sequence;
        if (message == nullptr ||
            nlmsg_put(message.get(), NL_AUTO_PORT, *ping_sequence, NLMSG_NOOP, 0, NLM_F_ACK) ==
                nullptr ||
            nl_send_auto(socket.get(), message.get()) < 0) {
            ++counters.errors;  // and no answer will come
        }
    }

    void read_message(const nlmsghdr& message) {
        if (message.nlmsg_type == NLMSG_ERROR && message.nlmsg_pid == port &&
            message.nlmsg_seq == ping_sequence) {
            ping_sequence.reset();
            if (when_answered) {
                when_answered();
            }
            return;
        }
        const bool answer =
            dump && message.nlmsg_pid == port && message.nlmsg_seq == dump->sequence;
        if (answer && message.nlmsg_type == NLMSG_ERROR) {
            ++counters.errors;
            give_up();
            return request();
        }
        if (answer) {
            if (!dump->begun) {
                dump->begun = true;
                sink(DumpBegin{kRound[dump->kind]});
            }
            if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
                dump->inconsistent = true;
            }
            if (message.nlmsg_type == NLMSG_DONE) {
                return on_done(message);
            }
        }
        if (const std::optional<Event> event = decode_netlink(message)) {
            sink(*event);
        }
    }

    void on_done(const nlmsghdr& message) {
        if (done_error(message) != 0) {
            ++counters.errors;
            dump->inconsistent = true;
        }
        if (!dump->inconsistent) {
            const DumpKind kind = kRound[dump->kind];
            next_dump();
            sink(DumpEnd{kind});
        }
        request();
    }

    Sink sink;
    NlSocket socket;
    int fd;
    std::uint32_t port;
    std::vector<nlmsghdr> buffer;  // of one datagram, aligned for its headers
    Counters counters;
    std::uint32_t last_sequence = 0;
    std::optional<std::uint32_t> ping_sequence;  // until it is answered
    std::function<void()> when_answered;
    std::optional<Dump> dump;
    // After an overrun the kernel drops events, without telling again, until the queue has been
    // empty once (NETLINK_S_CONGESTED). A round that began before would miss what they told.
    bool congested = false;
    bool round_wanted = false;  // another round, after this one
    bool round_whole = true;
    std::optional<TimePoint> round_started;
    EventLoop::Timer timer;
    EventLoop::Source readable;
};

NetlinkMonitor::NetlinkMonitor(EventLoop& loop, Sink sink, int receive_buffer)
    : impl_(std::make_unique<Impl>(loop, std::move(sink), receive_buffer)) {}
NetlinkMonitor::~NetlinkMonitor() = default;

void NetlinkMonitor::resync() {
    impl_->want_round();
}

void NetlinkMonitor::ping(std::function<void()> when_answered) {
    impl_->when_answered = std::move(when_answered);
    impl_->ping();
}

bool NetlinkMonitor::answered() const {
    return !impl_->ping_sequence;
}

const NetlinkMonitor::Counters& NetlinkMonitor::counters() const {
    return impl_->counters;
}

}  // namespace solicitd::io
