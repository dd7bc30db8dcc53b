#include "io/mld_output.hpp"

#include <string>

#include "fuzz/fuzz.hpp"

// Input: the text of /proc/net/dev_snmp6/INTERFACE.

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    using fuzz::require;
    const std::string text(fuzz::as_text(data, size));
    const auto output = io::parse_mld_output(text);
    require(io::parse_mld_output("ifIndex\t2\n" + text) == output,
            "other counters make no difference");
    if (!output) {
        return 0;
    }
    require(io::parse_mld_output(text + "\n" + text) == output, "the first of a name counts");
    require(io::parse_mld_output("Icmp6OutMLDv2Reports\t0\nIcmp6OutGroupMembResponses \t" +
                                 std::to_string(output->reports) + "\nIp6OutDiscards\t" +
                                 std::to_string(output->discards)) == output,
            "counters are read as they were written");
    return 0;
}
