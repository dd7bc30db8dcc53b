#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/notice.hpp"
#include "io/journal.hpp"

namespace solicitd {

/// At which level a notice is told.
[[nodiscard]] spdlog::level::level_enum level_of(NoticeKind kind);

/// A notice in words, with its fields and its MESSAGE_ID (units/solicitd.catalog explains each).
/// docs/troubleshooting.md is keyed by these texts.
[[nodiscard]] io::Record journal_record(const Notice& notice);

/// "1 group", "2 groups".
[[nodiscard]] std::string plural(std::size_t count, std::string_view noun);

}  // namespace solicitd
