#include "core/announcer.hpp"

#include <algorithm>
#include <utility>

#include "core/hash.hpp"

namespace solicitd {
namespace {

/// As long as a repeat waits for what is asked for already.
constexpr Duration kSoon = std::chrono::seconds(4);
constexpr std::string_view kRetryReason = "the last one could not be sent";

std::size_t per_packet(MldVersion version, std::uint32_t mtu) {
    return version == MldVersion::v1 ? 1 : groups_per_report(mtu);
}

}  // namespace

void Announcer::ask(std::string_view reason, TimePoint now, Window window,
                    std::optional<MldVersion> version) {
    Request& wanted = request(reason, now, window, version);
    wanted.all = true;
    wanted.groups.clear();
}

void Announcer::ask_for(SolicitedNodeGroup group, std::string_view reason, TimePoint now,
                        Window window, std::optional<MldVersion> version) {
    Request& wanted = request(reason, now, window, version);
    if (wanted.all ||
        std::find(wanted.groups.begin(), wanted.groups.end(), group) != wanted.groups.end()) {
        return;
    }
    wanted.groups.push_back(group);
    if (wanted.groups.size() > kMostSingleGroups) {
        wanted.all = true;
        wanted.groups.clear();
    }
}

/// The one that is waiting, moved forward if need be, or a new one.
Announcer::Request& Announcer::request(std::string_view reason, TimePoint now, Window window,
                                       std::optional<MldVersion> version) {
    const TimePoint at = now + window.from + random_up_to((window.until - window.from) / 2);
    const TimePoint latest = now + window.until;
    if (!request_) {
        request_ = Request{at, latest, reason, version, false, {}};
    } else {
        request_->at = std::min(request_->at, at);
        request_->latest = std::min(request_->latest, latest);
        // Who asks in MLDv1 understands no more.
        if (version == MldVersion::v1) {
            request_->version = version;
        }
    }
    return *request_;
}

void Announcer::repeat(std::optional<Duration> interval, std::string_view reason, TimePoint now) {
    repeat_reason_ = reason;
    if (interval != interval_) {
        interval_ = interval;
        repeat_at_ = now;
    }
}

void Announcer::cancel() {
    request_.reset();
    interval_.reset();
    retry_.reset();
    groups_.clear();
    next_group_ = 0;
    unanswered_ = 0;
    run_failed_ = failing_ = false;
    retry_after_ = kFirstRetry;
}

std::optional<TimePoint> Announcer::next_deadline() const {
    if (running()) {
        return next_batch_;
    }
    const TimePoint first = std::min({request_ ? request_->at : TimePoint::max(),
                                      interval_ ? repeat_at_ : TimePoint::max(),
                                      retry_ ? retry_->at : TimePoint::max()});
    return first == TimePoint::max() ? std::nullopt : std::optional(std::max(first, rest_until_));
}

bool Announcer::start_is_due(TimePoint now) {
    if (running() || rest_until_ > now) {
        return false;
    }
    if (interval_ && repeat_at_ <= now) {
        repeat_at_ = now + *interval_;
        // What is asked for may have a reason not to come at once; or somebody gave us an hour.
        if (request_ && request_->at <= now + kSoon) {
            request_->all = true;
        } else {
            ask(repeat_reason_, now, {});
        }
    }
    if (retry_ && retry_->at <= now) {
        ask(kRetryReason, now, {}, std::exchange(retry_, std::nullopt)->version);
    }
    return request_ && request_->at <= now;
}

Announcer::Started Announcer::start(std::vector<SolicitedNodeGroup> held, const Sender& sender,
                                    TimePoint now) {
    const Request wanted = *std::exchange(request_, std::nullopt);
    if (!wanted.all) {
        std::erase_if(held, [&](SolicitedNodeGroup group) {
            return std::find(wanted.groups.begin(), wanted.groups.end(), group) ==
                   wanted.groups.end();
        });
    }
    groups_ = std::move(held);
    next_group_ = 0;
    asked_version_ = wanted.version;
    version_ = wanted.version.value_or(sender.version);
    next_batch_ = now;
    run_failed_ = false;
    rest_until_ = now + kRest;

    const std::size_t each = per_packet(version_, sender.mtu);
    const std::size_t packets = (groups_.size() + each - 1) / each;
    // What is overdue is no licence to flood.
    const Duration left = std::max<Duration>(wanted.latest - now, kRest);
    batch_ = std::max(kBatch, packets / static_cast<std::size_t>(left / kPause) + 1);
    return {groups_.size(), wanted.reason};
}

void Announcer::send(const Sender& sender, TimePoint now, Actions& actions) {
    const std::size_t each = per_packet(version_, sender.mtu);
    std::size_t packets = 0;
    for (; running() && next_batch_ <= now && packets < kMostAtOnce; next_batch_ += kPause) {
        for (std::size_t left = batch_; left > 0 && running(); --left, ++packets) {
            const auto begin = groups_.begin() + static_cast<std::ptrdiff_t>(next_group_);
            next_group_ += std::min(each, groups_.size() - next_group_);
            const auto end = groups_.begin() + static_cast<std::ptrdiff_t>(next_group_);
            actions.emplace_back(
                SendReport{sender.upstream, sender.source, version_, {begin, end}});
        }
    }
    unanswered_ += packets;
    next_batch_ = std::max(next_batch_, now + kPause);
}

bool Announcer::sent(bool success, TimePoint now) {
    if (unanswered_ == 0) {
        return false;  // of what was cancelled
    }
    --unanswered_;
    if (success) {
        ++packets_;
        if (running() || unanswered_ > 0 || run_failed_) {
            return false;
        }
        retry_after_ = kFirstRetry;
        return std::exchange(failing_, false);
    }
    if (std::exchange(run_failed_, true)) {
        return false;
    }
    // Once may be an interface on its way out or in, of which an event is about to tell.
    const bool again = retry_after_ > kFirstRetry;
    next_group_ = groups_.size();
    retry_ = Retry{now + retry_after_, asked_version_};
    retry_after_ = std::min(retry_after_ * 2, kLastRetry);
    return again && !std::exchange(failing_, true);
}

Duration Announcer::random_up_to(Duration longest) {
    const auto range = static_cast<std::uint64_t>(longest.count());
    return range == 0 ? Duration::zero()
                      : Duration(static_cast<Duration::rep>(mix(seed_ + ++draws_) % range));
}

}  // namespace solicitd
