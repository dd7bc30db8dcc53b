#include "core/saved_hosts.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/config.hpp"

namespace solicitd {
namespace {

constexpr std::string_view kFirstLine = "solicitd hosts 2";
constexpr std::string_view kFormerFirstLine = "solicitd hosts 1";  // whose hosts never "answered"
constexpr std::string_view kLastLine = "end ";
constexpr std::string_view kNoMac = "-";
constexpr std::string_view kClaimed = " claimed";
constexpr std::string_view kAnswered = " answered";
constexpr std::int64_t kLongestSilence = std::numeric_limits<std::uint32_t>::max();

/// Cuts the text up to the separator off its front; all of it when there is none.
std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view front = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return front;
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

std::optional<SavedHost> parse_host(std::string_view line) {
    const auto address = Ipv6Address::parse(take(line, ' '));
    const std::string_view downstream = take(line, ' ');
    const std::string_view mac_text = take(line, ' ');
    const auto mac = mac_text == kNoMac ? MacAddress{} : MacAddress::parse(mac_text);
    const std::string_view word = line.ends_with(kClaimed)    ? kClaimed
                                  : line.ends_with(kAnswered) ? kAnswered
                                                              : std::string_view();
    line.remove_suffix(word.size());
    const auto silent = parse_number(line);
    if (!address || !address->is_global_unicast() || !is_interface_name(downstream) || !mac ||
        !silent) {
        return std::nullopt;
    }
    return SavedHost{std::string(downstream), *address, *mac, std::chrono::seconds(*silent),
                     word == kClaimed    ? HostRank::claimed
                     : word == kAnswered ? HostRank::lingering
                                         : HostRank::remembered};
}

}  // namespace

std::string format_saved_hosts(const std::vector<SavedHost>& hosts) {
    std::string text(kFirstLine);
    text += '\n';
    for (const SavedHost& host : hosts) {
        text += host.address.to_string();
        text += ' ';
        text += host.downstream;
        text += ' ';
        text += host.mac.is_none() ? std::string(kNoMac) : host.mac.to_string();
        text += ' ';
        text += std::to_string(std::clamp<std::int64_t>(host.silent.count(), 0, kLongestSilence));
        text += is_claim(host.rank) ? kClaimed : host.rank >= HostRank::lingering ? kAnswered : "";
        text += '\n';
    }
    text += kLastLine;
    text += std::to_string(hosts.size());
    text += '\n';
    return text;
}

std::variant<std::vector<SavedHost>, SavedHostsDefect> parse_saved_hosts(std::string_view text) {
    if (const std::string_view line = take(text, '\n');
        line != kFirstLine && line != kFormerFirstLine) {
        return SavedHostsDefect{"line 1 is not \"" + std::string(kFirstLine) + "\""};
    }
    std::vector<SavedHost> hosts;
    while (!text.empty()) {
        const std::string_view line = take(text, '\n');
        if (line.substr(0, kLastLine.size()) == kLastLine) {
            if (parse_number(line.substr(kLastLine.size())) != hosts.size() || !text.empty()) {
                break;
            }
            return hosts;
        }
        std::optional<SavedHost> host = parse_host(line);
        if (!host) {
            return SavedHostsDefect{"line " + std::to_string(hosts.size() + 2) + " is no host"};
        }
        hosts.push_back(std::move(*host));
    }
    return SavedHostsDefect{"it does not end with the number of its hosts"};
}

}  // namespace solicitd
