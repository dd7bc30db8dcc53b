#include "host_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <variant>

#include "core/saved_hosts.hpp"

namespace solicitd {
namespace {

constexpr const char* kFileName = "hosts";
constexpr const char* kSetAside = "hosts.damaged";
/// The most that a host takes: an address 39 bytes, a name 15, a MAC 17, the silence 10,
/// "answered" 8, separators 5; and the first and the last line.
constexpr std::uintmax_t kHostBytes = 94;
constexpr std::uintmax_t kOtherBytes = 100;
/// The earlier run may have had a higher max-hosts: so many are read in any case.
constexpr std::uintmax_t kReadAlways = 65'536;
constexpr Duration kAccuracy = std::chrono::milliseconds(250);

}  // namespace

HostKeeper::HostKeeper(io::EventLoop& loop, const std::filesystem::path& runtime_dir,
                       const std::filesystem::path& state_dir, Source hosts, Complain complain)
    : hosts_(std::move(hosts)),
      complain_(std::move(complain)),
      runtime_{runtime_dir / kFileName, io::Durability::process_crash, kRetry,
               loop.make_timer(kAccuracy, [this] { on_timer(runtime_); })},
      state_{state_dir / kFileName, io::Durability::power_loss, kStateInterval,
             loop.make_timer(kAccuracy, [this] {
                 state_written_ = io::EventLoop::now();
                 on_timer(state_);
             })} {}

std::vector<SavedHost> HostKeeper::load(std::size_t max_hosts) {
    const std::uintmax_t largest =
        std::max<std::uintmax_t>(max_hosts, kReadAlways) * kHostBytes + kOtherBytes;
    for (const File* file : {&runtime_, &state_}) {
        if (std::optional<std::vector<SavedHost>> hosts = read(file->path, largest)) {
            return std::move(*hosts);
        }
    }
    return {};
}

void HostKeeper::note(std::uint64_t version) {
    if (version == version_) {
        return;
    }
    version_ = version;
    const TimePoint now = io::EventLoop::now();
    arm(runtime_, now + kRuntimeDelay);
    arm(state_, std::max(now, state_written_.value_or(now) + kStateInterval));
}

void HostKeeper::flush() {
    write(runtime_);
    write(state_);
}

void HostKeeper::on_timer(File& file) {
    file.armed = false;
    if (!write(file)) {
        arm(file, io::EventLoop::now() + file.retry);
    }
}

void HostKeeper::arm(File& file, TimePoint when) {
    if (!std::exchange(file.armed, true)) {
        file.timer.set(when);
    }
}

/// nullopt: there is no such file, or none to believe.
std::optional<std::vector<SavedHost>> HostKeeper::read(const std::filesystem::path& path,
                                                       std::uintmax_t largest) {
    std::string defect;
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
        return std::nullopt;
    }
    if (!error && size <= largest) {
        std::ifstream file(path, std::ios::binary);
        std::ostringstream text;
        if (text << file.rdbuf() || size == 0) {
            auto parsed = parse_saved_hosts(text.str());
            if (auto* hosts = std::get_if<std::vector<SavedHost>>(&parsed)) {
                return std::move(*hosts);
            }
            defect = std::get<SavedHostsDefect>(parsed).text;
        } else {
            defect = "it cannot be read";
        }
    } else {
        defect = error ? error.message() : "it is too large";
    }
    const std::filesystem::path aside = path.parent_path() / kSetAside;
    std::filesystem::rename(path, aside, error);
    complain_(fmt::format("{} holds no hosts of an earlier run: {}; {}", path.native(), defect,
                          error ? "it will be overwritten" : "set aside as " + aside.native()));
    return std::nullopt;
}

bool HostKeeper::write(File& file) {
    if (file.written == version_) {
        return true;
    }
    try {
        std::filesystem::create_directories(file.path.parent_path());
        io::write_atomically(file.path, format_saved_hosts(hosts_()), file.durability);
        file.written = version_;
        file.complained = false;
        return true;
    } catch (const std::system_error& error) {
        if (!std::exchange(file.complained, true)) {
            complain_(fmt::format("cannot save the hosts: {}", error.what()));
        }
        return false;
    }
}

}  // namespace solicitd
