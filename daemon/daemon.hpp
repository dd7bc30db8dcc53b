#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/actions.hpp"
#include "core/engine.hpp"
#include "host_keeper.hpp"
#include "io/event_loop.hpp"
#include "io/instance_lock.hpp"
#include "io/journal.hpp"
#include "io/link_capture.hpp"
#include "io/mld_reporter.hpp"
#include "io/multicast_pool.hpp"
#include "io/neighbor_prober.hpp"
#include "io/netlink_monitor.hpp"
#include "io/packet_capture.hpp"
#include "io/service_manager.hpp"
#include "options.hpp"
#include "settings.hpp"

namespace solicitd {

/// The composition root: builds the engine and its adapters, hands each fact to the engine and
/// executes what it answers. Decides nothing about hosts or groups.
class Daemon {
public:
    /// Takes the runtime directory and the netlink socket; joins nothing yet. Throws
    /// std::runtime_error with the remedy. The signals that it handles are blocked by the caller.
    Daemon(const Options& options, const Settings& settings, io::Journal& journal);

    /// Until SIGTERM or SIGINT; returns the exit code. Every group is left when this object dies.
    int run();

private:
    void dispatch(const Event& event);
    void tick();
    void execute();
    void perform(const JoinGroup& action);
    void perform(const LeaveGroup& action);
    void perform(const ForgetMemberships& action);
    void perform(const StartCapture& action);
    void perform(const StopCapture& action);
    void perform(const ProbeHost& action);
    void perform(const SendReport& action);
    void perform(const AuditGroups& action);
    void perform(const Resync& action);
    void perform(const Notice& notice);
    /// Answers an action: the engine takes it at once, what follows is executed in turn.
    void answer(const Event& event);

    void capture_again(const StartCapture& action, Duration after);
    void update_status();
    void feed_watchdog();
    void reload();
    void stop();
    void take_over();
    void release_inherited();
    void write_state();
    [[nodiscard]] StateSnapshot snapshot() const;
    void say(spdlog::level::level_enum level, std::string text);

    const Options& options_;
    Settings settings_;
    io::Journal& journal_;
    io::InstanceLock lock_;
    TimePoint started_;

    io::EventLoop loop_;
    io::ServiceManager service_;
    Engine engine_;
    HostKeeper keeper_;
    /// Of an earlier process: held until our own sockets hold the same, so that no group is left.
    std::vector<io::ServiceManager::StoredFd> inherited_;
    io::MulticastPool memberships_;
    io::NeighborProber prober_;
    io::MldReporter reporter_;
    io::CaptureCounters downstream_counters_;
    io::CaptureCounters upstream_counters_;
    std::map<Ifindex, io::PacketCapture> captures_;
    std::vector<StartCapture> refused_captures_;  ///< to be tried again
    TimePoint captures_due_ = TimePoint::max();   ///< when that is
    std::set<Ifindex> refusals_told_;
    std::set<std::string> hidden_told_;  ///< bridges that may hide Neighbor Discovery from us
    Actions actions_;
    bool executing_ = false;
    bool ready_told_ = false;
    bool audit_refusal_told_ = false;

    io::NetlinkMonitor monitor_;
    std::optional<TimePoint> armed_;
    io::EventLoop::Timer engine_timer_;
    io::EventLoop::Timer status_timer_;
    io::EventLoop::Timer capture_timer_;
    io::EventLoop::Timer watchdog_timer_;
    std::vector<io::EventLoop::Source> signals_;
};

}  // namespace solicitd
