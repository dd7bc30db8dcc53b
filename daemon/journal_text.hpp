#pragma once

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

}  // namespace solicitd
