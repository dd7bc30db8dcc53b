#include "check.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/diagnosis/diagnosis.hpp"
#include "core/wording.hpp"
#include "io/check/findings_json.hpp"
#include "io/check/system_facts.hpp"
#include "io/state_json.hpp"

namespace solicitd {

namespace {

/// The daemon that runs; without one, `remarks` says why.
std::optional<SystemFacts::Daemon> find_daemon(const std::filesystem::path& runtime_dir,
                                               std::chrono::milliseconds patience,
                                               std::vector<std::string>& remarks) {
    SystemFacts::Daemon daemon;
    try {
        const StateAnswer answer = ask_for_state(runtime_dir, patience);
        daemon.pid = static_cast<std::uint32_t>(answer.pid);
        daemon.state = io::state_from_json(answer.document);
        return daemon;
    } catch (const NoDaemon&) {
        remarks.push_back("no daemon runs on " + runtime_dir.string() +
                          ": looked at the system only");
    } catch (const NoAnswer& silent) {
        daemon.pid = static_cast<std::uint32_t>(silent.pid);
        return daemon;
    } catch (const std::system_error& error) {
        remarks.push_back("the daemon could not be asked: " + explain(error));
    } catch (const std::runtime_error& error) {
        remarks.push_back(std::string("the daemon could not be asked: ") + error.what());
    }
    return std::nullopt;
}

std::string text_of(const std::vector<Finding>& findings, const std::vector<std::string>& remarks) {
    std::string text;
    for (const Finding& finding : findings) {
        text += one_line((finding.interface.empty() ? "" : finding.interface + ": ") +
                         finding.text + ": " + finding.remedy) +
                '\n';
    }
    for (const std::string& remark : remarks) {
        text += one_line("remark: " + remark) + '\n';
    }
    if (findings.empty()) {
        return text + "nothing found wrong\n";
    }
    return text + plural(findings.size(), "finding") + '\n';
}

}  // namespace

int check(const Settings& settings, bool json, std::ostream& out,
          std::chrono::milliseconds patience) {
    std::vector<std::string> remarks;
    auto daemon = find_daemon(settings.runtime_dir, patience, remarks);
    const SystemFacts facts = io::gather_system_facts(settings.config, std::move(daemon));
    const std::vector<Finding> findings = diagnose(facts);
    for (std::string& remark : unseen(facts)) {
        remarks.push_back(std::move(remark));
    }
    out << (json ? io::findings_to_json(findings, remarks, facts.daemon ? &*facts.daemon : nullptr)
                 : text_of(findings, remarks))
        << std::flush;
    return out && findings.empty() ? 0 : 1;
}

}  // namespace solicitd
