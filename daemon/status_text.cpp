#include "status_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/wording.hpp"

namespace solicitd {
namespace {

/// For the status line, after what is joined.
std::string_view words_of(Problem problem) {
    switch (problem) {
        case Problem::absent:         // all there is to say
        case Problem::joins_failing:  // told with their number
            return "";
        case Problem::down: return ", down";
        case Problem::no_ipv6: return ", without IPv6 (MTU below 1280)";
        case Problem::no_prefix: return ", waiting for an on-link prefix";
        case Problem::no_room: return ", hosts wait for a group (max-groups)";
        case Problem::no_querier: return ", no querier heard";
        case Problem::no_link_local: return ", no link-local address to announce from";
        case Problem::reports_refused: return ", announcements refused";
        case Problem::reports_discarded: return ", reports dropped by a firewall";
    }
    return "";
}

}  // namespace

std::string status_text(const Engine::Summary& summary) {
    std::string text = plural(summary.hosts, "host");
    for (const Engine::Summary::Upstream& upstream : summary.upstreams) {
        text += fmt::format("; {}: ", upstream.name);
        const auto has = [&](Problem problem) {
            return std::find(upstream.problems.begin(), upstream.problems.end(), problem) !=
                   upstream.problems.end();
        };
        if (has(Problem::absent)) {
            text += "waiting for it to exist";
            continue;
        }
        text += fmt::format("{} joined", plural(upstream.held, "group"));
        if (upstream.failed > 0) {
            text += fmt::format(", {} refused by the kernel", upstream.failed);
        }
        if (upstream.querier) {
            text += fmt::format(", querier {} (v{})", upstream.querier->to_string(),
                                static_cast<int>(upstream.querier_version));
        }
        for (const Problem problem : upstream.problems) {
            text += words_of(problem);
        }
        if (upstream.announcing > std::chrono::seconds(0)) {
            text += fmt::format(", announcing every {} s", upstream.announcing.count());
        }
    }
    for (const std::string& name : summary.absent_downstreams) {
        text += fmt::format("; waiting for {}", name);
    }
    return text;
}

}  // namespace solicitd
