#include "io/check/processes.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace solicitd::io {
namespace {

namespace fs = std::filesystem;

/// Its first line; nullopt when it cannot be read.
std::optional<std::string> first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    return std::getline(file, line) ? std::optional(line) : std::nullopt;
}

bool is_process(const fs::path& entry) {
    const std::string name = entry.filename().string();
    return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "net:[4026531840]"
std::optional<fs::path> network_of(const fs::path& process, std::error_code& error) {
    fs::path network = fs::read_symlink(process / "ns/net", error);
    return error ? std::nullopt : std::optional(std::move(network));
}

}  // namespace

std::optional<bool> runs_here(std::span<const std::string_view> names) {
    std::error_code error;
    const auto here = network_of("/proc/self", error);
    // Mounted with hidepid, /proc shows us our own processes only: never the first.
    bool hidden = !here || !first_line("/proc/1/comm");
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const fs::path& process = it->path();
        if (!is_process(process)) {
            continue;
        }
        const auto name = first_line(process / "comm");
        if (!name || std::find(names.begin(), names.end(), *name) == names.end()) {
            continue;
        }
        std::error_code refusal;
        const auto network = network_of(process, refusal);
        if (network && here == network) {
            return true;
        }
        // One that has just ended has no namespace any more.
        hidden = hidden || refusal == std::errc::permission_denied;
    }
    return hidden || error ? std::nullopt : std::optional(false);
}

std::optional<std::uint64_t> effective_capabilities(pid_t pid) {
    std::ifstream file(fs::path("/proc") / std::to_string(pid) / "status");
    constexpr std::string_view kKey = "CapEff:\t";
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, kKey.size(), kKey) == 0) {
            std::uint64_t set = 0;
            const char* const end = line.data() + line.size();
            const auto [stop, error] = std::from_chars(line.data() + kKey.size(), end, set, 16);
            return error == std::errc{} && stop == end ? std::optional(set) : std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace solicitd::io
