#include "io/mld_output.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <system_error>

namespace solicitd::io {
namespace {

/// The value of a line "NAME<blanks>VALUE\n".
std::optional<std::uint64_t> find_counter(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.substr(0, name.size()) != name) {
            continue;
        }
        line.remove_prefix(name.size());
        const std::size_t begin = line.find_first_not_of(" \t");
        if (begin == 0 || begin == std::string_view::npos) {
            continue;  // a longer name, or no value
        }
        std::uint64_t value = 0;
        const char* const end = line.data() + line.size();
        const auto [stopped, error] = std::from_chars(line.data() + begin, end, value);
        return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::optional<MldOutput> parse_mld_output(std::string_view dev_snmp6) {
    const auto v2 = find_counter(dev_snmp6, "Icmp6OutMLDv2Reports");
    const auto v1 = find_counter(dev_snmp6, "Icmp6OutGroupMembResponses");
    const auto discards = find_counter(dev_snmp6, "Ip6OutDiscards");
    if (!v2 || !v1 || !discards) {
        return std::nullopt;
    }
    return MldOutput{*v2 + *v1, *discards};
}

std::optional<MldOutput> read_mld_output(const std::string& interface) {
    // Not /proc/net, which is not there under ProcSubset=pid.
    std::ifstream file("/proc/self/net/dev_snmp6/" + interface);
    std::string text;
    std::getline(file, text, '\0');  // all of it
    // Cut off, its last number would be another one.
    return file.bad() ? std::nullopt : parse_mld_output(text);
}

}  // namespace solicitd::io
