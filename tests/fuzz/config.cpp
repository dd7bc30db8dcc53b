#include <algorithm>
#include <string>
#include <string_view>

#include "core/config.hpp"
#include "fuzz/fuzz.hpp"
#include "io/config_file.hpp"

// Input: a configuration file.

namespace solicitd {
namespace {

using fuzz::require;

constexpr std::string_view kName = "FILE";

void check_range(const std::optional<std::chrono::seconds>& value, Range range) {
    require(!value || range.contains(value->count()), "a number is in its range");
}

void check(const io::ConfigFile& file) {
    check_range(file.host_timeout, kHostTimeoutRange);
    check_range(file.linger, kLingerRange);
    check_range(file.audit_interval, kAuditIntervalRange);
    check_range(file.announce_interval, kAnnounceIntervalRange);
    require(!file.max_hosts || kMaxHostsRange.contains(static_cast<std::int64_t>(*file.max_hosts)),
            "max-hosts is in its range");
    require(file.upstreams.size() <= kMaxUpstreams, "there are not too many upstreams");
    require(!find_conflict(file.upstreams), "the upstreams do not conflict");
    for (const UpstreamConfig& upstream : file.upstreams) {
        require(is_interface_name(upstream.interface), "an upstream is an interface's name");
        require(std::all_of(upstream.downstreams.begin(), upstream.downstreams.end(),
                            [](const std::string& name) { return is_interface_name(name); }),
                "a downstream is an interface's name");
        for (const Ipv6Prefix& prefix : upstream.prefixes) {
            require(prefix.length() >= 1 && prefix.length() <= 127, "a prefix has 1 to 127 bits");
            require(parse_prefix(prefix.to_string()) == prefix,
                    "a prefix is read as it was written");
        }
    }
}

/// "FILE:LINE: what is wrong", where the file has that line.
void check_refusal(std::string_view refusal, std::string_view text) {
    require(fuzz::is_one_line(refusal), "a refusal is one line");
    const std::string head = std::string(kName) + ":";
    require(refusal.substr(0, head.size()) == head, "a refusal names the file");
    const std::string rest(refusal.substr(head.size()));
    char* end = nullptr;
    const unsigned long line = std::strtoul(rest.c_str(), &end, 10);
    require(std::string_view(end).substr(0, 2) == ": " && end[2] != '\0',
            "a refusal says what is wrong");
    const auto lines = static_cast<unsigned long>(std::count(text.begin(), text.end(), '\n')) + 1;
    require(line >= 1 && line <= lines, "a refusal names a line of the file");
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    const std::string_view text = fuzz::as_text(data, size);
    try {
        check(io::parse_config(text, std::string(kName)));
    } catch (const io::ConfigError& error) {
        check_refusal(error.what(), text);
    }
    return 0;
}
