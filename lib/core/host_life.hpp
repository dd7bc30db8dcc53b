#pragma once

#include "core/host.hpp"
#include "core/time.hpp"

namespace solicitd {

/// The life of a host.
///
///     tentative --evidence--> confirmed --silent for host_timeout--> probing
///     tentative --unconfirmed for 60 s--> probing
///     probing --evidence--> confirmed          probing --3 probes failed--> absent
///     absent --evidence--> confirmed           absent --a probe fails after `linger`--> gone
///     probing --the first probe of a mere claim fails--> gone
///
/// Anybody can claim any address by DAD; one that was never more than claimed costs one probe, and
/// no linger. Two invariants: nobody is gone who was not asked just before, however much time has
/// passed meanwhile (a suspended router, an interface that was down); and what cannot be asked
/// stays. The kernel's STALE and the removal of its entry prove nothing either way. A host that the
/// administrator made PERMANENT, and the router's own addresses, are never asked.
class HostLife {
public:
    static constexpr Duration kConfirmWithin = std::chrono::seconds(60);
    static constexpr int kProbes = 3;
    /// By default the kernel gives up 8 s after a probe that finds a STALE entry (5 s in DELAY,
    /// then 3 tries). Past this there is no word: the entry is REACHABLE, or the word was lost.
    static constexpr Duration kProbeAnswer = std::chrono::seconds(10);
    static constexpr Duration kProbePause = std::chrono::seconds(1);

    /// What to do, or to tell, about a host.
    enum class Step : std::uint8_t {
        none,
        confirmed,  ///< it changed to confirmed: worth a word
        probe,      ///< ask it now
        silent,     ///< it became absent
        gone,       ///< forget it
    };

    HostLife(Duration host_timeout, Duration linger, std::uint64_t seed)
        : host_timeout_(host_timeout), linger_(linger), seed_(seed) {}

    /// Evidence for a known host. Only a change of state can move its time forward, so a caller
    /// need not re-queue one whose state is as before.
    Step seen(Host& host, Evidence evidence, TimePoint now) const;

    /// The kernel's neighbor entry. `live`: a notification, not a dump, in which a state may be
    /// hours old.
    Step neighbor(Host& host, NeighborState state, bool live, TimePoint now) const;

    /// When the host wants to be looked at next; TimePoint::max() for never.
    [[nodiscard]] TimePoint due(const Host& host) const;
    /// To be called at due() or later. `none`: ask due() again.
    Step look(Host& host, TimePoint now) const;

    /// The probe could not be sent: it counts for nothing, and is tried again.
    void probe_refused(Host& host, TimePoint now) const;
    /// The answer to a probe may have been slept through: it counts for nothing, and is due again.
    void ask_again(Host& host, TimePoint now) const;
    /// A host that could not be asked for a while: whatever it was, it starts with a probe.
    void ask_anew(Host& host, TimePoint now) const;

private:
    void enter(Host& host, HostState state, TimePoint now) const;
    Step probe_failed(Host& host, TimePoint now) const;
    /// `whole`, up to an eighth shorter: hosts that came together need not come due together.
    [[nodiscard]] Duration spread(const Host& host, Duration whole) const;

    Duration host_timeout_;
    Duration linger_;
    std::uint64_t seed_;
};

}  // namespace solicitd
