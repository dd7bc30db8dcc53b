#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/actions.hpp"
#include "core/time.hpp"

namespace solicitd {

/// When we send MLD reports of our own on one upstream, and at what pace.
///
/// An announcement reports groups that are held, packet by packet, a batch at a time. Whoever
/// sees a reason asks for one, and says within which time; those that come together become one.
/// While an announcement runs, or cannot be sent, the next waits.
///
///     ask() --due--> running --last packet, and kRest since it began--> free for the next
///     running --refused--> asked for again, all of it, after 1 s, 2 s, 4 s, ... 60 s
class Announcer {
public:
    /// So many packets for each pause, or more where the time asked for is short: 4,000 groups are
    /// 7 batches in MLDv2; in MLDv1, one packet each, they take 5 s.
    static constexpr std::size_t kBatch = 8;
    static constexpr Duration kPause = std::chrono::milliseconds(10);
    /// Who is called late sends more batches at once, up to this many packets.
    static constexpr std::size_t kMostAtOnce = 64;
    /// Between the begins of two announcements, whatever asks for them: a flood of queries gets
    /// one answer a second.
    static constexpr Duration kRest = std::chrono::seconds(1);
    static constexpr Duration kFirstRetry = std::chrono::seconds(1);
    static constexpr Duration kLastRetry = std::chrono::seconds(60);
    /// More single groups than this asked for at once: all are announced.
    static constexpr std::size_t kMostSingleGroups = 64;

    /// From where, and how, reports go at this moment.
    struct Sender {
        Ifindex upstream = 0;
        Ipv6Address source;     ///< link-local
        std::uint32_t mtu = 0;  ///< bytes
        MldVersion version = MldVersion::v2;
    };

    explicit Announcer(std::uint64_t seed) : seed_(seed) {}

    /// By when, counted from now. It begins at a random moment of the first half, so that the last
    /// packet can make it, too.
    struct Window {
        Duration from{};
        Duration until{};
    };

    /// All groups. `reason` is told, and has static storage. `version`: of who asks, when that is
    /// to be answered rather than the sender's own.
    void ask(std::string_view reason, TimePoint now, Window window,
             std::optional<MldVersion> version = std::nullopt);
    /// One group only.
    void ask_for(SolicitedNodeGroup group, std::string_view reason, TimePoint now, Window window,
                 std::optional<MldVersion> version = std::nullopt);
    /// All groups every `interval`, beginning at once; nullopt: no more. Asking for what is so
    /// already changes nothing.
    void repeat(std::optional<Duration> interval, std::string_view reason, TimePoint now);
    [[nodiscard]] bool repeats() const { return interval_.has_value(); }
    /// Nothing that was asked for, or repeats, is wanted any more.
    void cancel();

    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    /// Whether an announcement is to begin, for which start() wants the groups.
    [[nodiscard]] bool start_is_due(TimePoint now);
    struct Started {
        std::size_t groups = 0;
        std::string_view reason;
    };
    /// `held`: all groups that may be announced; what was asked for is chosen from them.
    Started start(std::vector<SolicitedNodeGroup> held, const Sender& sender, TimePoint now);
    /// Appends the packets that are due.
    void send(const Sender& sender, TimePoint now, Actions& actions);

    /// What became of a packet. True when that is news: the first announcement that failed though
    /// it was a second try, or that all went well again.
    bool sent(bool success, TimePoint now);
    [[nodiscard]] bool failing() const { return failing_; }

    /// Since the start.
    [[nodiscard]] std::uint64_t packets() const { return packets_; }

private:
    struct Request {
        TimePoint at;
        TimePoint latest;  ///< when the last packet should be out
        std::string_view reason;
        std::optional<MldVersion> version;
        bool all = false;
        std::vector<SolicitedNodeGroup> groups;  ///< when not all
    };

    Request& request(std::string_view reason, TimePoint now, Window window,
                     std::optional<MldVersion> version);
    [[nodiscard]] bool running() const { return next_group_ < groups_.size(); }
    [[nodiscard]] Duration random_up_to(Duration longest);

    std::uint64_t seed_;
    std::uint64_t draws_ = 0;
    std::optional<Request> request_;
    std::optional<Duration> interval_;
    std::string_view repeat_reason_;
    TimePoint repeat_at_{};
    TimePoint rest_until_ = TimePoint::min();

    std::vector<SolicitedNodeGroup> groups_;  ///< of the announcement that is running
    std::size_t next_group_ = 0;
    std::size_t batch_ = kBatch;  ///< packets
    MldVersion version_ = MldVersion::v2;
    std::optional<MldVersion> asked_version_;
    TimePoint next_batch_{};

    std::size_t unanswered_ = 0;  ///< packets of which we do not know yet what became of them
    bool run_failed_ = false;
    struct Retry {
        TimePoint at;
        std::optional<MldVersion> version;
    };
    std::optional<Retry> retry_;
    bool failing_ = false;
    Duration retry_after_ = kFirstRetry;
    std::uint64_t packets_ = 0;
};

}  // namespace solicitd
