#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "options.hpp"

namespace solicitd::test {

/// The environment tells nothing.
class CommandLine : public testing::Test {
protected:
    CommandLine() {
        ::unsetenv("RUNTIME_DIRECTORY");
        ::unsetenv("STATE_DIRECTORY");
    }
};

inline Options parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"solicitd"};
    for (const std::string& argument : arguments) {
        argv.push_back(argument.c_str());
    }
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

template <typename Error, typename Function>
std::string refusal(Function function) {
    try {
        static_cast<void>(function());
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace solicitd::test
