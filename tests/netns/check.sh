#!/usr/bin/env bash
# What --check says of a healthy system, and of each fault, provoked and mended again.
. "$(dirname "$0")/lib.sh"
need nft setpriv
make_topology

# check [OPTION...]: of the two interfaces.
check() { run_solicitd --check "$@" eth9 br0; }
# findings: "id interface" each, sorted, of the document; the machine's have the interface null.
findings() {
    check --json
    jq -r '.findings[] | "\(.id) \(.interface)"' <<<"$output" | sort | paste -sd ' '
}
finds() { [ "$(findings)" = "$1" ]; }
finds_nothing() {
    check
    [ "$status" = 0 ] && [ "${output##*$'\n'}" = "nothing found wrong" ]
}
# assert_finding ID INTERFACE TEXT: this, named correctly in both forms, and nothing else.
assert_finding() {
    eventually 30 finds "$1 $2"
    check --json
    assert_equal "exit status with --json" 1 "$status"
    check
    assert_equal "exit status" 1 "$status"
    local begin=''
    [ "$2" = null ] || begin="$2: "
    assert_match "text" "^$begin.*$3" "$output"
    assert_equal "last line" "1 finding" "${output##*$'\n'}"
}
assert_healthy() { eventually 30 finds_nothing; }
# start_knowing [OPTION...] UPSTREAM DOWNSTREAM: the daemon, which then knows host1.
start_knowing() {
    start_daemon "$@"
    say_nd host1 na "$host1"
    wait_for 5 host_is "$host1" confirmed
    wait_for 5 joined "$(group_of "$host1")"
}

step "A healthy system, without a daemon"
check
assert_equal "exit status" 0 "$status"
assert_match "text" "^remark: no daemon runs on $work/run: looked at the system only" "$output"
assert_equal "last line" "nothing found wrong" "${output##*$'\n'}"
check --json
assert_equal "exit status" 0 "$status"
assert_equal "the document" '1 null []' \
    "$(jq -r '"\(.format_version) \(.daemon) \(.findings)"' <<<"$output")"

step "... and with one"
start_daemon
wait_for 10 gateway_reaches "$host1"
check
assert_equal "exit status" 0 "$status"
assert_equal "all of it" "nothing found wrong" "$(grep -v "no MLD query" <<<"$output")"
check --json
assert_equal "the daemon" "$daemon_pid" "$(jq .daemon.pid <<<"$output")"
# Until the next query, which may take two minutes, one remark tells that none was heard.
assert_equal "findings and remarks" '[] []' "$(jq -r '.remarks |= map(
    select(test("no MLD query has been heard yet") | not)) | "\(.findings) \(.remarks)"' <<<"$output")"

step "A trial leaves nothing behind, and its group is left again"
before=$(in_ns router ip -6 maddr show dev eth9)
check
assert_equal "memberships" "$before" "$(in_ns router ip -6 maddr show dev eth9)"

step "An ordinary user sees the system, and is told what he cannot see"
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if "${as_nobody[@]}" test -x "$SOLICITD" 2>/dev/null; then
    chmod 0755 "$work" "$work/run"
    status=0
    output=$(in_ns router "${as_nobody[@]}" "$SOLICITD" --runtime-dir "$work/run" \
        --check eth9 br0 2>&1) || status=$?
    assert_equal "exit status" 0 "$status"
    assert_match "remark" '^remark: the daemon could not be asked: .*run this as root$' "$output"
else
    ok "not here: this user cannot become another one, or that one not read $SOLICITD"
fi

step "Configuration errors stay 2"
run_solicitd --check eth9
assert_equal "exit status" 2 "$status"
run_solicitd --check --dump-state
assert_equal "exit status" 2 "$status"

step "No forwarding"
set_sysctl router net.ipv6.conf.all.forwarding=0
assert_not gateway_reaches "$host1"
assert_finding forwarding-off null \
    'no IPv6 forwarding \(net.ipv6.conf.all.forwarding = 0\): sysctl -w net.ipv6.conf.all.forwarding=1'
set_sysctl router net.ipv6.conf.all.forwarding=1
assert_healthy
wait_for 5 gateway_reaches "$host1"

step "No router for the LAN"
set_sysctl router net.ipv6.conf.br0.forwarding=0
assert_finding forwarding-off br0 'net.ipv6.conf.br0.forwarding = 0'
set_sysctl router net.ipv6.conf.br0.forwarding=1
assert_healthy

step "No forwarding on the upstream is no fault while ndppd answers"
set_sysctl router net.ipv6.conf.eth9.forwarding=0
assert gateway_reaches "$host1"
assert finds_nothing

step "ndppd ends"
kill "$ndppd_pid"
wait "$ndppd_pid" || true
assert_not gateway_reaches "$host1"
assert_finding no-nd-proxy eth9 'no ndppd runs here'
step "... another's does not count"
sed 's/eth9/eth0/; s/iface br0/static/' "$work/ndppd.conf" >"$work/ndppd2.conf"
spawn host2 ndppd -c "$work/ndppd2.conf" >"$work/ndppd2.log" 2>&1
eventually 5 grep -qx ndppd "/proc/$spawned/comm"
assert finds "no-nd-proxy eth9"
kill "$spawned"
step "... the kernel takes over: entries without the setting"
in_ns router ip -6 neigh add proxy "$host1" dev eth9
assert_finding no-nd-proxy eth9 'net.ipv6.conf.eth9.proxy_ndp = 0'
step "... the setting, but it answers only where it forwards"
set_sysctl router net.ipv6.conf.eth9.proxy_ndp=1
assert_not gateway_reaches "$host1"
assert_finding forwarding-off eth9 'net.ipv6.conf.eth9.forwarding = 0'
set_sysctl router net.ipv6.conf.eth9.forwarding=1
wait_for 5 gateway_reaches "$host1"
assert_healthy
step "... and the setting without entries"
in_ns router ip -6 neigh del proxy "$host1" dev eth9
assert_finding no-nd-proxy eth9 'no proxy entry'
set_sysctl router net.ipv6.conf.eth9.proxy_ndp=0
start_ndppd
assert_healthy
wait_for 5 gateway_reaches "$host1"

step "Both hold the prefix, and the LAN's route is not the better one"
in_ns router ip -6 addr change "${prefix}2/64" dev eth9 metric 256
assert_finding wrong-route br0 "$prefix/64 has metric 256 here and 256 there: ip -6 route add"
step "... the remedy mends it"
remedy=$(sed -nE 's/.*: (ip -6 route add [^(]*) \(.*/\1/p' <<<"$output")
# shellcheck disable=SC2086
in_ns router $remedy
assert_healthy
# shellcheck disable=SC2086
in_ns router ${remedy/add/del}
step "... worse"
in_ns router ip -6 addr change "${prefix}2/64" dev eth9 metric 128
assert_finding wrong-route br0 'has metric 256 here and 128 there'
in_ns router ip -6 addr change "${prefix}2/64" dev eth9 metric 2048
assert_healthy
step "... or the LAN has none"
say_nd host1 na "$host1"
in_ns router ip -6 route del "$prefix/64" dev br0
assert_finding wrong-route br0 'packets for its host [0-9a-f:]+ go out of eth9: ip -6 route add'
in_ns router ip -6 route add "$prefix/64" dev br0 metric 256
assert_healthy

step "A firewall eats MLD"
in_ns router nft -f - <<'END'
table ip6 fw {
    chain out {
        type filter hook output priority 0
        icmpv6 type { 131, 132, 143 } drop
    }
}
END
assert_finding reports-discarded eth9 'Ip6OutDiscards in /proc/net/dev_snmp6/eth9'
in_ns router nft delete table ip6 fw
assert_healthy

step "Little option memory"
limit=/proc/sys/net/core/optmem_max
if in_ns router test -w "$limit"; then
    normal=$(in_ns router cat "$limit")
    in_ns router sh -c "echo 4096 >$limit"
    assert_finding optmem-low null 'net.core.optmem_max = 4096 gives a socket room for 73 groups'
    in_ns router sh -c "echo $normal >$limit"
    assert_healthy
    step "... none at all: joins fail"
    in_ns router sh -c "echo 40 >$limit"
    newcomer=${prefix}71:1
    say_nd host1 dad "$newcomer"
    assert_finding optmem-low eth9 '1 group cannot be joined .*optmem_max = 40'
    in_ns router sh -c "echo $normal >$limit"
    assert_healthy
    assert joined "$(group_of "$newcomer")"
else
    ok "not here: net.core.optmem_max belongs to the whole machine (Linux before 6.9)"
fi

step "Interfaces that are absent, down, without IPv6, or a bridge's"
run_solicitd --check --json eth7 br0
assert_equal "findings" "not-served eth7 absent eth7" \
    "$(jq -r '[.findings[] | "\(.id) \(.interface)"] | join(" ")' <<<"$output")"
run_solicitd --check --runtime-dir "$work/none" eth9 br7
assert_equal "exit status" 1 "$status"
assert_match "text" '^br7: there is no such interface: ' "$output"
in_ns router ip link set br0 down
assert_finding down br0 'ip link set br0 up'
in_ns router ip link set br0 up
address_lan
assert_healthy
set_sysctl router net.ipv6.conf.br0.disable_ipv6=1
assert_finding no-ipv6 br0 'disable_ipv6=0'
set_sysctl router net.ipv6.conf.br0.disable_ipv6=0
address_lan
assert_healthy
run_solicitd --check --json --runtime-dir "$work/none" eth9 lan-host1
assert_match "findings" '"bridge-port"' "$output"

step "No prefix upstream"
in_ns router ip -6 addr del "${prefix}2/64" dev eth9
eventually 5 finds "no-prefix eth9"
in_ns router ip -6 addr add "${prefix}2/64" dev eth9 metric 2048
assert_healthy

step "The kernel lost groups, and the daemon heard nothing of it"
# leave_for DAEMON GROUP: on whichever of its sockets the membership is, behind its back.
leave_for() {
    in_ns router python3 - "$@" <<'END'
import ctypes, os, socket, struct, sys

PIDFD_GETFD = 438
pid, group = int(sys.argv[1]), socket.inet_pton(socket.AF_INET6, sys.argv[2])
request = group + struct.pack("@I", socket.if_nametoindex("eth9"))
pidfd = os.pidfd_open(pid)
left = 0
for name in os.listdir(f"/proc/{pid}/fd"):
    fd = ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, int(name), 0)
    try:
        with socket.socket(fileno=fd) as s:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, request)
            left += 1
    except OSError:
        pass
sys.exit(left != 1)
END
}
if [ -n "${MUTE_LIBRARY:-}" ]; then
    stop_daemon
    export LD_PRELOAD=$MUTE_LIBRARY MUTE_NETLINK=$work/mute
    start_knowing --audit-interval 0 eth9 br0
    unset LD_PRELOAD
    assert_healthy
    touch "$MUTE_NETLINK"
    assert leave_for "$daemon_pid" "$(group_of "$host1")"
    assert_not joined "$(group_of "$host1")"
    assert_finding groups-lost eth9 "does not hold 1 group .* such as $(group_of "$host1")"
    rm "$MUTE_NETLINK"
    assert_healthy
    assert joined "$(group_of "$host1")"
    stop_daemon
    start_daemon
else
    ok "not here: MUTE_LIBRARY names no library to preload (sanitizers allow none)"
fi

step "A daemon without its capabilities"
# It would not start so. What has its lock, and answers with its words, stands in for it.
stop_daemon
start_knowing eth9 br0
state . >"$work/words.json"
stop_daemon
cat >"$work/stand_in.py" <<'END'
import fcntl, os, signal, sys

directory, words = sys.argv[1], open(sys.argv[2]).read()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
lock = open(f"{directory}/lock", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("holds", flush=True)
while True:
    signal.sigwait([signal.SIGUSR1])
    with open(f"{directory}/new", "w") as f:
        f.write(words)
    os.rename(f"{directory}/new", f"{directory}/state.json")
END
spawn router setpriv --bounding-set -net_raw --inh-caps -net_raw \
    python3 "$work/stand_in.py" "$work/run" "$work/words.json" >"$work/stand_in.log"
wait_for 5 grep -q holds "$work/stand_in.log"
check --json
assert_equal "findings" "no-capability null groups-lost eth9" \
    "$(jq -r '[.findings[] | "\(.id) \(.interface)"] | join(" ")' <<<"$output")"
check
assert_match "text" "^solicitd \\(pid $spawned\\) runs without CAP_NET_RAW: " "$output"
kill "$spawned"
wait "$spawned" || true
start_daemon
assert_healthy

step "A daemon that does not answer"
freeze_daemon
check
thaw_daemon
assert_equal "exit status" 1 "$status"
assert_match "text" "^solicitd \\(pid $daemon_pid\\) runs, but does not answer" "$output"
assert_healthy

step "The querier stops"
querier() { state "[.upstreams[].querier.$1] | first"; }
querier_asks_every() { [ "$(querier interval)" = "$1" ]; }
# silence_querier: once the daemon knows that it asks each second.
silence_querier() {
    # A querier that starts tells its interval at once.
    in_ns switch ip link set sw type bridge mcast_querier 0 mcast_query_interval 100
    in_ns switch ip link set sw type bridge mcast_querier 1
    eventually 10 querier_asks_every 1
    in_ns switch ip link set sw type bridge mcast_querier 0
    eventually 10 finds "no-querier eth9"
}
silence_querier
assert_finding no-querier eth9 'no MLD querier is heard.*: switch one on .* every 60 s'
in_ns switch ip link set sw type bridge mcast_querier 1
assert_healthy
step "... and the daemon, unlike the configuration that is looked at, never announces"
stop_daemon
start_knowing --announce never eth9 br0
silence_querier
assert_finding no-querier eth9 'switch one on .*; announce = "auto" bridges the gap'
in_ns switch ip link set sw type bridge mcast_querier 1
assert_healthy

step "A switch that does not learn our reports"
stop_daemon
eventually 5 is_not switch_forwards "$(group_of "$host1")"
eventually 15 is_not gateway_reaches "$host1" # it flooded as long as it had no querier
in_ns switch nft -f - <<'END'
table bridge deaf {
    chain in {
        type filter hook prerouting priority 0
        iifname "to-router" icmpv6 type 143 drop
    }
}
END
start_knowing --host-timeout 2 --max-groups 5000 eth9 br0
assert_not gateway_reaches "$host1"
assert_finding never-asked eth9 'nobody ever asked for any of the [0-9]+ groups that were held for longer than 2 s'
in_ns switch nft delete table bridge deaf
eventually 5 gateway_reaches "$host1"
assert_healthy

step "As many groups as a switch may take"
if sanitized; then
    ok "not here: with sanitizers --check reads the words of so many hosts for ten seconds at best"
else
    add_neighbors 1 3000
    holds_all() { [ "$(groups_of_neighbors)" -ge "$1" ]; } # a dump a look would keep it busy
    wait_for 30 holds_all 3000
    assert_healthy
    add_neighbors 3001 3690
    assert_finding many-groups eth9 'groups are held: a Linux bridge upstream refuses more than 4096'
fi
