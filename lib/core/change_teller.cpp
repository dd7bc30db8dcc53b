#include "core/change_teller.hpp"

#include <algorithm>

namespace solicitd {

void ChangeTeller::tell(Notice notice, TimePoint now, Actions& actions) {
    if (minute_end_ <= now) {
        tell_rest(actions);
        minute_end_ = now + kMinute;
        told_ = 0;
    }
    if (told_ < kToldInAMinute) {
        ++told_;
        actions.emplace_back(std::move(notice));
        return;
    }
    const bool joined = notice.kind == NoticeKind::joined || notice.kind == NoticeKind::joined_many;
    (joined ? untold_joins_ : untold_leaves_) += std::max<std::size_t>(notice.count, 1);
}

std::optional<TimePoint> ChangeTeller::next_deadline() const {
    return untold_joins_ + untold_leaves_ > 0 ? std::optional(minute_end_) : std::nullopt;
}

void ChangeTeller::tick(TimePoint now, Actions& actions) {
    if (minute_end_ <= now) {
        tell_rest(actions);
    }
}

void ChangeTeller::tell_rest(Actions& actions) {
    for (const auto& [kind, untold] : {std::pair{NoticeKind::joined_many, &untold_joins_},
                                       std::pair{NoticeKind::left_many, &untold_leaves_}}) {
        if (*untold > 0) {
            Notice rest(kind, interface_);
            rest.count = std::exchange(*untold, 0);
            rest.interval = kMinute;
            actions.emplace_back(std::move(rest));
        }
    }
}

}  // namespace solicitd
