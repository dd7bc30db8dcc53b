#pragma once

#include <filesystem>
#include <string_view>

namespace solicitd::io {

/// Whether the bytes must survive a power cut (fsync of file and directory), or only a crash of
/// this process.
enum class Durability { process_crash, power_loss };

/// Replaces the file as a whole, mode 0644: a reader sees the old one or the new one. Throws
/// std::system_error with the path; then the old one is untouched and no temporary is left (only
/// when syncing the directory fails, the new one is there, but might not survive a power cut).
/// One writer a path: the temporary is always PATH.tmp.
void write_atomically(const std::filesystem::path& path, std::string_view content,
                      Durability durability);

}  // namespace solicitd::io
