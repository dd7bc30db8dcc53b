#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/mld_message.hpp"
#include "core/time.hpp"

namespace solicitd {

/// Who asks on an upstream, and in which version its snoopers want to be told.
///
///     unknown --a query--> present          unknown --silence--> absent
///     present --silence--> absent           absent --a query--> present
///
/// "Silence" is the Other Querier Present Interval of the last query (RFC 9777 9.5): 255 s unless
/// the querier tells other values. Of several queriers the one with the lowest address counts
/// (7.6.2), and another only once that one has been silent. What says nothing about a querier:
/// queries from ::, as none may ask so; and those for one group, as a switch without a querier asks
/// them too after a Done, while only General Queries keep the other groups alive.
class QuerierWatch {
public:
    /// RFC 9777 9.1, 9.2, 9.3: what holds until a querier tells otherwise.
    static constexpr std::uint8_t kRobustness = 2;
    static constexpr std::chrono::seconds kQueryInterval{125};
    static constexpr std::chrono::milliseconds kQueryResponse{10'000};
    /// With those, silence is 255 s. However long a querier claims to pause, not longer than:
    static constexpr Duration kLongestSilence = std::chrono::hours(1);

    enum class State : std::uint8_t { unknown, present, absent };

    struct Querier {
        Ipv6Address address;
        MldVersion version = MldVersion::v2;
        std::uint8_t robustness = kRobustness;
        std::chrono::seconds interval = kQueryInterval;
        std::chrono::milliseconds response = kQueryResponse;
        TimePoint last_heard{};
    };

    enum class Change : std::uint8_t {
        none,
        found,    ///< the first, before any was missed
        back,     ///< after an absence: the former one, or the first of all
        another,  ///< a lower address, or the next one after silence of the former
        version,  ///< the same querier changed its version
        lost,     ///< by tick() only
    };

    /// The upstream passes packets from now on: a querier has a whole silence to be heard. Nothing
    /// when it did already.
    void begin(TimePoint now);
    /// It does not any more: nothing can be heard, nothing expires. What was known stays for
    /// comparison.
    void pause();

    /// The machine, or this process, slept for so long: nothing could be heard. The kernel's own
    /// timers stood still, or went on without us; what it has learned it still knows.
    void postpone(Duration slept);

    /// Never lost: a query that comes late, before tick() said so, finds its querier present.
    Change heard(const MldQuery& query, TimePoint now);
    /// When silence will be long enough; nullopt when there is nothing to wait for.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    Change tick(TimePoint now);

    [[nodiscard]] State state() const { return state_; }
    /// The last one, also when it is absent; nullopt when none was ever heard.
    [[nodiscard]] const std::optional<Querier>& querier() const { return querier_; }
    /// The version to report in, which is the kernel's: v1 for the Older Version Querier Present
    /// Timeout (RFC 9777 9.12; kernel: mld_process_v1) after a v1 query of whomever since begin(),
    /// v2 otherwise. The sysctl force_mld_version is not looked at.
    [[nodiscard]] MldVersion version(TimePoint now) const;

private:
    [[nodiscard]] Duration silence() const;
    void follow_kernel(const MldQuery& query, TimePoint now);

    State state_ = State::unknown;
    bool listening_ = false;
    TimePoint since_{};  ///< of listening, or of the last query that counts
    std::optional<Querier> querier_;

    /// What the kernel goes by in reckoning that timeout: the last v2 query of whomever, for
    /// whatever group.
    struct KernelTimers {
        std::uint8_t robustness = kRobustness;
        std::chrono::seconds interval = kQueryInterval;
        std::chrono::milliseconds response = kQueryResponse;
    };
    KernelTimers kernel_;
    TimePoint v1_until_ = TimePoint::min();
};

}  // namespace solicitd
