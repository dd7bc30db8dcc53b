#include "core/saved_hosts.hpp"

#include "core/config.hpp"
#include "fuzz/fuzz.hpp"

// Input: a file of saved hosts.

namespace solicitd {
namespace {

using fuzz::require;

void check(const SavedHost& host) {
    require(host.address.is_global_unicast(), "a host has a global unicast address");
    require(is_interface_name(host.downstream), "a downstream is an interface's name");
    require(host.silent.count() >= 0 && host.silent.count() <= 0xFFFF'FFFF, "silence has 32 bits");
    require(Ipv6Address::parse(host.address.to_string()) == host.address,
            "an address is read as it was written");
    require(MacAddress::parse(host.mac.to_string()) == host.mac,
            "a link-layer address is read as it was written");
}

}  // namespace
}  // namespace solicitd

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace solicitd;
    const auto parsed = parse_saved_hosts(fuzz::as_text(data, size));
    if (const auto* defect = std::get_if<SavedHostsDefect>(&parsed)) {
        require(fuzz::is_one_line(defect->text), "a defect is told in one line");
        return 0;
    }
    const auto& hosts = std::get<std::vector<SavedHost>>(parsed);
    for (const SavedHost& host : hosts) {
        check(host);
    }
    const std::string text = format_saved_hosts(hosts);
    const auto again = parse_saved_hosts(text);
    const auto* back = std::get_if<std::vector<SavedHost>>(&again);
    require(back != nullptr && back->size() == hosts.size(), "what is written can be read");
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        require((*back)[i].address == hosts[i].address &&
                    (*back)[i].downstream == hosts[i].downstream &&
                    (*back)[i].mac == hosts[i].mac && (*back)[i].silent == hosts[i].silent &&
                    (*back)[i].rank == hosts[i].rank,
                "a host is read as it was written");
    }
    return 0;
}
