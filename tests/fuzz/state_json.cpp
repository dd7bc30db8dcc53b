#include "io/state_json.hpp"

#include <algorithm>
#include <string>

#include "fuzz/fuzz.hpp"
#include "state_table.hpp"

// Input: a state document, as --dump-state reads it.

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    using fuzz::require;
    StateSnapshot state;
    try {
        state = io::state_from_json(fuzz::as_text(data, size));
    } catch (const io::StateFormatError& error) {
        require(fuzz::is_one_line(error.what()), "a refusal is one line");
        return 0;
    }
    const std::string document = io::to_json(state);
    require(io::to_json(io::state_from_json(document)) == document,
            "a state is read as it was written");
    std::string table = render_table(state);
    table.erase(std::remove(table.begin(), table.end(), '\n'), table.end());
    require(fuzz::is_one_line(table), "the table has no control characters");
    return 0;
}
