#include "core/config.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace solicitd {
namespace {

template <typename Mode, std::size_t count>
using Names = std::array<std::pair<Mode, std::string_view>, count>;

constexpr Names<CaptureMode, 4> kCaptureModes = {{
    {CaptureMode::automatic, "auto"},
    {CaptureMode::allmulti, "allmulti"},
    {CaptureMode::mcast_router, "mcast-router"},
    {CaptureMode::promisc, "promisc"},
}};
constexpr Names<AnnounceMode, 3> kAnnounceModes = {{
    {AnnounceMode::automatic, "auto"},
    {AnnounceMode::always, "always"},
    {AnnounceMode::never, "never"},
}};

template <typename Mode, std::size_t count>
std::string_view name_of(Mode mode, const Names<Mode, count>& names) {
    return std::find_if(names.begin(), names.end(),
                        [&](const auto& entry) { return entry.first == mode; })
        ->second;
}

template <typename Mode, std::size_t count>
Mode named(std::string_view text, const Names<Mode, count>& names, const char* allowed) {
    for (const auto& [mode, name] : names) {
        if (text == name) {
            return mode;
        }
    }
    throw BadSetting(allowed);
}

// The kernel's isspace(), which takes 0xA0 for Latin-1's no-break space (kernel: lib/ctype.c).
constexpr bool is_kernel_space(unsigned char c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0;
}

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string_view to_string(CaptureMode mode) {
    return name_of(mode, kCaptureModes);
}

std::string_view to_string(AnnounceMode mode) {
    return name_of(mode, kAnnounceModes);
}

std::size_t max_hosts_per_mac(const Config& config, std::string_view downstream) {
    const auto own =
        std::find_if(config.downstreams.begin(), config.downstreams.end(),
                     [&](const DownstreamConfig& each) { return each.interface == downstream; });
    return own == config.downstreams.end() ? config.max_hosts_per_mac : own->max_hosts_per_mac;
}

CaptureMode parse_capture_mode(std::string_view text) {
    return named(text, kCaptureModes, "allowed are auto, allmulti, mcast-router and promisc");
}

AnnounceMode parse_announce_mode(std::string_view text) {
    return named(text, kAnnounceModes, "allowed are auto, always and never");
}

bool parse_switch(std::string_view text) {
    if (text == "true" || text == "false") {
        return text == "true";
    }
    throw BadSetting("allowed are true and false");
}

bool is_interface_name(std::string_view name) {
    constexpr std::size_t longest = 15;  // IFNAMSIZ less the terminator
    return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
           std::none_of(name.begin(), name.end(), [](char c) {
               return c == '/' || c == ':' || c == '\0' ||
                      is_kernel_space(static_cast<unsigned char>(c));
           });
}

std::string parse_interface(std::string_view text) {
    if (!is_interface_name(text)) {
        throw BadSetting(
            "allowed is an interface name: 1 to 15 bytes, no space, '/' or ':', not . or ..");
    }
    return std::string(text);
}

Ipv6Prefix parse_prefix(std::string_view text) {
    const auto prefix = Ipv6Prefix::parse(text);
    if (!prefix || prefix->length() < 1 || prefix->length() > 127) {
        throw BadSetting(
            "allowed is an IPv6 prefix of length 1 to 127, for example 2001:db8:0:1::/64");
    }
    if (!prefix->address().is_global_unicast()) {
        throw BadSetting(
            "allowed are prefixes of global or unique local addresses (not link-local, multicast, "
            "...)");
    }
    if (Ipv6Address::parse(text.substr(0, text.find('/'))) != prefix->address()) {
        throw BadSetting("bits are set past the length; the prefix is " + prefix->to_string());
    }
    return *prefix;
}

std::string allowed_text(Range range) {
    return "allowed are " + std::to_string(range.lowest) + " to " + std::to_string(range.highest) +
           " (" + std::string(range.unit) + ")";
}

std::optional<UpstreamConflict> find_conflict(const std::vector<UpstreamConfig>& upstreams) {
    const auto is_upstream = [&](const std::string& name) {
        return std::any_of(upstreams.begin(), upstreams.end(),
                           [&](const UpstreamConfig& other) { return other.interface == name; });
    };
    for (std::size_t i = 0; i < upstreams.size(); ++i) {
        const auto& [interface, downstreams, prefixes] = upstreams[i];
        if (i >= kMaxUpstreams) {
            return UpstreamConflict{
                i, std::nullopt,
                "is one upstream too many; allowed are " + std::to_string(kMaxUpstreams)};
        }
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            if (upstreams[earlier].interface == interface) {
                return UpstreamConflict{i, std::nullopt,
                                        "is named as upstream twice; name it once, with all its "
                                        "downstreams"};
            }
        }
        if (downstreams.empty()) {
            return UpstreamConflict{i, std::nullopt,
                                    "has no downstream; name at least one interface behind which "
                                    "its hosts live"};
        }
        for (auto name = downstreams.begin(); name != downstreams.end(); ++name) {
            const auto j = static_cast<std::size_t>(name - downstreams.begin());
            if (is_upstream(*name)) {
                return UpstreamConflict{
                    i, j, "is an upstream as well; an interface can only be one of the two"};
            }
            if (std::find(downstreams.begin(), name, *name) != name) {
                return UpstreamConflict{
                    i, j, "is named twice as downstream of " + interface + "; name it once"};
            }
        }
    }
    return std::nullopt;
}

std::string one_line(std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            result += "\\x";
            result += hex[byte >> 4U];
            result += hex[byte & 0xFU];
        } else {
            result += c;
        }
    }
    return result;
}

std::string in_quotes(std::string_view text) {
    return '"' + one_line(text) + '"';
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    constexpr std::size_t most_mistakes = 2;
    const auto nearest =
        std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
            return edit_distance(word, a) < edit_distance(word, b);
        });
    if (nearest == known.end() || edit_distance(word, *nearest) > most_mistakes) {
        return "";
    }
    return "; did you mean " + std::string(*nearest) + "?";
}

}  // namespace solicitd
