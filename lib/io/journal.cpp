#include "io/journal.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION  // the line of journal.cpp would tell nobody anything
#include <systemd/sd-journal.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace solicitd::io {

namespace {

constexpr const char* kName = "solicitd";

/// systemd.exec(5): JOURNAL_STREAM is the device and inode of what systemd connected; a program
/// whose stderr was redirected since is not connected any more.
bool stderr_is_the_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
           stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

/// syslog(3).
char priority(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical: return '2';
        case spdlog::level::err: return '3';
        case spdlog::level::warn: return '4';
        case spdlog::level::info: return '6';
        default: return '7';
    }
}

/// One line, and nothing that a terminal would obey: an interface may be named so.
std::string printable(const std::string& text) {
    constexpr const char* kHex = "0123456789abcdef";
    std::string line;
    line.reserve(text.size());
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        if (character == '\n') {
            line += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            line += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0xFU]};
        } else {
            line += character;
        }
    }
    return line;
}

/// Speaks journald's native protocol, which carries any byte in a value. spdlog has no place for
/// fields in a message, so the record comes beside it.
class NativeSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    const Record* record = nullptr;

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::vector<std::string> lines;
        lines.reserve(4 + record->fields.size());
        lines.push_back("MESSAGE=" + record->text);
        lines.push_back(std::string("PRIORITY=") + priority(message.level));
        lines.push_back(std::string("SYSLOG_IDENTIFIER=") + kName);
        if (!record->message_id.empty()) {
            lines.push_back("MESSAGE_ID=" + std::string(record->message_id));
        }
        for (const auto& [name, value] : record->fields) {
            lines.push_back(std::string(name) + '=' + value);
        }
        std::vector<iovec> vectors;
        vectors.reserve(lines.size());
        for (std::string& line : lines) {
            vectors.push_back({line.data(), line.size()});
        }
        if (sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) < 0) {
            // The stream is the longer way to the same journal: without the fields, but not lost.
            std::fprintf(stderr, "<%c>%s\n", priority(message.level),
                         printable(record->text).c_str());
        }
    }
    void flush_() override {}
};

}  // namespace

struct Journal::Impl {
    std::shared_ptr<NativeSink> native;
    spdlog::logger logger;
};

Journal::Journal(spdlog::level::level_enum level) {
    if (stderr_is_the_journal()) {
        const auto sink = std::make_shared<NativeSink>();
        impl_ = std::make_unique<Impl>(Impl{sink, spdlog::logger(kName, sink)});
    } else {
        const auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>();
        impl_ = std::make_unique<Impl>(Impl{nullptr, spdlog::logger(kName, sink)});
        impl_->logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-8l%$ %v");
    }
    set_level(level);
}

Journal::~Journal() = default;

void Journal::set_level(spdlog::level::level_enum level) {
    impl_->logger.set_level(level);
}

bool Journal::wants(spdlog::level::level_enum level) const {
    return impl_->logger.should_log(level);
}

void Journal::write(const Record& record) {
    if (!wants(record.level)) {
        return;
    }
    if (impl_->native != nullptr) {
        impl_->native->record = &record;
        impl_->logger.log(record.level, spdlog::string_view_t(record.text));
    } else {
        impl_->logger.log(record.level, spdlog::string_view_t(printable(record.text)));
    }
}

bool Journal::is_native() const {
    return impl_->native != nullptr;
}

}  // namespace solicitd::io
