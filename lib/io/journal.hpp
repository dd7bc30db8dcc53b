#pragma once

#include <spdlog/common.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spdlog {
class logger;
}

namespace solicitd::io {

/// One thing to say: the text that people read, and the fields that programs filter by.
struct Record {
    spdlog::level::level_enum level = spdlog::level::info;
    std::string_view message_id;  ///< 32 hex digits (journald's MESSAGE_ID), or empty
    std::string text;
    /// Names in upper case: INTERFACE, HOST, GROUP, PREFIX, EVIDENCE, VERSION, REASON.
    std::vector<std::pair<std::string_view, std::string>> fields;
};

/// Where records go: the native journal with all their fields when systemd connected stderr to
/// it ($JOURNAL_STREAM), readable lines on stderr otherwise. One spdlog logger either way.
class Journal {
public:
    explicit Journal(spdlog::level::level_enum level);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    void set_level(spdlog::level::level_enum level);
    [[nodiscard]] bool wants(spdlog::level::level_enum level) const;
    void write(const Record& record);
    [[nodiscard]] bool is_native() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace solicitd::io
