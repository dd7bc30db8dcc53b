#include "core/host_life.hpp"

#include <algorithm>
#include <utility>

#include "core/hash.hpp"

namespace solicitd {

HostLife::Step HostLife::seen(Host& host, Evidence evidence, TimePoint now) const {
    const bool proves_nothing =
        evidence == Evidence::dad_solicitation || evidence == Evidence::saved;
    host.last_seen = now;
    host.evidence = evidence;
    if (host.state == HostState::confirmed ||
        (proves_nothing && host.state == HostState::tentative)) {
        return Step::none;
    }
    enter(host, proves_nothing ? HostState::tentative : HostState::confirmed, now);
    return proves_nothing ? Step::none : Step::confirmed;
}

HostLife::Step HostLife::neighbor(Host& host, NeighborState state, bool live, TimePoint now) const {
    const NeighborState before = std::exchange(host.neighbor, state);
    switch (state) {
        case NeighborState::reachable:
        case NeighborState::permanent: return seen(host, Evidence::neighbor, now);
        case NeighborState::stale:
            // The kernel was told of the host (an NS came) unless it merely stopped trusting an
            // older confirmation.
            if (live && (before == NeighborState::none || before == NeighborState::incomplete ||
                         before == NeighborState::failed)) {
                return seen(host, Evidence::neighbor, now);
            }
            return Step::none;
        case NeighborState::failed:
            if (!live) {
                return Step::none;  // it may be older than our probe
            }
            if (host.asked) {
                return probe_failed(host, now);
            }
            if (host.state == HostState::confirmed || host.state == HostState::tentative) {
                ask_anew(host, now);
            }
            return Step::none;
        case NeighborState::none:
        case NeighborState::incomplete:
        case NeighborState::delay:
        case NeighborState::probe: return Step::none;
    }
    return Step::none;
}

TimePoint HostLife::due(const Host& host) const {
    if (host.is_own() || host.neighbor == NeighborState::permanent) {
        return TimePoint::max();
    }
    switch (host.state) {
        case HostState::tentative:
            return host.since + spread(host, std::min(kConfirmWithin, host_timeout_));
        case HostState::confirmed: return host.last_seen + spread(host, host_timeout_);
        case HostState::probing:
        case HostState::absent: return host.next_step;
    }
    return TimePoint::max();
}

HostLife::Step HostLife::look(Host& host, TimePoint now) const {
    if (due(host) > now) {
        return Step::none;
    }
    if (host.state == HostState::tentative || host.state == HostState::confirmed) {
        enter(host, HostState::probing, now);
    } else if (host.asked) {
        return probe_failed(host, now);
    }
    host.asked = true;
    host.next_step = now + kProbeAnswer;
    return Step::probe;
}

void HostLife::probe_refused(Host& host, TimePoint now) const {
    if (host.asked) {
        host.asked = false;
        host.next_step = now + kProbeAnswer;
    }
}

void HostLife::ask_again(Host& host, TimePoint now) const {
    host.asked = false;
    host.next_step = now;
}

void HostLife::ask_anew(Host& host, TimePoint now) const {
    enter(host, HostState::probing, now);
    host.next_step = now;
}

void HostLife::enter(Host& host, HostState state, TimePoint now) const {
    host.state = state;
    host.since = now;
    host.asked = false;
    host.failures = 0;
}

HostLife::Step HostLife::probe_failed(Host& host, TimePoint now) const {
    host.asked = false;
    host.next_step = now + kProbePause;
    if (is_claim(host.rank)) {
        return Step::gone;
    }
    if (host.state == HostState::probing) {
        if (++host.failures < kProbes) {
            return Step::none;
        }
        enter(host, HostState::absent, now);
        if (linger_ > Duration::zero()) {
            host.next_step = std::min(now + host_timeout_, now + linger_);
            return Step::silent;
        }
        return Step::gone;
    }
    const TimePoint end = host.since + linger_;
    if (now >= end) {
        return Step::gone;
    }
    host.next_step = std::clamp(end, now + kProbePause, now + std::max(kProbePause, host_timeout_));
    return Step::none;
}

Duration HostLife::spread(const Host& host, Duration whole) const {
    const std::uint64_t fraction = hash_bytes(host.key.address.bytes, seed_) % 1024;
    return whole - whole / 8 * static_cast<Duration::rep>(fraction) / 1024;
}

}  // namespace solicitd
