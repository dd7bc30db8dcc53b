#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

// Runs a fuzz target once for each file of the directories that are named: its corpus as an
// ordinary test, under any compiler and sanitizer. libFuzzer has a main() of its own.

namespace {

std::vector<std::filesystem::path> files_of(const std::vector<std::string>& directories) {
    std::vector<std::filesystem::path> files;
    for (const std::string& directory : directories) {
        for (const auto& entry : std::filesystem::directory_iterator(directory)) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

void run(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), exact.get());
    LLVMFuzzerTestOneInput(exact.get(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::filesystem::path> files =
        files_of(std::vector<std::string>(argv + 1, argv + argc));
    for (const std::filesystem::path& file : files) {
        std::printf("%s\n", file.c_str());
        std::fflush(stdout);  // the last one named is the one that fails
        run(file);
    }
    if (files.empty()) {
        std::fprintf(stderr, "usage: %s DIRECTORY...    with inputs in them\n", argv[0]);
        return 2;
    }
    return 0;
}
