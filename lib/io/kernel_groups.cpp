#include "io/kernel_groups.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

// Not /proc/net, which is not there under ProcSubset=pid.
constexpr const char* kPath = "/proc/self/net/igmp6";

constexpr int kReadings = 3;

std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

template <typename Number>
std::optional<Number> parse(std::string_view text, int base) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

/// 32 hexadecimal digits without colons.
std::optional<Ipv6Address> parse_address(std::string_view text) {
    Ipv6Address address;
    if (text.size() != address.bytes.size() * 2) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < address.bytes.size(); ++i) {
        const auto byte = parse<std::uint8_t>(text.substr(i * 2, 2), 16);
        if (!byte) {
            return std::nullopt;
        }
        address.bytes[i] = *byte;
    }
    return address;
}

std::string read_text() {
    const auto fail = [] {
        throw std::system_error(errno, std::generic_category(),
                                std::string("cannot read ") + kPath);
    };
    const Fd file(::open(kPath, O_RDONLY | O_CLOEXEC));
    if (!file) {
        fail();
    }
    std::string text;
    std::array<char, 16384> chunk{};
    for (;;) {
        const auto size = TEMP_FAILURE_RETRY(::read(file.get(), chunk.data(), chunk.size()));
        if (size < 0) {
            fail();
        }
        if (size == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(size));
    }
}

void add_groups(KernelGroups& groups, std::string_view igmp6) {
    while (!igmp6.empty()) {
        const std::size_t end = std::min(igmp6.find('\n'), igmp6.size());
        std::string_view line = igmp6.substr(0, end);
        igmp6.remove_prefix(std::min(end + 1, igmp6.size()));

        const auto index = parse<Ifindex>(take_word(line), 10);
        take_word(line);  // the interface's name
        const auto address = parse_address(take_word(line));
        if (!index || *index == 0 || !address) {
            continue;
        }
        if (const auto group = SolicitedNodeGroup::from_address(*address)) {
            groups[*index].push_back(*group);
        }
    }
}

KernelGroups sorted(KernelGroups groups) {
    for (auto& [index, held] : groups) {
        std::sort(held.begin(), held.end());
        held.erase(std::unique(held.begin(), held.end()), held.end());
    }
    return groups;
}

}  // namespace

KernelGroups parse_kernel_groups(std::string_view igmp6) {
    KernelGroups groups;
    add_groups(groups, igmp6);
    return sorted(std::move(groups));
}

/// Not once: the kernel hands the text out by the page and finds its place again by counting, so
/// that what goes meanwhile makes it pass over others (kernel: igmp6_mc_seq_start). With eight
/// groups of somebody else's that come and go a hundred times a second, 7 % of readings lack some
/// that are held; at the same page twice in a row is not rare enough either.
KernelGroups read_kernel_groups() {
    KernelGroups groups;
    for (int reading = 0; reading < kReadings; ++reading) {
        add_groups(groups, read_text());
    }
    return sorted(std::move(groups));
}

}  // namespace solicitd::io
