#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/mld_packets.hpp"
#include "fakes/nd_packets.hpp"
#include "fakes/packet_socket.hpp"
#include "netns/live_frames.hpp"

/// Somebody on the link who means harm: frames of one kind, RATE a second (0: as many as it can),
/// for SECONDS or until SIGTERM. Tells how many there were.
///
///     flooder [--into] INTERFACE KIND RATE SECONDS [MAC|random [ADDRESS]]
///
/// --into: the frames come in through the interface, as LiveFrames, of which there can be many
/// more; exit status 3: this kernel, or this user, makes none. Without it they go out. MAC: of all
/// frames; by default, each has a random one. ADDRESS: the host that `na` and `ns` speak for. Else,
/// and in all other kinds, random ones.
namespace {

using namespace solicitd;
using test::Packet;
using Clock = std::chrono::steady_clock;

/// Four times as many as the daemon has room for hosts: sent again and again, each is new to it.
constexpr std::size_t kFrames = 16384;
constexpr std::size_t kLongFrames = 2048;

std::atomic<bool> told_to_end = false;

class Forger {
public:
    /// Where LiveFrames may salt the target of `dad`: before what its group is made of.
    static constexpr std::size_t kSalt = 8;

    Forger(std::string mac, std::string host) : mac_(std::move(mac)), host_(std::move(host)) {}

    [[nodiscard]] std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
    [[nodiscard]] MacAddress mac() {
        return mac_.empty() || mac_ == "random"
                   ? MacAddress{{2, byte(), byte(), byte(), byte(), byte()}}
                   : *MacAddress::parse(mac_);
    }
    [[nodiscard]] Ipv6Address address(const char* prefix = "2001:db8:1::") {
        Ipv6Address address = test::address(prefix);
        for (std::size_t i = 8; i < address.bytes.size(); ++i) {
            address.bytes[i] = byte();
        }
        return address;
    }
    [[nodiscard]] Ipv6Address host() { return host_.empty() ? address() : test::address(host_); }
    [[nodiscard]] Packet bytes(std::size_t size) {
        Packet bytes(size);
        for (std::uint8_t& each : bytes) {
            each = byte();
        }
        return bytes;
    }

    [[nodiscard]] Packet dad(const Packet& options = {}) {
        Ipv6Address target = address();
        for (std::size_t i = kSalt; i < kSalt + 2; ++i) {
            target.bytes[i + 2] = static_cast<std::uint8_t>(~target.bytes[i]);
        }
        return test::dad_solicitation(target, options);
    }
    [[nodiscard]] Packet advertisement(const MacAddress& mac) {
        const Ipv6Address speaker = host();
        return test::neighbor_advertisement(
            speaker, test::address("ff02::1"), speaker, test::kOverrideFlag,
            test::link_layer_option(test::kTargetLinkLayerOption, mac));
    }
    /// For the router itself, which gets an entry of each in its neighbor table.
    [[nodiscard]] Packet solicitation(const MacAddress& mac) {
        const Ipv6Address router = test::address("2001:db8:1::3");
        return test::neighbor_solicitation(
            host(), SolicitedNodeGroup::of(router).address(), router,
            test::link_layer_option(test::kSourceLinkLayerOption, mac));
    }
    /// Right but for one thing: a byte of it, its end, or all that comes after the header.
    [[nodiscard]] Packet malformed(const MacAddress& mac) {
        Packet packet = advertisement(mac);
        switch (byte() % 4) {
            case 0: packet[test::kIcmpAt + byte() % (packet.size() - test::kIcmpAt)] ^= 1; break;
            case 1: packet.resize(test::kIcmpAt + byte() % (packet.size() - test::kIcmpAt)); break;
            case 2:  // an option of no size
                packet[test::kOptionsAt + 1] = 0;
                test::fix_checksum(packet);
                break;
            default: {
                const Packet noise = bytes(packet.size() - test::kIcmpAt - 4);
                std::copy(noise.begin(), noise.end(), packet.begin() + test::kIcmpAt + 4);
                test::fix_checksum(packet);
            }
        }
        return packet;
    }
    /// As many options as fit: `size` is what the link takes.
    [[nodiscard]] Packet options(std::size_t size) {
        Packet chain;
        while (chain.size() + 8 + test::kOptionsAt <= size) {
            test::append(chain, Packet{test::kNonceOption, 1});
            test::append(chain, bytes(6));
        }
        return dad(chain);
    }
    /// The first of two fragments, the second, or a whole one in a fragment.
    [[nodiscard]] Packet fragment() {
        Packet packet = test::fragmented(dad());
        packet[test::kIcmpAt + 3] = static_cast<std::uint8_t>(byte() % 3 * 4 + 1);
        return packet;
    }
    [[nodiscard]] Packet query() {
        const Ipv6Address querier = address("fe80::");
        return byte() % 2 == 0 ? test::query_v2(querier, {}, byte() * 256U)
                               : test::query_v1(querier, {}, byte());
    }
    [[nodiscard]] Packet report() {
        std::vector<Packet> records;
        for (int i = 0; i < 70; ++i) {
            records.push_back(
                test::group_record(test::kToExclude, SolicitedNodeGroup::of(address()).address()));
        }
        return test::report_v2(address("fe80::"), records);
    }

private:
    std::string mac_;
    std::string host_;
    std::minstd_rand random_{1};
};

constexpr std::size_t kTargetAt = ETH_HLEN + test::kOptionsAt - 16;
constexpr std::size_t kSaltOfDad = kTargetAt + Forger::kSalt;

using Make = Packet (*)(Forger&, const MacAddress&);

const std::map<std::string, std::pair<std::size_t, Make>> kKinds = {
    {"dad", {kFrames, [](Forger& f, const MacAddress&) { return f.dad(); }}},
    {"na", {kFrames, [](Forger& f, const MacAddress& mac) { return f.advertisement(mac); }}},
    {"ns", {kFrames, [](Forger& f, const MacAddress& mac) { return f.solicitation(mac); }}},
    {"malformed", {kFrames, [](Forger& f, const MacAddress& mac) { return f.malformed(mac); }}},
    {"options", {kLongFrames, [](Forger& f, const MacAddress&) { return f.options(1500); }}},
    {"jumbo", {kLongFrames, [](Forger& f, const MacAddress&) { return f.options(9000); }}},
    {"fragments", {kFrames, [](Forger& f, const MacAddress&) { return f.fragment(); }}},
    {"queries", {kFrames, [](Forger& f, const MacAddress&) { return f.query(); }}},
    {"reports", {kLongFrames, [](Forger& f, const MacAddress&) { return f.report(); }}},
};

std::vector<Packet> frames(const std::string& kind, Forger forger) {
    const auto [count, make] = kKinds.at(kind);
    std::vector<Packet> frames;
    for (std::size_t i = 0; i < count; ++i) {
        const MacAddress mac = forger.mac();
        const Packet packet = make(forger, mac);
        Packet frame = {0x33, 0x33, packet[36], packet[37], packet[38], packet[39]};
        frame.insert(frame.end(), mac.bytes.begin(), mac.bytes.end());
        test::append16(frame, ETH_P_IPV6);
        test::append(frame, packet);
        frames.push_back(std::move(frame));
    }
    return frames;
}

io::Fd raw_socket(const std::string& interface) {
    io::Fd fd(test::checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "open a raw socket"));
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_ifindex = test::index_of(interface);
    test::checked(bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here),
                  "bind to " + interface);
    const int on = 1;
    test::checked(setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on),
                  "bypass the queue");
    return fd;
}

/// Frames that go out through an interface, one after the other.
class RawSender {
public:
    RawSender(const std::string& interface, std::vector<Packet> frames, double rate)
        : fd_(raw_socket(interface)),
          frames_(std::move(frames)),
          headers_(frames_.size()),
          batch_(rate == 0 || rate > 100'000 ? 64 : 4) {
        for (Packet& frame : frames_) {
            vectors_.push_back({frame.data(), frame.size()});
        }
        for (std::size_t i = 0; i < headers_.size(); ++i) {
            headers_[i].msg_hdr.msg_iov = &vectors_[i];
            headers_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    /// A queue that is full (ENOBUFS) takes fewer, or none: what is not sent is not counted.
    std::uint64_t send() {
        const int taken =
            sendmmsg(fd_.get(), &headers_[next_],
                     static_cast<unsigned>(std::min(batch_, headers_.size() - next_)), 0);
        const auto sent = static_cast<std::size_t>(std::max(taken, 0));
        next_ = (next_ + sent) % headers_.size();
        return sent;
    }

private:
    io::Fd fd_;
    std::vector<Packet> frames_;
    std::vector<iovec> vectors_;
    std::vector<mmsghdr> headers_;
    std::size_t batch_;
    std::size_t next_ = 0;
};

/// Calls `send`, which tells how many frames it sent, again and again. Returns how many in all.
template <class Send>
std::uint64_t keep_sending(Send send, double rate, double seconds) {
    const auto span = [](double value) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
    };
    const Clock::time_point begin = Clock::now();
    const Clock::time_point end = begin + span(seconds);
    std::uint64_t sent = 0;
    while (!told_to_end && Clock::now() < end) {
        sent += send();
        if (rate != 0) {
            std::this_thread::sleep_until(begin + span(static_cast<double>(sent) / rate));
        }
    }
    return sent;
}

/// One thread makes 300,000 frames a second and more, as their way through the stack is its work.
std::uint64_t send_live(const test::LiveFrames& frames, double rate, double seconds) {
    const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, 2U);
    const double share = rate / threads;
    const double burst = rate == 0 ? 1024 : std::clamp(share / 500, 1.0, 1024.0);
    std::vector<std::future<std::uint64_t>> sent;
    for (unsigned i = 0; i < threads; ++i) {
        sent.push_back(std::async(std::launch::async, [&] {
            return keep_sending([&] { return frames.receive(static_cast<std::uint32_t>(burst)); },
                                share, seconds);
        }));
    }
    std::uint64_t all = 0;
    for (auto& each : sent) {
        all += each.get();
    }
    return all;
}

/// Says when it begins, and what came of it. `work` returns how many frames it sent.
template <class Work>
void tell(Work work) {
    std::cout << "begins" << std::endl;
    const Clock::time_point begin = Clock::now();
    const std::uint64_t sent = work();
    const std::chrono::duration<double> took = Clock::now() - begin;
    std::cout << sent << " frames in " << std::fixed << std::setprecision(1) << took.count()
              << " s: " << std::setprecision(0) << static_cast<double>(sent) / took.count()
              << "/s\n";
}

}  // namespace

int main(int argc, char** argv) {
    try {
        std::vector<std::string> arguments(argv + 1, argv + argc);
        const bool into = !arguments.empty() && arguments[0] == "--into";
        arguments.erase(arguments.begin(), arguments.begin() + (into ? 1 : 0));
        if (arguments.size() < 4 || arguments.size() > 6 || !kKinds.contains(arguments[1])) {
            std::cerr << "usage: flooder [--into] INTERFACE KIND RATE SECONDS "
                         "[MAC|random [ADDRESS]]\nKIND is one of:";
            for (const auto& [kind, made] : kKinds) {
                std::cerr << ' ' << kind;
            }
            std::cerr << '\n';
            return 2;
        }
        const auto optional = [&](std::size_t at) {
            return arguments.size() > at ? arguments[at] : std::string();
        };
        std::signal(SIGTERM, [](int) { told_to_end = true; });
        const std::string& interface = arguments[0];
        const std::string& kind = arguments[1];
        const double rate = std::stod(arguments[2]);
        const double seconds = std::stod(arguments[3]);
        std::vector<Packet> made = frames(kind, Forger(optional(4), optional(5)));
        if (into) {
            const int index = test::index_of(interface);
            std::optional<test::LiveFrames> live;
            try {
                live.emplace(index, made, kind == "dad" ? kSaltOfDad : test::LiveFrames::kUnsalted);
            } catch (const std::system_error& error) {
                std::cerr << "flooder: no live frames here: " << error.what() << '\n';
                return 3;
            }
            tell([&] { return send_live(*live, rate, seconds); });
        } else {
            RawSender sender(interface, std::move(made), rate);
            tell([&] { return keep_sending([&] { return sender.send(); }, rate, seconds); });
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "flooder: " << error.what() << '\n';
        return 1;
    }
}
