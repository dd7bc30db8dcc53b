#include "daemon.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <exception>
#include <random>
#include <system_error>
#include <utility>
#include <variant>

#include "ask_daemon.hpp"
#include "core/wording.hpp"
#include "io/atomic_file.hpp"
#include "io/kernel_groups.hpp"
#include "io/mld_output.hpp"
#include "io/state_json.hpp"
#include "journal_text.hpp"
#include "status_text.hpp"

namespace solicitd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kEngineAccuracy = 50ms;  // what is due may come together
constexpr Duration kStatusDelay = 250ms;    // a burst of changes is one STATUS
constexpr Duration kCaptureRetry = 10s;

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

std::string described(const Config& config) {
    std::string text;
    for (const UpstreamConfig& upstream : config.upstreams) {
        text += fmt::format("{}{} for {}", text.empty() ? "" : "; ", upstream.interface,
                            fmt::join(upstream.downstreams, ", "));
    }
    return text;
}

template <typename Defect, std::size_t kDefects>
void add_messages(std::map<std::string, std::uint64_t>& counters, std::string_view name,
                  const io::MessageCounters<Defect, kDefects>& counted) {
    counters[fmt::format("{}.messages", name)] = counted.messages;
    for (std::size_t i = 0; i < kDefects; ++i) {
        counters[fmt::format("{}.defect.{}", name, to_string(static_cast<Defect>(i)))] =
            counted.defects[i];
    }
}

}  // namespace

Daemon::Daemon(const Options& options, const Settings& settings, io::Journal& journal)
    : options_(options),
      settings_(settings),
      journal_(journal),
      lock_(settings.runtime_dir),
      started_(io::EventLoop::now()),
      engine_(settings.config, random_seed()),
      keeper_(
          loop_, settings.runtime_dir, settings.state_dir,
          [this] { return engine_.saved_hosts(io::EventLoop::now()); },
          [this](std::string text) { say(spdlog::level::warn, std::move(text)); }),
      memberships_({[this](const std::string& name, int fd) { service_.store_fd(name, fd); },
                    [this](const std::string& name) { service_.forget_fd(name); }}),
      monitor_(loop_, [this](const Event& event) { dispatch(event); }),
      engine_timer_(loop_.make_timer(kEngineAccuracy, [this] { tick(); })),
      status_timer_(loop_.make_timer(kStatusDelay, [this] { update_status(); })),
      capture_timer_(loop_.make_timer(kEngineAccuracy,
                                      [this] {
                                          captures_due_ = TimePoint::max();
                                          for (const StartCapture& action :
                                               std::exchange(refused_captures_, {})) {
                                              perform(action);
                                          }
                                          update_status();
                                      })),
      watchdog_timer_(loop_.make_timer(0s, [this] { feed_watchdog(); })) {
    const auto handle = [&](int signal, void (Daemon::*handler)()) {
        signals_.push_back(loop_.on_signal(signal, [this, handler] { (this->*handler)(); }));
    };
    handle(SIGTERM, &Daemon::stop);
    handle(SIGINT, &Daemon::stop);
    handle(SIGHUP, &Daemon::reload);
    handle(SIGUSR1, &Daemon::write_state);
}

int Daemon::run() {
    say(spdlog::level::info, fmt::format("solicitd {} starts: {} ({})", SOLICITD_VERSION,
                                         described(settings_.config), settings_.source));
    feed_watchdog();
    take_over();
    monitor_.resync();
    const int exit_code = loop_.run();
    keeper_.flush();
    say(spdlog::level::info,
        fmt::format("stops: leaves {}", plural(memberships_.memberships(), "group")));
    return exit_code;
}

/// What an earlier process left: its hosts, and its sockets with the groups they hold.
void Daemon::take_over() {
    for (const SavedHost& host : keeper_.load(settings_.config.max_hosts)) {
        dispatch(host);
    }
    inherited_ = service_.take_stored_fds();
    if (inherited_.empty()) {
        return;
    }
    try {
        for (auto& [index, groups] : io::read_kernel_groups()) {
            dispatch(GroupsInherited{index, groups});
        }
    } catch (const std::system_error& error) {
        say(spdlog::level::warn, error.what());
    }
}

/// Once our own sockets hold all that is wanted: then closing the others sends no Leave.
void Daemon::release_inherited() {
    for (const io::ServiceManager::StoredFd& stored : std::exchange(inherited_, {})) {
        service_.forget_fd(stored.name);
    }
}

void Daemon::dispatch(const Event& event) {
    engine_.handle(event, io::EventLoop::now(), actions_);
    execute();
}

void Daemon::tick() {
    armed_.reset();
    engine_.tick(io::EventLoop::now(), actions_);
    execute();
}

void Daemon::execute() {
    // An action can bring the next fact before it returns; that one's actions join the queue.
    if (std::exchange(executing_, true)) {
        return;
    }
    const bool acted = !actions_.empty();
    for (std::size_t i = 0; i < actions_.size(); ++i) {
        const Action action = std::move(actions_[i]);
        std::visit([this](const auto& each) { perform(each); }, action);
    }
    actions_.clear();
    executing_ = false;

    if (!inherited_.empty() && engine_.holds_all()) {
        release_inherited();
    }
    if (!ready_told_ && engine_.ready()) {
        ready_told_ = true;
        update_status();
        service_.ready();
        say(spdlog::level::info, "ready: " + status_text(engine_.summary()));
        malloc_trim(0);  // what the configuration and the dumps took for a moment
    } else if (acted) {
        status_timer_.set(io::EventLoop::now() + kStatusDelay);
    }
    keeper_.note(engine_.host_changes());
    const std::optional<TimePoint> next = engine_.next_deadline();
    if (next != armed_) {
        armed_ = next;
        engine_timer_.set(next);
    }
}

void Daemon::answer(const Event& event) {
    engine_.handle(event, io::EventLoop::now(), actions_);
}

void Daemon::perform(const JoinGroup& action) {
    answer(MembershipResult{action.upstream, action.group,
                            memberships_.join(action.upstream, action.group)});
}

void Daemon::perform(const LeaveGroup& action) {
    memberships_.leave(action.upstream, action.group);
}

void Daemon::perform(const ForgetMemberships& action) {
    memberships_.forget(action.upstream);
}

void Daemon::perform(const StartCapture& action) {
    captures_.erase(action.index);  // first: it may have something to put back
    try {
        const bool upstream = std::holds_alternative<OnUpstream>(action.side);
        auto capture = io::open_capture(
            loop_, action, upstream ? upstream_counters_ : downstream_counters_,
            [this](const Event& event) { dispatch(event); },
            // Its link event may be lost, with another interface of that index in its place.
            [this, action] { capture_again(action, Duration::zero()); });
        const bool was_refused = refusals_told_.erase(action.index) > 0;
        say(was_refused ? spdlog::level::info : spdlog::level::debug,
            fmt::format("watches {} ({})", action.name, to_string(capture.mode())));
        if (capture.lacks_mcast_router() && hidden_told_.insert(action.name).second) {
            say(spdlog::level::warn,
                fmt::format("may not make the bridge {} a multicast router, for want of "
                            "CAP_NET_ADMIN: before Linux 6.16 it hides Neighbor Discovery of new "
                            "hosts, of whom then only their MLD reports and the neighbor table "
                            "tell; ip link set {} type bridge mcast_router 2 shows it",
                            action.name, action.name));
        }
        captures_.emplace(action.index, std::move(capture));
    } catch (const std::system_error& error) {
        if (error.code().value() == ENODEV || error.code().value() == ENXIO) {
            return;  // it went away; its link event is on its way
        }
        if (refusals_told_.insert(action.index).second) {
            say(spdlog::level::err,
                fmt::format("cannot watch {}: {}; trying again every {} s", action.name,
                            error.what(), kCaptureRetry / std::chrono::seconds(1)));
        }
        capture_again(action, kCaptureRetry);
    }
}

void Daemon::capture_again(const StartCapture& action, Duration after) {
    refused_captures_.push_back(action);
    captures_due_ = std::min(captures_due_, io::EventLoop::now() + after);
    capture_timer_.set(captures_due_);
    status_timer_.set(io::EventLoop::now() + kStatusDelay);
}

void Daemon::perform(const StopCapture& action) {
    captures_.erase(action.index);
    refusals_told_.erase(action.index);
    std::erase_if(refused_captures_,
                  [&](const StartCapture& refused) { return refused.index == action.index; });
}

void Daemon::perform(const ProbeHost& action) {
    int error = prober_.probe(action);
    // A host that is there need have no route: ndppd's autowire takes that of a silent one away,
    // and has it back when somebody asks. What such a host answers, only a capture hears.
    if ((error == ENETUNREACH || error == EHOSTUNREACH) && captures_.count(action.index) > 0) {
        error = prober_.probe_past_routes(action);
    }
    answer(ProbeResult{action.index, action.address, error});
}

void Daemon::perform(const SendReport& action) {
    answer(ReportSent{action.upstream, reporter_.send(action.upstream, action.source,
                                                      action.version, action.groups)});
}

void Daemon::perform(const AuditGroups& action) {
    try {
        answer(GroupsHeld{action.upstream, io::read_kernel_groups()[action.upstream],
                          io::read_mld_output(action.name)});
        audit_refusal_told_ = false;
    } catch (const std::system_error& error) {
        // /proc is not there for us: nothing can be compared, and nothing is lost by that.
        if (!std::exchange(audit_refusal_told_, true)) {
            say(spdlog::level::warn, fmt::format("no audit of the memberships: {}", error.what()));
        }
    }
}

void Daemon::perform(const Resync& /*action*/) {
    monitor_.resync();
}

void Daemon::perform(const Notice& notice) {
    if (journal_.wants(level_of(notice.kind))) {
        journal_.write(journal_record(notice));
    }
}

void Daemon::update_status() {
    std::string text = status_text(engine_.summary());
    for (const StartCapture& refused : refused_captures_) {
        text += fmt::format("; cannot watch {}", refused.name);
    }
    service_.status(text);
}

void Daemon::feed_watchdog() {
    if (const auto interval = service_.watchdog_interval()) {
        // The answer comes through the loop and the netlink socket: both work.
        monitor_.ping([this] { service_.feed_watchdog(); });
        watchdog_timer_.set(io::EventLoop::now() + *interval / 2);
    }
}

void Daemon::reload() {
    service_.reloading();
    std::optional<Settings> settings;
    try {
        settings = load_settings(options_);
    } catch (const std::runtime_error& error) {
        say(spdlog::level::err,
            fmt::format("{}; the configuration of before stays in force", error.what()));
    }
    if (settings) {
        settings_ = std::move(*settings);
        journal_.set_level(settings_.log_level);
        say(spdlog::level::info, fmt::format("configuration read again: {} ({})",
                                             described(settings_.config), settings_.source));
        dispatch(Reconfigured{settings_.config});
    }
    if (ready_told_) {
        service_.ready();
    }
}

void Daemon::stop() {
    service_.stopping();
    loop_.stop(0);
}

void Daemon::write_state() {
    const std::filesystem::path path = settings_.runtime_dir / kStateFile;
    try {
        io::write_atomically(path, io::to_json(snapshot()), io::Durability::process_crash);
        say(spdlog::level::info,
            fmt::format("state written to {}: {}", path.native(), status_text(engine_.summary())));
    } catch (const std::system_error& error) {
        say(spdlog::level::err, fmt::format("cannot write the state: {}", error.what()));
    }
    // A document of a thousand hosts takes 2 MB for a moment; the heap would keep them.
    malloc_trim(0);
}

StateSnapshot Daemon::snapshot() const {
    const TimePoint now = io::EventLoop::now();
    StateSnapshot state = engine_.snapshot(now);
    state.version = SOLICITD_VERSION;
    state.pid = static_cast<std::uint32_t>(getpid());
    state.written_at = std::time(nullptr);
    state.uptime = std::chrono::duration_cast<std::chrono::seconds>(now - started_);

    for (StateSnapshot::Upstream& upstream : state.upstreams) {
        const auto& behind = upstream.downstreams;
        const auto concerns_it = [&](const StartCapture& refused) {
            return upstream.interface.name == refused.name ||
                   std::find(behind.begin(), behind.end(), refused.name) != behind.end();
        };
        if (std::any_of(refused_captures_.begin(), refused_captures_.end(), concerns_it)) {
            upstream.problems.emplace_back("cannot-watch");
        }
    }

    auto& counters = state.counters;
    add_messages(counters, "nd", downstream_counters_.nd);
    add_messages(counters, "mld", downstream_counters_.mld);
    counters["nd.dropped"] = downstream_counters_.dropped;
    add_messages(counters, "upstream.nd", upstream_counters_.nd);
    add_messages(counters, "upstream.mld", upstream_counters_.mld);
    counters["upstream.dropped"] = upstream_counters_.dropped;
    counters["netlink.messages"] = monitor_.counters().messages;
    counters["netlink.overruns"] = monitor_.counters().overruns;
    counters["netlink.dumps"] = monitor_.counters().dumps;
    counters["netlink.errors"] = monitor_.counters().errors;
    counters["memberships.held"] = memberships_.memberships();
    counters["memberships.sockets"] = memberships_.sockets();
    return state;
}

void Daemon::say(spdlog::level::level_enum level, std::string text) {
    io::Record record;
    record.level = level;
    record.text = std::move(text);
    journal_.write(record);
}

}  // namespace solicitd
