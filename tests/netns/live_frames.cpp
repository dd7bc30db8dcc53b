#include "netns/live_frames.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "fakes/packet_socket.hpp"

namespace solicitd::test {
namespace {

// What follows is newer than the oldest headers that this is built with.
constexpr std::uint32_t kLiveFrames = 1U << 1U;  // BPF_F_TEST_XDP_LIVE_FRAMES
constexpr int kStoreBytes = 190;                 // bpf_xdp_store_bytes
/// bpf_attr.test
struct TestRun {
    std::uint32_t program = 0;
    std::uint32_t result = 0;
    std::uint32_t data_in_size = 0;
    std::uint32_t data_out_size = 0;
    std::uint64_t data_in = 0;
    std::uint64_t data_out = 0;
    std::uint32_t repeat = 0;
    std::uint32_t duration = 0;
    std::uint32_t context_in_size = 0;
    std::uint32_t context_out_size = 0;
    std::uint64_t context_in = 0;
    std::uint64_t context_out = 0;
    std::uint32_t flags = 0;
    std::uint32_t cpu = 0;
    std::uint32_t batch_size = 0;
    std::uint32_t padding = 0;
};

constexpr std::size_t kLongest = 2048;
constexpr std::uint32_t kBatch = 64;  // as many as a driver hands over at once

template <class Attributes>
int bpf(int command, Attributes& attributes) {
    return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

std::uint64_t address_of(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory);
}

/// How the frames lie in the map: for each its size less one, and room for the longest.
class Slots {
public:
    explicit Slots(const std::vector<Packet>& frames) : count(frames.size()) {
        for (const Packet& frame : frames) {
            longest = std::max(longest, std::bit_ceil(frame.size()));
        }
        if (!std::has_single_bit(count) || longest > kLongest) {
            throw std::invalid_argument("live frames: a power of two, of 2048 bytes at most");
        }
    }
    [[nodiscard]] std::size_t size() const { return kBytesAt + longest; }
    [[nodiscard]] std::size_t all() const { return count * size(); }

    static constexpr std::size_t kBytesAt = sizeof(std::uint32_t);
    std::size_t count;
    std::size_t longest = 1;
};

io::Fd map_of(const std::vector<Packet>& frames, const Slots& slots) {
    bpf_attr wanted{};
    wanted.map_type = BPF_MAP_TYPE_ARRAY;
    wanted.key_size = sizeof(std::uint32_t);
    wanted.value_size = static_cast<std::uint32_t>(slots.all());
    wanted.max_entries = 1;
    wanted.map_flags = BPF_F_MMAPABLE;
    io::Fd map(checked(bpf(BPF_MAP_CREATE, wanted), "make a BPF map"));
    void* const memory =
        mmap(nullptr, slots.all(), PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
    checked(memory == MAP_FAILED ? -1 : 0, "write to a BPF map");
    auto* slot = static_cast<std::uint8_t*>(memory);
    for (const Packet& frame : frames) {
        const auto last = static_cast<std::uint32_t>(frame.size() - 1);
        std::memcpy(slot, &last, sizeof last);
        std::copy(frame.begin(), frame.end(), slot + Slots::kBytesAt);
        slot += slots.size();
    }
    munmap(memory, slots.all());
    return map;
}

// Registers: 0 result, 1..5 arguments, which a call takes away, 6..9 ours.
using Register = std::uint8_t;
constexpr bpf_insn instruction(int code, Register to, Register from, int offset, int value) {
    bpf_insn made{};
    made.code = static_cast<std::uint8_t>(code);
    made.dst_reg = to & 0xF;
    made.src_reg = from & 0xF;
    made.off = static_cast<std::int16_t>(offset);
    made.imm = value;
    return made;
}
constexpr bpf_insn set(Register to, int value) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn copy(Register to, Register from) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
constexpr bpf_insn compute(int operation, Register to, std::size_t value) {
    return instruction(BPF_ALU64 | operation | BPF_K, to, 0, 0, static_cast<int>(value));
}
constexpr bpf_insn add(Register to, Register from) {
    return instruction(BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0);
}
constexpr bpf_insn load32(Register to, Register from, std::size_t offset) {
    return instruction(BPF_LDX | BPF_W | BPF_MEM, to, from, static_cast<int>(offset), 0);
}
constexpr bpf_insn store16(Register to, std::size_t offset, Register from) {
    return instruction(BPF_STX | BPF_H | BPF_MEM, to, from, static_cast<int>(offset), 0);
}
constexpr bpf_insn call(int helper) {
    return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}
constexpr bpf_insn skip_if_greater(Register a, Register b, int lines) {
    return instruction(BPF_JMP | BPF_JGT | BPF_X, a, b, lines, 0);
}
constexpr bpf_insn exit_program() {
    return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

std::vector<bpf_insn> instructions(int map, const Slots& slots, std::size_t salted_at) {
    std::vector<bpf_insn> program = {
        copy(6, 1),                            // r6 = the context
        call(BPF_FUNC_get_prandom_u32),        // r0 = 32 random bits
        copy(7, 0),                            // r7 = the same, for the salt
        compute(BPF_AND, 0, slots.count - 1),  // r0 = which slot
        compute(BPF_MUL, 0, slots.size()),     // r0 = where it is in the map
        instruction(BPF_LD | BPF_DW, 8, BPF_PSEUDO_MAP_VALUE, 0, map),
        instruction(0, 0, 0, 0, 0),              // r8 = the map (this is its second half)
        add(8, 0),                               // r8 = the slot
        load32(9, 8, 0),                         // r9 = the frame's size less one,
        compute(BPF_AND, 9, slots.longest - 1),  // which the verifier now believes,
        compute(BPF_ADD, 9, 1),                  // r9 = the frame's size
        copy(1, 6),                              // cut the page to size: the context,
        copy(2, 9),                              // by how much it is to grow
        compute(BPF_SUB, 2, slots.longest),      //
        call(BPF_FUNC_xdp_adjust_tail),          //
        copy(1, 6),                              // write the frame: the context,
        set(2, 0),                               // from the start of the page,
        copy(3, 8),                              // the slot's bytes,
        compute(BPF_ADD, 3, Slots::kBytesAt),    //
        copy(4, 9),                              // as many as the frame has
        call(kStoreBytes),                       //
    };
    const std::vector<bpf_insn> salt = {
        load32(1, 6, offsetof(xdp_md, data)),      // r1 = the page
        load32(2, 6, offsetof(xdp_md, data_end)),  // r2 = its end
        copy(3, 1),                                //
        compute(BPF_ADD, 3, salted_at + 4),        // r3 = the salt's end,
        skip_if_greater(3, 2, 4),                  // which the verifier wants to be in the page
        compute(BPF_RSH, 7, 16),                   // r7 = 16 random bits, others than the slot's
        store16(1, salted_at, 7),                  //
        compute(BPF_XOR, 7, 0xFFFF),               // r7 = their complement
        store16(1, salted_at + 2, 7),              //
    };
    if (salted_at != LiveFrames::kUnsalted) {
        program.insert(program.end(), salt.begin(), salt.end());
    }
    program.push_back(set(0, XDP_PASS));
    program.push_back(exit_program());
    return program;
}

io::Fd load(const std::vector<bpf_insn>& program) {
    bpf_attr wanted{};
    wanted.prog_type = BPF_PROG_TYPE_XDP;
    wanted.insns = address_of(program.data());
    wanted.insn_cnt = static_cast<std::uint32_t>(program.size());
    wanted.license = address_of("GPL");
    return io::Fd(checked(bpf(BPF_PROG_LOAD, wanted), "load a BPF program"));
}

io::Fd current_namespace() {
    return io::Fd(checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC),
                          "open a network namespace"));
}

/// The thread is in a network namespace of its own, until the end of this object.
class OtherNamespace {
public:
    OtherNamespace() { checked(unshare(CLONE_NEWNET), "make a network namespace"); }
    ~OtherNamespace() { setns(home_.get(), CLONE_NEWNET); }
    OtherNamespace(const OtherNamespace&) = delete;
    OtherNamespace& operator=(const OtherNamespace&) = delete;

private:
    io::Fd home_ = current_namespace();
};

}  // namespace

LiveFrames::LiveFrames(int ifindex, const std::vector<Packet>& frames, std::size_t salted_at)
    : ifindex_(ifindex) {
    const Slots slots(frames);
    page_.resize(slots.longest);
    frames_ = map_of(frames, slots);
    program_ = load(instructions(frames_.get(), slots, salted_at));
    hold_dispatcher();
}

/// When an XDP program comes into use, or goes out of it, the kernel waits until no processor runs
/// its dispatcher (kernel: bpf_prog_change_xdp), which would cost each receive() 25 ms. So it is in
/// use all the time, in a namespace where nothing else is. There it also shows what this kernel
/// can.
void LiveFrames::hold_dispatcher() {
    const OtherNamespace there;
    elsewhere_ = current_namespace();
    const int lo = index_of("lo");
    bpf_attr wanted{};
    wanted.link_create.prog_fd = static_cast<std::uint32_t>(program_.get());
    wanted.link_create.target_ifindex = static_cast<std::uint32_t>(lo);
    wanted.link_create.attach_type = BPF_XDP;
    wanted.link_create.flags = XDP_FLAGS_SKB_MODE;
    link_ = io::Fd(checked(bpf(BPF_LINK_CREATE, wanted), "attach an XDP program"));
    static_cast<void>(run(lo, 1));
}

std::uint32_t LiveFrames::run(int ifindex, std::uint32_t count) const {
    xdp_md context{};
    context.data_end = static_cast<std::uint32_t>(page_.size());
    context.ingress_ifindex = static_cast<std::uint32_t>(ifindex);
    TestRun run;
    run.program = static_cast<std::uint32_t>(program_.get());
    run.data_in = address_of(page_.data());
    run.data_in_size = context.data_end;
    run.context_in = address_of(&context);
    run.context_in_size = sizeof context;
    run.repeat = count;
    run.flags = kLiveFrames;
    run.batch_size = kBatch;
    const int result = bpf(BPF_PROG_TEST_RUN, run);
    if (result < 0 && errno == EINTR) {
        return 0;
    }
    checked(result, "run an XDP program on live frames");
    return count;
}

}  // namespace solicitd::test
