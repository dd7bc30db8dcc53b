#pragma once

#include <cstdint>

namespace solicitd {

/// What an interface has sent since it was made (kernel: /proc/net/dev_snmp6).
struct MldOutput {
    std::uint64_t reports = 0;   ///< MLDv1 and MLDv2 reports of the kernel that went out
    std::uint64_t discards = 0;  ///< packets of any kind that it dropped on their way out

    friend bool operator==(const MldOutput&, const MldOutput&) = default;
};

}  // namespace solicitd
