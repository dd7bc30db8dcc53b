#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "core/events.hpp"

namespace solicitd::io {

/// What the kernel says once, when asked, of all interfaces of this network namespace.
struct LinkSurvey {
    std::vector<LinkSeen> links;
    std::vector<AddressSeen> addresses;
    std::vector<OnLinkRoute> routes;
    /// Addresses for which the kernel may answer (`ip neigh show proxy`), where there are any. 0:
    /// those for all interfaces.
    std::map<Ifindex, std::size_t> proxy_entries;
};

/// Anybody may ask. Throws std::runtime_error when the kernel does not answer.
[[nodiscard]] LinkSurvey survey_links();

}  // namespace solicitd::io
