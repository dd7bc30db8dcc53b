#!/usr/bin/env bash
# What the daemon may do, holds open and leaves in the file system: no more than it needs, and no
# way in but its signals. That each scenario passes under the unit's capabilities and system-call
# filter shows that they are enough; here they are shown to be there, and to be the least.
. "$(dirname "$0")/lib.sh"
if [ "$SOLICITD_CONFINED" != yes ]; then
    skip "SOLICITD_CONFINED=$SOLICITD_CONFINED: nothing is confined"
fi
make_topology

unit=$netns_dir/../../units/solicitd.service.in
capabilities_of() { sed -n "s/^$1=//p" "$unit"; }

step "Control: what is confined cannot do what the unit forbids"
confine_daemon
cat >"$work/try.py" <<'END'
import errno, mmap, os, socket, sys
def attempt(name, call, *arguments):
    try:
        call(*arguments)
        print(name, "allowed")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
attempt("fork", os.fork)
attempt("setgroups", os.setgroups, [])
attempt("inet", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
attempt("inet6", socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
attempt("packet", socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM)
attempt("code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
attempt("hostname", socket.sethostname, "other")
END
assert_equal "attempts" "fork EPERM setgroups EPERM inet EAFNOSUPPORT inet6 allowed packet allowed \
code EPERM hostname EPERM" \
    "$(in_ns router "${confined[@]}" /usr/bin/python3 "$work/try.py" | tr '\n' ' ' | sed 's/ $//')"

step "Without any one of the unit's capabilities it does not start, and names it"
own_directories
before=$(in_ns router ip -6 maddr show dev eth9)
assert_equal "AmbientCapabilities" "$(capabilities_of CapabilityBoundingSet)" \
    "$(capabilities_of AmbientCapabilities)"
for capability in $(capabilities_of CapabilityBoundingSet); do
    status=0
    output=$(in_ns router timeout 20 "${confined[@]}" --without "$capability" \
        "$confinement/solicitd" --runtime-dir "$work/run" --state-dir "$work/state" eth9 br0 \
        2>&1) || status=$?
    assert_equal "exit status without $capability" 1 "$status"
    assert_match "its words" "^solicitd: no $capability: .*AmbientCapabilities=" "$output"
    assert_equal "lines" 1 "$(wc -l <<<"$output")"
    assert_equal "memberships" "$before" "$(in_ns router ip -6 maddr show dev eth9)"
done

step "It keeps these, passes on none, and gets no more"
start_daemon
assert_equal "CapPrm" "$(status_of CapBnd)" "$(status_of CapPrm)"
assert_equal "CapAmb" 0000000000000000 "$(status_of CapAmb)"
assert_equal "NoNewPrivs" 1 "$(status_of NoNewPrivs)"
assert_equal "Seccomp" 2 "$(status_of Seccomp)"

index_of() { in_ns router ip -o link show dev "$1" | cut -d : -f 1; }
expected_sockets() {
    printf '%s\n' "packet 86dd $(index_of eth9)" "packet 86dd $(index_of br0)" \
        "packet 0000 0" "netlink 0" "raw6 00000000000000000000000000000000:003A" "without an address" | sort
}

step "Nobody can talk to it: what receives are its captures, and the kernel's netlink"
eventually 5 joined "$(group_of "$host1")"
sockets | sort | uniq -c
assert_equal "kinds of sockets" "$(expected_sockets)" "$(sockets | sort -u)"
assert_equal "raw sockets, for reports and for solicitations" 2 "$(sockets | grep -c ^raw6)"
assert_equal "packet sockets, the one that only sends too" 3 "$(sockets | grep -c ^packet)"
# What it inherited is the caller's.
others() {
    find "/proc/$daemon_pid/fd" -type l -printf '%l\n' | grep -v '^socket:' |
        grep -Fxv -e "$daemon_log" -f <(find "/proc/$$/fd" -type l -printf '%l\n') |
        LC_ALL=C sort -u | tr '\n' ' '
}
assert_equal "what is no socket, and its own" \
    "$work/run/lock $(printf 'anon_inode:[%s] ' eventfd eventpoll signalfd timerfd)" "$(others)"

step "The raw sockets take nothing in; another one, without their filter, does"
spawn router python3 -c 'import signal, socket
everything = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
signal.pause()'
other=$spawned
# received PID: bytes that wait in its raw socket, and packets dropped there.
received() {
    local inode
    for inode in $(socket_inodes "$1"); do
        awk -v i="$inode" '$10 == i { split($5, q, ":"); print q[2], $NF }' "/proc/$1/net/raw6"
    done
}
has_received() { [ "$(received "$other")" != "00000000 0" ]; }
wait_for 5 received "$other"
ping_until_received() {
    in_ns gw ping -6 -n -q -c 1 -W 1 "${prefix}2" >/dev/null
    has_received
}
eventually 5 ping_until_received
assert_equal "in the daemon's" "00000000 0" "$(received "$daemon_pid" | sort -u)"
kill "$other"

foreign() { find "$work/run" "$work/state" ! -user "$(status_of Uid | cut -f 1)"; }

step "Nobody else may write to its files"
say_nd host1 na "$host1"
wait_for 5 host_is "$host1" confirmed # --dump-state asked for it
eventually 5 test -e "$work/run/hosts"
find "$work/run" "$work/state" -printf '   %M %u %p\n'
assert_equal "files of the run" "hosts lock state.json" \
    "$(find "$work/run" -type f -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
assert_equal "writable by others" "" "$(writable_by_others "$work/run" "$work/state")"
assert_equal "of another user" "" "$(foreign)"
stop_daemon
assert test -e "$work/state/hosts"
assert_equal "writable by others, after its end" "" "$(writable_by_others "$work/run" "$work/state")"

step "Nor when it is started by hand, by root with umask 000"
SOLICITD_CONFINED=no confined=()
rm -r "$work/run" "$work/state"
umask 000
start_daemon
umask 022
assert_equal "Uid" 0 "$(status_of Uid | cut -f 1)"
kept=0000000000002000
bridge_heeds_allmulti || kept=0000000000003000 # to make it a multicast router
assert_equal "CapPrm" "$kept" "$(status_of CapPrm)"
assert_equal "CapEff" "$kept" "$(status_of CapEff)"
say_nd host1 na "$host1"
wait_for 5 host_is "$host1" confirmed
eventually 5 test -e "$work/run/hosts"
stop_daemon
find "$work/run" "$work/state" -printf '   %M %u %p\n'
assert test -e "$work/state/hosts"
assert_equal "writable by others" "" "$(writable_by_others "$work/run" "$work/state")"

step "A directory that others may write to is not used"
for mode in 777 1777 775; do
    rm -r "$work/run"
    mkdir -m "$mode" "$work/run"
    run_solicitd eth9 br0
    assert_equal "exit status" 1 "$status"
    assert_match "its words" "others may write to the runtime directory $work/run; " "$output"
    assert_equal "left there" "" "$(find "$work/run" -mindepth 1)"
done

step "Links that lie in the way are not followed"
rm -r "$work/run"
mkdir -m 755 "$work/run"
echo precious >"$work/victim"
chmod 600 "$work/victim"
for name in state.json state.json.tmp hosts.tmp; do
    ln -s "$work/victim" "$work/run/$name"
done
start_daemon
say_nd host1 na "$host1"
wait_for 5 host_is "$host1" confirmed
saved() { [ -f "$work/run/hosts" ] && grep -q "^$host1 " "$work/run/hosts"; }
eventually 5 saved
assert_not test -L "$work/run/state.json"
stop_daemon
ln -sf "$work/victim" "$work/run/lock"
run_solicitd eth9 br0
assert_equal "exit status" 1 "$status"
assert_match "its words" "cannot open $work/run/lock" "$output"
assert_equal "the victim" "precious 600" "$(cat "$work/victim") $(stat -c %a "$work/victim")"
