#!/usr/bin/env bash
# More groups than one socket can hold: the kernel caps its option memory (net.core.optmem_max).
. "$(dirname "$0")/lib.sh"
make_topology

limit=/proc/sys/net/core/optmem_max
# Where it is the whole machine's, only the first network namespace shows it.
in_ns router test -w "$limit" ||
    skip "net.core.optmem_max belongs to the whole machine here (Linux before 6.9), or may not be set"
in_ns router sh -c "echo 4096 >$limit"

hosts=300
holds() { [ "$(groups_of_neighbors)" = "$1" ]; }

step "Control: one socket cannot hold so many"
one_socket() {
    in_ns router python3 - <<'END'
import errno, socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
index = socket.if_nametoindex("eth9")
for number in range(1, 301):
    group = socket.inet_pton(socket.AF_INET6, f"ff02::1:ff40:{number:x}")
    try:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
    except OSError as error:
        print(errno.errorcode[error.errno], "after", number - 1)
        break
END
}
assert_match "one socket" '^ENOMEM after [0-9]+$' "$(one_socket)"

step "The daemon holds $hosts at its start"
add_neighbors 1 "$hosts"
start_daemon
assert_equal "groups joined" "$hosts" "$(groups_of_neighbors)"
assert_not logged 'ENOMEM|Cannot allocate memory'

step "... and as many again later"
add_neighbors "$((hosts + 1))" "$((2 * hosts))"
eventually 10 holds "$((2 * hosts))"
stop_daemon
assert_equal "groups joined" 0 "$(groups_of_neighbors)"
