#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ipv6_address.hpp"
#include "core/mac_address.hpp"

namespace solicitd {

/// The whole state at one moment, for people and programs to read. Values only: it stays true
/// when the engine goes on. docs/state-format.md describes its JSON.
struct StateSnapshot {
    struct Interface {
        std::string name;
        std::uint32_t index = 0;  ///< 0: absent
        std::string state;        ///< "absent", "down" or "usable"
        std::string mac;          ///< "" when it has none
    };
    struct Prefix {
        std::string prefix;
        std::string source;  ///< "config", "address", "route" or "address, route"
    };
    struct Group {
        std::string group;
        std::string state;  ///< "waiting", "joining", "held" or "failed"
        std::size_t hosts = 0;
        int error = 0;            ///< errno of the last join, when failed
        bool leased = false;      ///< kept for a while without a known host
        std::uint64_t asked = 0;  ///< multicast NS from upstream since it was wanted
        std::optional<std::chrono::seconds> last_asked;  ///< since the last of them
        std::chrono::seconds held_for{};                 ///< 0 when not held
    };
    struct Querier {
        std::string state = "unknown";    ///< "unknown" (not heard yet), "present" or "absent"
        std::string address;              ///< "" when none was ever heard; then nor is the rest
        int version = 0;                  ///< of MLD
        int robustness = 0;               ///< QRV
        std::chrono::seconds interval{};  ///< QQI
        std::optional<std::chrono::seconds> last_heard;
    };
    struct Upstream {
        Interface interface;
        std::vector<std::string> downstreams;
        std::vector<Prefix> prefixes;
        std::vector<Group> groups;
        Querier querier;
        int report_version = 2;  ///< of MLD, in which the kernel reports there now
        /// Why it is degraded, each by its name in docs/state-format.md; empty: well.
        std::vector<std::string> problems;
    };
    struct Host {
        std::string address;
        std::string downstream;
        std::string mac;       ///< "" when unknown
        std::string state;     ///< "tentative", "confirmed", "probing", "absent" or "own"
        std::string evidence;  ///< the latest, by its name: one that we do not know is shown too
        std::chrono::seconds known{};   ///< since it was first seen
        std::chrono::seconds silent{};  ///< since the latest evidence
        bool joined = false;  ///< its group is wanted on some upstream, and finds room there
        std::string group;
    };

    std::string version;  ///< of the program
    std::uint32_t pid = 0;
    std::int64_t written_at = 0;  ///< seconds since 1970, for the reader's eye only
    std::chrono::seconds uptime{};
    bool ready = false;
    std::chrono::seconds host_timeout{};
    std::chrono::seconds linger{};
    std::size_t max_hosts = 0;
    std::size_t max_groups = 0;         ///< on each upstream
    std::size_t max_hosts_per_mac = 0;  ///< by default: a downstream may have its own
    std::string announce;               ///< "auto", "always" or "never"
    std::chrono::seconds announce_interval{};
    std::vector<Upstream> upstreams;
    std::vector<Interface> downstreams;
    std::vector<Host> hosts;
    /// What was counted since the start, by a dotted name, as "groups.joins".
    std::map<std::string, std::uint64_t> counters;
};

}  // namespace solicitd
