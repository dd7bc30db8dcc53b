#include "io/check/findings_json.hpp"

#include <nlohmann/json.hpp>

namespace solicitd::io {
namespace {

using Json = nlohmann::ordered_json;

Json described(const Finding& finding) {
    return {{"id", to_string(finding.id)},
            {"interface", finding.interface.empty() ? Json(nullptr) : Json(finding.interface)},
            {"text", finding.text},
            {"remedy", finding.remedy}};
}

Json described(const SystemFacts::Daemon* daemon) {
    if (daemon == nullptr) {
        return nullptr;
    }
    return {{"pid", daemon->pid},
            {"version", daemon->state ? Json(daemon->state->version) : Json(nullptr)}};
}

}  // namespace

std::string findings_to_json(const std::vector<Finding>& findings,
                             const std::vector<std::string>& remarks,
                             const SystemFacts::Daemon* daemon) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        list.push_back(described(finding));
    }
    const Json document = {{"format_version", kFindingsFormatVersion},
                           {"daemon", described(daemon)},
                           {"findings", list},
                           {"remarks", remarks}};
    // Interface names are bytes, as in the state document.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace solicitd::io
