#include "core/querier_watch.hpp"

#include <algorithm>

namespace solicitd {

void QuerierWatch::begin(TimePoint now) {
    if (listening_) {
        return;
    }
    listening_ = true;
    since_ = now;
    // So does the kernel when the carrier is back (ipv6_mc_reset).
    kernel_ = {};
    v1_until_ = TimePoint::min();
}

void QuerierWatch::pause() {
    listening_ = false;
}

void QuerierWatch::postpone(Duration slept) {
    since_ += slept;
    if (v1_until_ != TimePoint::min()) {
        v1_until_ += slept;
    }
}

QuerierWatch::Change QuerierWatch::heard(const MldQuery& query, TimePoint now) {
    if (!listening_ || query.source.is_unspecified()) {
        return Change::none;
    }
    follow_kernel(query, now);
    if (!query.is_general()) {
        return Change::none;
    }
    const bool alive = state_ == State::present && now < since_ + silence();
    if (alive && querier_->address < query.source) {
        return Change::none;
    }

    Change change = Change::none;
    if (!querier_) {
        change = state_ == State::absent ? Change::back : Change::found;
    } else if (querier_->address != query.source) {
        change = Change::another;
    } else if (state_ == State::absent) {
        change = Change::back;
    } else if (querier_->version != query.version) {
        change = Change::version;
    }

    Querier querier;
    querier.address = query.source;
    querier.version = query.version;
    if (query.robustness != 0) {
        querier.robustness = query.robustness;
    }
    if (query.interval.count() != 0) {
        querier.interval = query.interval;
    }
    querier.response = query.max_response;
    querier.last_heard = now;
    querier_ = querier;
    state_ = State::present;
    since_ = now;
    return change;
}

std::optional<TimePoint> QuerierWatch::next_deadline() const {
    if (!listening_ || state_ == State::absent) {
        return std::nullopt;
    }
    return since_ + silence();
}

QuerierWatch::Change QuerierWatch::tick(TimePoint now) {
    const std::optional<TimePoint> deadline = next_deadline();
    if (!deadline || now < *deadline) {
        return Change::none;
    }
    state_ = State::absent;
    return Change::lost;
}

MldVersion QuerierWatch::version(TimePoint now) const {
    return now < v1_until_ ? MldVersion::v1 : MldVersion::v2;
}

Duration QuerierWatch::silence() const {
    const Querier querier = querier_.value_or(Querier{});
    return std::min<Duration>(querier.robustness * querier.interval + querier.response / 2,
                              kLongestSilence);
}

void QuerierWatch::follow_kernel(const MldQuery& query, TimePoint now) {
    if (query.version == MldVersion::v1) {
        v1_until_ = now + kernel_.robustness * kernel_.interval + kernel_.response;
    } else if (version(now) == MldVersion::v2) {
        // mld_update_qrv: 0 leaves what was known, 1 is taken for the default of 2.
        if (query.robustness != 0) {
            kernel_.robustness = std::max(query.robustness, kRobustness);
        }
        kernel_.interval = query.interval;
        kernel_.response = query.max_response;
    }
}

}  // namespace solicitd
