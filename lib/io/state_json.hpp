#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/state_snapshot.hpp"

namespace solicitd::io {

/// The schema's version. A key that goes or changes raises it, a key that comes does not;
/// docs/state-format.md.
inline constexpr int kStateFormatVersion = 1;

/// The document, indented, with a final newline. Keys in the order of the documentation.
[[nodiscard]] std::string to_json(const StateSnapshot& state);

/// The text is no state document, or one of another version; what() says which, in one line.
struct StateFormatError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Throws StateFormatError. Keys that it does not know are passed over.
[[nodiscard]] StateSnapshot state_from_json(std::string_view text);

}  // namespace solicitd::io
