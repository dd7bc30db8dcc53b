#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "io/fd.hpp"

namespace solicitd::io {

namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    const int error = errno;  // before the text is made
    throw std::system_error(error, std::generic_category(), what + path.string());
}

void write_all(int fd, std::string_view content, const std::filesystem::path& path) {
    while (!content.empty()) {
        const auto written = TEMP_FAILURE_RETRY(::write(fd, content.data(), content.size()));
        if (written < 0) {
            fail("cannot write ", path);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
}

void sync_directory_of(const std::filesystem::path& path) {
    const auto directory = path.has_parent_path() ? path.parent_path() : ".";
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) {
        fail("cannot sync the directory ", directory);
    }
}

}  // namespace

void write_atomically(const std::filesystem::path& path, std::string_view content,
                      Durability durability) {
    // A fixed name, so that crashes cannot pile up temporaries: what one left is removed here.
    const std::filesystem::path temporary = path.string() + ".tmp";
    if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) {
        fail("cannot remove ", temporary);
    }
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd) {
        fail("cannot create ", temporary);
    }
    try {
        if (::fchmod(fd.get(), 0644) != 0) {  // whatever the umask
            fail("cannot set the mode of ", temporary);
        }
        write_all(fd.get(), content, temporary);
        if (durability == Durability::power_loss && ::fsync(fd.get()) != 0) {
            fail("cannot sync ", temporary);
        }
        if (::close(fd.release()) != 0) {  // some file systems report a full disk only here
            fail("cannot write ", temporary);
        }
        if (::rename(temporary.c_str(), path.c_str()) != 0) {
            fail("cannot replace ", path);
        }
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    if (durability == Durability::power_loss) {
        sync_directory_of(path);
    }
}

}  // namespace solicitd::io
