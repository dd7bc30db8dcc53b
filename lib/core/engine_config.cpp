#include <algorithm>
#include <utility>

#include "core/engine.hpp"

/// The part of the engine that takes over a configuration, the first and each new one.
namespace solicitd {

void Engine::on(const Reconfigured& event, Turn turn) {
    std::vector<bool> captured;
    for (const Downstream& downstream : downstreams_) {
        captured.push_back(downstream.link.exists());
    }
    for (Upstream& upstream : upstreams_) {
        const bool kept = std::any_of(
            event.config.upstreams.begin(), event.config.upstreams.end(),
            [&](const UpstreamConfig& wanted) { return wanted.interface == upstream.link.name; });
        if (!kept) {
            // Nobody is wanted there any more: leaves all, and says so.
            upstream.plan.begin_replan();
            upstream.plan.end_replan(turn.now, turn.actions);
            upstream.plan.tell_rest(turn.actions);
            upstream.plan.detach(turn.actions);
            if (upstream.link.exists()) {
                forget_link(upstream, turn);
            }
        }
    }
    const bool recapture = event.config.capture != config_.capture ||
                           event.config.mld_evidence != config_.mld_evidence;
    const std::vector<std::uint32_t> moved = configure(event.config);

    for (std::size_t id = 0; id < downstreams_.size(); ++id) {
        Downstream& downstream = downstreams_[id];
        const bool was_captured = id < captured.size() && captured[id];
        const bool stop = was_captured && (downstream.upstreams == 0 || recapture);
        if (stop) {
            turn.actions.emplace_back(StopCapture{downstream.link.index});
        }
        if (downstream.upstreams == 0) {
            downstream = Downstream(downstream.link.name, seed_);
        } else if (stop) {
            start_capture(downstream, turn);
        }
    }
    counters_.hosts_gone += hosts_.erase_if(
        [&](const Host& host) { return downstreams_[host.key.downstream].upstreams == 0; });
    hosts_.for_each([&](Host& host) {
        std::uint32_t served = 0;
        for (std::size_t i = 0; i < moved.size(); ++i) {
            served |= (host.upstreams & (1U << i)) != 0 ? moved[i] : 0;
        }
        host.upstreams = served;
        host.waiting = 0;
        hosts_.schedule(host, std::max(life_.due(host), turn.now));
    });
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
        replan(i, turn);
        repeat_announcements(upstreams_[i], turn.now);
    }
    // New names may be those of interfaces that exist; old ones may have new prefixes to learn.
    links_known_ = false;
    turn.actions.emplace_back(Resync{});
}

/// Takes over the configuration; interfaces that it names again keep what is known of them. Ends
/// with the new bit of each former upstream, 0 for none.
std::vector<std::uint32_t> Engine::configure(const Config& config) {
    config_ = config;
    hosts_.set_limit(config.max_hosts);
    life_ = HostLife(config.host_timeout, config.linger, seed_);

    for (Downstream& downstream : downstreams_) {
        downstream.upstreams = 0;
    }
    std::vector<Upstream> former = std::exchange(upstreams_, {});
    std::vector<std::uint32_t> moved(former.size(), 0);
    for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
        const UpstreamConfig& wanted = config.upstreams[i];
        const auto known = std::find_if(
            former.begin(), former.end(),
            [&](const Upstream& upstream) { return upstream.link.name == wanted.interface; });
        if (known == former.end()) {
            upstreams_.emplace_back(wanted, seed_);
        } else {
            moved[static_cast<std::size_t>(known - former.begin())] = 1U << i;
            known->prefixes.configure(wanted.prefixes);
            upstreams_.push_back(std::move(*known));
        }
        upstreams_.back().plan.set_limit(config.max_groups);
        for (const std::string& name : wanted.downstreams) {
            const DownstreamId id = downstream_named(name);
            downstreams_[id].upstreams |= 1U << i;
            hosts_.set_mac_limit(id, max_hosts_per_mac(config, name));
        }
    }
    return moved;
}

DownstreamId Engine::downstream_named(const std::string& name) {
    const auto known = std::find_if(downstreams_.begin(), downstreams_.end(),
                                    [&](const Downstream& each) { return each.link.name == name; });
    if (known == downstreams_.end()) {
        downstreams_.emplace_back(name, seed_);
        return static_cast<DownstreamId>(downstreams_.size() - 1);
    }
    return static_cast<DownstreamId>(known - downstreams_.begin());
}

}  // namespace solicitd
