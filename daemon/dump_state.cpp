#include "dump_state.hpp"

#include <string>

#include "io/state_json.hpp"
#include "state_table.hpp"

namespace solicitd {

int dump_state(const std::filesystem::path& runtime_dir, bool json, std::ostream& out,
               std::ostream& err, std::chrono::milliseconds patience) {
    try {
        const std::string document = ask_for_state(runtime_dir, patience).document;
        out << (json ? document : render_table(io::state_from_json(document))) << std::flush;
        return out ? 0 : 1;
    } catch (const std::system_error& error) {
        err << explain(error) << '\n';
    } catch (const std::runtime_error& error) {
        err << error.what() << '\n';
    }
    return 1;
}

}  // namespace solicitd
