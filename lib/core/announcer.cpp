#include "core/announcer.hpp"

#include <algorithm>
#include <utility>

#include "core/hash.hpp"

namespace solicitd {
namespace {

constexpr std::string_view kRetryReason = "the last one could not be sent";

std::size_t per_packet(MldVersion version, std::uint32_t mtu) {
    return version == MldVersion::v1 ? 1 : groups_per_report(mtu);
}

}  // namespace

void Announcer::ask(std::string_view reason, TimePoint now, Duration within,
                    std::optional<MldVersion> version) {
    Request& wanted = request(reason, now, within, version);
    wanted.all = true;
    wanted.groups.clear();
}

void Announcer::ask_for(SolicitedNodeGroup group, std::string_view reason, TimePoint now,
                        Duration within, std::optional<MldVersion> version) {
    Request& wanted = request(reason, now, within, version);
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
Announcer::Request& Announcer::request(std::string_view reason, TimePoint now, Duration within,
                                       std::optional<MldVersion> version) {
    const TimePoint at = now + random_up_to(within / 2);
    if (!request_) {
        request_ = Request{at, now + within, reason, version, false, {}};
    } else {
        request_->at = std::min(request_->at, at);
        request_->latest = std::min(request_->latest, now + within);
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
    if (!request_ && !interval_) {
        return std::nullopt;
    }
    const TimePoint asked = request_ ? request_->at : TimePoint::max();
    return std::max(std::min(asked, interval_ ? repeat_at_ : TimePoint::max()), rest_until_);
}

bool Announcer::start_is_due(TimePoint now) {
    if (running() || rest_until_ > now) {
        return false;
    }
    if (interval_ && repeat_at_ <= now) {
        repeat_at_ = now + *interval_;
        ask(repeat_reason_, now, Duration::zero());
        request_->latest = now + kRest;
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
    version_ = wanted.version.value_or(sender.version);
    next_batch_ = now;
    run_failed_ = false;
    rest_until_ = now + kRest;

    const std::size_t each = per_packet(version_, sender.mtu);
    const std::size_t packets = (groups_.size() + each - 1) / each;
    const auto batches = std::max<Duration::rep>((wanted.latest - now) / kPause, 1);
    batch_ = std::max(kBatch, packets / static_cast<std::size_t>(batches) + 1);
    return {groups_.size(), wanted.reason};
}

void Announcer::send(const Sender& sender, TimePoint now, Actions& actions) {
    if (!running() || next_batch_ > now) {
        return;
    }
    const std::size_t each = per_packet(version_, sender.mtu);
    for (std::size_t packet = 0; packet < batch_ && running(); ++packet) {
        const auto begin = groups_.begin() + static_cast<std::ptrdiff_t>(next_group_);
        next_group_ += std::min(each, groups_.size() - next_group_);
        const auto end = groups_.begin() + static_cast<std::ptrdiff_t>(next_group_);
        ++unanswered_;
        actions.emplace_back(SendReport{sender.upstream, sender.source, version_, {begin, end}});
    }
    next_batch_ = now + kPause;
}

bool Announcer::sent(bool success, TimePoint now) {
    unanswered_ -= unanswered_ > 0 ? 1 : 0;
    if (success) {
        ++packets_;
        if (running() || unanswered_ > 0 || run_failed_) {
            return false;
        }
        retry_after_ = kFirstRetry;
        return std::exchange(failing_, false);
    }
    if (!std::exchange(run_failed_, true)) {
        next_group_ = groups_.size();
        ask(kRetryReason, now, Duration::zero());
        request_->at = now + retry_after_;
        request_->latest = request_->at + kRest;
        retry_after_ = std::min(retry_after_ * 2, kLastRetry);
    }
    return !std::exchange(failing_, true);
}

Duration Announcer::random_up_to(Duration longest) {
    const auto range = static_cast<std::uint64_t>(longest.count());
    return range == 0 ? Duration::zero()
                      : Duration(static_cast<Duration::rep>(mix(seed_ + ++draws_) % range));
}

}  // namespace solicitd
