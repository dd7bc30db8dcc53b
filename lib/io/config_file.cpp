#include "io/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "io/fd.hpp"

namespace solicitd::io {
namespace {

constexpr std::array<std::string_view, 13> kTopKeys = {
    "host-timeout",   "linger",   "max-hosts", "max-groups",        "max-hosts-per-mac",
    "audit-interval", "capture",  "announce",  "announce-interval", "mld-evidence",
    "log-level",      "upstream", "downstream"};
constexpr std::array<std::string_view, 3> kUpstreamKeys = {"interface", "downstream", "prefix"};
constexpr std::array<std::string_view, 2> kDownstreamKeys = {"interface", "max-hosts-per-mac"};
constexpr std::string_view kAboveTables = "above the first [[upstream]] or [[downstream]]";

std::string read_text(const std::filesystem::path& path) {
    const auto refuse = [&](const std::string& why) {
        throw ConfigError(path.string() + ": the configuration file cannot be read: " + why);
    };
    const auto refuse_errno = [&](int error) {
        refuse(std::generic_category().message(error) +
               (error == EACCES ? "; let the user that solicitd runs as read it" : ""));
    };
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) {
        refuse_errno(errno);
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        refuse("it is no regular file");  // a pipe would keep a running daemon waiting
    }
    constexpr std::size_t longest = 1U << 20U;  // a device or a log file by mistake is longer
    std::string text;
    std::array<char, 4096> chunk;
    for (;;) {
        const auto size = TEMP_FAILURE_RETRY(::read(fd.get(), chunk.data(), chunk.size()));
        if (size < 0) {
            refuse_errno(errno);
        }
        if (size == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(size));
        if (text.size() > longest) {
            refuse("it is longer than 1 MiB");
        }
    }
}

// A value as it was read, on one line.
std::string shown(const toml::node& node) {
    if (const auto* text = node.as_string()) {
        return in_quotes(text->get());
    }
    if (node.is_table()) {
        return "a table";
    }
    if (node.is_array()) {
        return "a list";
    }
    std::ostringstream text;
    text << toml::node_view<const toml::node>(node);
    return text.str();
}

std::string joined(std::span<const std::string_view> words) {
    std::string text;
    for (const std::string_view word : words) {
        text.append(text.empty() ? "" : ", ").append(word);
    }
    return text;
}

struct Entry {
    std::string_view key;
    toml::source_position where;
    const toml::node* node;
};

/// Turns the parsed tree into a ConfigFile, or into the one line that says where it is wrong.
class Reader {
public:
    explicit Reader(std::string name) : name_(std::move(name)) {}

    ConfigFile read(std::string_view text);

private:
    // Where an upstream's interfaces stand, for a conflict that only shows when all are read.
    struct UpstreamLines {
        toml::source_index interface = 0;
        std::vector<toml::source_index> downstreams;
    };

    // Each table of a list such as [[upstream]].
    template <typename Read>
    void read_tables(const Entry& entry, Read read);
    void read_upstream(const toml::table& table);
    void read_downstream(const toml::table& table);
    void check_conflicts() const;
    void check_downstreams() const;

    std::int64_t number(const Entry& entry, Range range) const;
    bool boolean(const Entry& entry) const;
    const toml::array& list(const Entry& entry, std::string_view example) const;
    // `node` is the entry's value or an element of it; `parse` throws BadSetting.
    template <typename Value>
    Value value(const Entry& entry, const toml::node& node, Value (*parse)(std::string_view)) const;

    [[noreturn]] void refuse(toml::source_index line, const std::string& what) const {
        throw ConfigError(name_ + ":" + std::to_string(line) + ": " + what);
    }
    [[noreturn]] void refuse_value(const Entry& entry, const toml::node& node,
                                   const std::string& allowed) const;
    [[noreturn]] void refuse_key(const Entry& entry, std::span<const std::string_view> here,
                                 std::span<const std::string_view> elsewhere,
                                 std::string_view where_it_belongs) const;

    std::string name_;
    ConfigFile file_;
    std::vector<UpstreamLines> lines_;
    std::vector<toml::source_index> downstream_lines_;
};

// toml++ sorts keys by name; the mistake to tell is the first one in the file.
std::vector<Entry> in_file_order(const toml::table& table) {
    std::vector<Entry> entries;
    for (const auto& [key, value] : table) {
        entries.push_back({key.str(), key.source().begin, &value});
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.where < b.where; });
    return entries;
}

ConfigFile Reader::read(std::string_view text) {
    toml::table root;
    try {
        root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        refuse(error.source().begin.line, "not valid TOML: " + one_line(error.description()));
    }
    for (const Entry& entry : in_file_order(root)) {
        if (entry.key == "host-timeout") {
            file_.host_timeout = std::chrono::seconds(number(entry, kHostTimeoutRange));
        } else if (entry.key == "linger") {
            file_.linger = std::chrono::seconds(number(entry, kLingerRange));
        } else if (entry.key == "max-hosts") {
            file_.max_hosts = static_cast<std::size_t>(number(entry, kMaxHostsRange));
        } else if (entry.key == "max-groups") {
            file_.max_groups = static_cast<std::size_t>(number(entry, kMaxGroupsRange));
        } else if (entry.key == "max-hosts-per-mac") {
            file_.max_hosts_per_mac = static_cast<std::size_t>(number(entry, kMaxHostsPerMacRange));
        } else if (entry.key == "audit-interval") {
            file_.audit_interval = std::chrono::seconds(number(entry, kAuditIntervalRange));
        } else if (entry.key == "capture") {
            file_.capture = value(entry, *entry.node, parse_capture_mode);
        } else if (entry.key == "announce") {
            file_.announce = value(entry, *entry.node, parse_announce_mode);
        } else if (entry.key == "announce-interval") {
            file_.announce_interval = std::chrono::seconds(number(entry, kAnnounceIntervalRange));
        } else if (entry.key == "mld-evidence") {
            file_.mld_evidence = boolean(entry);
        } else if (entry.key == "log-level") {
            file_.log_level = value(entry, *entry.node, parse_log_level);
        } else if (entry.key == "upstream") {
            read_tables(entry, [&](const toml::table& table) { read_upstream(table); });
        } else if (entry.key == "downstream") {
            read_tables(entry, [&](const toml::table& table) { read_downstream(table); });
        } else {
            refuse_key(entry, kTopKeys, kUpstreamKeys, "below [[upstream]]");
        }
    }
    check_conflicts();
    check_downstreams();
    return std::move(file_);
}

template <typename Read>
void Reader::read_tables(const Entry& entry, Read read) {
    const std::string key(entry.key);
    const std::string form = "allowed is [[" + key + "]] in double brackets, once for each " + key;
    const toml::array* list = entry.node->as_array();
    if (list == nullptr) {
        refuse_value(entry, *entry.node, form);
    }
    for (const toml::node& element : *list) {
        const toml::table* table = element.as_table();
        if (table == nullptr) {
            refuse_value(entry, element, form);
        }
        read(*table);
    }
}

void Reader::read_upstream(const toml::table& table) {
    UpstreamConfig upstream;
    UpstreamLines lines;
    for (const Entry& entry : in_file_order(table)) {
        if (entry.key == "interface") {
            upstream.interface = value(entry, *entry.node, parse_interface);
            lines.interface = entry.where.line;
        } else if (entry.key == "downstream") {
            for (const toml::node& element : list(entry, R"(["br0"])")) {
                upstream.downstreams.push_back(value(entry, element, parse_interface));
                lines.downstreams.push_back(element.source().begin.line);
            }
        } else if (entry.key == "prefix") {
            for (const toml::node& element : list(entry, R"(["2001:db8:0:1::/64"])")) {
                upstream.prefixes.push_back(value(entry, element, parse_prefix));
            }
        } else {
            refuse_key(entry, kUpstreamKeys, kTopKeys, kAboveTables);
        }
    }
    if (upstream.interface.empty()) {
        refuse(table.source().begin.line,
               R"([[upstream]] without interface; add for example interface = "eth9")");
    }
    file_.upstreams.push_back(std::move(upstream));
    lines_.push_back(std::move(lines));
}

void Reader::read_downstream(const toml::table& table) {
    DownstreamConfig downstream;
    std::optional<std::int64_t> hosts;
    toml::source_index line = 0;
    for (const Entry& entry : in_file_order(table)) {
        if (entry.key == "interface") {
            downstream.interface = value(entry, *entry.node, parse_interface);
            line = entry.where.line;
        } else if (entry.key == "max-hosts-per-mac") {
            hosts = number(entry, kMaxHostsPerMacRange);
        } else {
            refuse_key(entry, kDownstreamKeys, kTopKeys, kAboveTables);
        }
    }
    if (downstream.interface.empty() || !hosts) {
        refuse(table.source().begin.line,
               R"([[downstream]] needs both interface = "br0" and max-hosts-per-mac = 256)");
    }
    downstream.max_hosts_per_mac = static_cast<std::size_t>(*hosts);
    file_.downstreams.push_back(std::move(downstream));
    downstream_lines_.push_back(line);
}

/// A typing mistake must not turn into a default.
void Reader::check_downstreams() const {
    for (std::size_t i = 0; i < file_.downstreams.size(); ++i) {
        const std::string& name = file_.downstreams[i].interface;
        const bool twice = std::any_of(
            file_.downstreams.begin(), file_.downstreams.begin() + static_cast<std::ptrdiff_t>(i),
            [&](const DownstreamConfig& earlier) { return earlier.interface == name; });
        if (twice) {
            refuse(downstream_lines_[i], name + " has two [[downstream]]; write one");
        }
        const bool known = std::any_of(
            file_.upstreams.begin(), file_.upstreams.end(), [&](const UpstreamConfig& upstream) {
                return std::find(upstream.downstreams.begin(), upstream.downstreams.end(), name) !=
                       upstream.downstreams.end();
            });
        // Without upstreams the command line names them.
        if (!known && !file_.upstreams.empty()) {
            refuse(downstream_lines_[i], name + " is downstream of no [[upstream]]");
        }
    }
}

void Reader::check_conflicts() const {
    const auto conflict = find_conflict(file_.upstreams);
    if (!conflict) {
        return;
    }
    const UpstreamConfig& upstream = file_.upstreams[conflict->upstream];
    const UpstreamLines& lines = lines_[conflict->upstream];
    if (const auto index = conflict->downstream) {
        refuse(lines.downstreams[*index], upstream.downstreams[*index] + " " + conflict->text);
    }
    refuse(lines.interface, upstream.interface + " " + conflict->text);
}

std::int64_t Reader::number(const Entry& entry, Range range) const {
    const auto* number = entry.node->as_integer();
    if (number == nullptr || !range.contains(number->get())) {
        refuse_value(entry, *entry.node,
                     allowed_text(range) + (entry.node->is_string() ? ", without quotes" : ""));
    }
    return number->get();
}

bool Reader::boolean(const Entry& entry) const {
    const auto* boolean = entry.node->as_boolean();
    if (boolean == nullptr) {
        refuse_value(entry, *entry.node,
                     std::string("allowed are true and false") +
                         (entry.node->is_string() ? ", without quotes" : ""));
    }
    return boolean->get();
}

template <typename Value>
Value Reader::value(const Entry& entry, const toml::node& node,
                    Value (*parse)(std::string_view)) const {
    const auto* text = node.as_string();
    try {
        if (text == nullptr) {
            // No value is right here, so the parser's own words for what is allowed fit.
            return parse(std::string_view());
        }
        return parse(std::string_view(text->get()));
    } catch (const BadSetting& bad) {
        refuse_value(entry, node, bad.what());
    }
}

const toml::array& Reader::list(const Entry& entry, std::string_view example) const {
    const toml::array* list = entry.node->as_array();
    if (list == nullptr) {
        refuse_value(entry, *entry.node, "allowed is a list, for example " + std::string(example));
    }
    return *list;
}

void Reader::refuse_value(const Entry& entry, const toml::node& node,
                          const std::string& allowed) const {
    // An element of a list is shown without the list, which may run over many lines.
    const bool is_element = &node != entry.node;
    refuse(node.source().begin.line,
           std::string(entry.key) + (is_element ? " with " : " = ") + shown(node) + ": " + allowed);
}

void Reader::refuse_key(const Entry& entry, std::span<const std::string_view> here,
                        std::span<const std::string_view> elsewhere,
                        std::string_view where_it_belongs) const {
    const std::string unknown = "unknown key " + in_quotes(entry.key);
    if (std::find(elsewhere.begin(), elsewhere.end(), entry.key) != elsewhere.end()) {
        refuse(entry.where.line, unknown + " here; put it " + std::string(where_it_belongs));
    }
    refuse(entry.where.line,
           unknown + "; allowed here are " + joined(here) + did_you_mean(entry.key, here));
}

}  // namespace

spdlog::level::level_enum parse_log_level(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 5> levels = {{
        {"trace", spdlog::level::trace},
        {"debug", spdlog::level::debug},
        {"info", spdlog::level::info},
        {"warning", spdlog::level::warn},
        {"error", spdlog::level::err},
    }};
    for (const auto& [name, level] : levels) {
        if (text == name) {
            return level;
        }
    }
    throw BadSetting("allowed are trace, debug, info, warning and error");
}

ConfigFile parse_config(std::string_view text, const std::string& name) {
    return Reader(name).read(text);
}

ConfigFile read_config_file(const std::filesystem::path& path) {
    return parse_config(read_text(path), path.string());
}

}  // namespace solicitd::io
