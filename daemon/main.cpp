#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "check.hpp"
#include "daemon.hpp"
#include "dump_state.hpp"
#include "io/capture_mode.hpp"
#include "io/journal.hpp"
#include "options.hpp"
#include "privileges.hpp"
#include "settings.hpp"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

/// Before anything can be asked to act on them: SIGUSR1 would end a process that has not got as
/// far as its loop.
void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
        sigaddset(&signals, signal);
    }
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

/// Standard descriptors that are closed would be given to sockets, and what is logged written
/// into them.
void open_standard_descriptors() {
    int fd = 0;
    do {
        fd = open("/dev/null", O_RDWR);  // the lowest that is free
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

/// Prints and says whether all of it was written.
int print(const std::string& text) {
    if (std::cout << text << std::flush) {
        return EXIT_SUCCESS;
    }
    std::cerr << "solicitd: cannot write to the standard output\n";
    return kExitFailure;
}

/// On a bridge that snoops; which ones do can change.
bool may_set_mcast_router(solicitd::CaptureMode wanted) {
    return solicitd::io::choose_capture_mode(wanted, solicitd::io::running_kernel(), true) ==
           solicitd::CaptureMode::mcast_router;
}

int run_daemon(const solicitd::Options& options) {
    const solicitd::Settings settings = solicitd::load_settings(options);
    solicitd::check_privileges();
    umask(umask(0) | 022);  // nobody else writes to what it makes, whoever started it
    block_signals();
    solicitd::io::Journal journal(settings.log_level);
    solicitd::Daemon daemon(options, settings, journal);
    // It has read nothing yet that others wrote.
    solicitd::keep_needed_privileges(may_set_mcast_router(settings.config.capture));
    return daemon.run();
}

int run(const solicitd::Options& options) {
    using Command = solicitd::Options::Command;
    switch (options.command) {
        case Command::run: return run_daemon(options);
        case Command::dump_state:
            return solicitd::dump_state(options.runtime_dir, options.json, std::cout, std::cerr);
        case Command::check:
            return solicitd::check(solicitd::load_settings(options), options.json, std::cout);
        case Command::check_config:
            return print(solicitd::describe(solicitd::load_settings(options)));
        case Command::print_and_exit: return print(options.text);
    }
    return kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_descriptors();
    try {
        return run(solicitd::parse_options(argc, argv));
    } catch (const solicitd::UsageError& error) {
        std::cerr << "solicitd: " << error.what() << '\n';
        return kExitUsage;
    } catch (const solicitd::io::ConfigError& error) {
        std::cerr << "solicitd: " << error.what() << '\n';
        return kExitUsage;
    } catch (const std::exception& error) {
        std::cerr << "solicitd: " << error.what() << '\n';
        return kExitFailure;
    }
}
