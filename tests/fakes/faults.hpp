#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

/// Calls that fail when a test wants them to. Needs faults.cpp, whose functions stand before those
/// of the libraries for the whole program: what libnl, libsystemd and libstdc++ call fails like
/// what we call ourselves.
namespace solicitd::test {

/// In place of an errno: the call comes short. It reads or writes one byte where there is more; it
/// finds a datagram longer than the room for it; a netlink message has no room for anything.
inline constexpr int kShort = -1;

/// In place of an errno of recvfrom: what the kernel answers over netlink is an error, or becomes
/// one in its last message, or is marked as changed while it was told (NLM_F_DUMP_INTR).
inline constexpr int kRefused = -2;
inline constexpr int kBrokenOff = -3;
inline constexpr int kInconsistent = -4;

/// While it lives, calls of one name fail: the `nth` from now on (from 1), and those after it,
/// `times` in all. One at a time. The name is the function's; "operator new" throws std::bad_alloc,
/// and what allocates in C returns null.
class Fault {
public:
    static constexpr int kAlways = 1'000'000;

    Fault(std::string_view call, int error, int nth = 1, int times = 1);
    ~Fault();
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;

    /// The calls after those fail, too, with another error.
    Fault& then(int error);

    /// How many calls failed. A test whose fault never struck would prove nothing.
    [[nodiscard]] int struck() const;

private:
    std::vector<std::string_view> calls_;
};

/// What came of an operation: nothing bad, an errno that it returned, or something that it threw.
struct Outcome {
    int error = 0;  ///< returned, or the code of the std::system_error that was thrown
    bool threw = false;
    std::string text;  ///< of what was thrown

    [[nodiscard]] bool failed() const { return threw || error != 0; }
};

/// Lets an operation meet every fault that it can meet: its first call fails, in each way that such
/// a call fails in, then its second, and so on, until it gets through with none.
///
///     EachFault fault;
///     while (fault.next()) {
///         SCOPED_TRACE(fault.text());
///         const Outcome outcome = fault.during([&] { return pool.join(index, group); });
///
/// next() also finds descriptors that were left open: what an operation made must be gone by then.
class EachFault {
public:
    /// Of the calls of these names only; without any, of all but "operator new".
    explicit EachFault(std::vector<std::string_view> calls = {});
    ~EachFault();
    EachFault(const EachFault&) = delete;
    EachFault& operator=(const EachFault&) = delete;

    [[nodiscard]] bool next();

    /// Runs it with the fault, which is over when this returns. It returns an errno, or nothing.
    template <typename Operation>
    [[nodiscard]] Outcome during(const Operation& operation);

    /// Whether it has come already, asked by what during() runs.
    [[nodiscard]] static bool came();

    /// Of the last during(): false only when the operation got through with all of its calls.
    [[nodiscard]] bool struck() const { return !call_.empty(); }
    [[nodiscard]] std::string_view call() const { return call_; }
    /// An errno, or kShort.
    [[nodiscard]] int error() const { return error_; }
    /// "call 3, setsockopt: No such device"
    [[nodiscard]] std::string text() const;
    /// Of that errno: what a message about the fault ends with.
    [[nodiscard]] std::string reason() const;

private:
    void begin();
    void end();

    std::vector<std::string_view> calls_;
    bool begun_ = false;
    int nth_ = 1;          // call
    std::size_t way_ = 0;  // in which it fails
    std::string_view call_;
    int error_ = 0;
    std::size_t descriptors_;
};

/// How many descriptors this process has open.
[[nodiscard]] std::size_t open_descriptors();

template <typename Operation>
Outcome EachFault::during(const Operation& operation) {
    Outcome outcome;
    begin();
    try {
        if constexpr (std::is_void_v<decltype(operation())>) {
            operation();
        } else {
            outcome.error = operation();
        }
        end();
    } catch (const std::system_error& error) {
        end();
        outcome = {error.code().value(), true, error.what()};
    } catch (const std::exception& error) {
        end();
        outcome = {0, true, error.what()};
    }
    return outcome;
}

}  // namespace solicitd::test
