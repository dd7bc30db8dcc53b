#include "core/refusal_log.hpp"

#include <algorithm>
#include <utility>

namespace solicitd {

void RefusalLog::add(std::uint64_t Refusals::*reason, const Subject& subject, TimePoint now) {
    ++(counts_.*reason);
    if (!next_) {
        next_.emplace(NoticeKind::refused, subject.interface);
        due_ = now + kGather;
        if (last_) {
            due_ = std::max(due_, *last_ + kTold);
        }
    }
    next_->interface = subject.interface;
    next_->host = subject.host;
    next_->mac = subject.mac;
    next_->prefix = subject.prefix;
}

std::optional<TimePoint> RefusalLog::next_deadline() const {
    return next_ ? std::optional(due_) : std::nullopt;
}

void RefusalLog::tick(TimePoint now, Actions& actions) {
    if (!next_ || due_ > now) {
        return;
    }
    next_->refusals = counts_ - std::exchange(told_, counts_);
    actions.emplace_back(std::move(*next_));
    next_.reset();
    last_ = now;
}

}  // namespace solicitd
