#!/usr/bin/env bash
# What --check says of a healthy system, and of each fault, provoked and mended again.
. "$(dirname "$0")/lib.sh"
need nft setpriv
make_topology

# check [OPTION...]: of the two interfaces.
check() { run_solicitd --check "$@" eth9 br0; }
# findings: "id interface" each, sorted, of the document; the machine's have the interface null.
findings() {
    check --json "$@" >/dev/null
    jq -r '.findings[] | "\(.id) \(.interface)"' <<<"$output" | sort | paste -sd ' '
}
finds() { [ "$(findings)" = "$1" ]; }
finds_nothing() {
    check
    [ "$status" = 0 ] && [ "${output##*$'\n'}" = "nothing found wrong" ]
}
# assert_finding ID INTERFACE TEXT: this, named correctly in both forms, and nothing else.
assert_finding() {
    eventually 5 finds "$1 $2"
    check --json
    assert_equal "exit status with --json" 1 "$status"
    check
    assert_equal "exit status" 1 "$status"
    local begin=''
    [ "$2" = null ] || begin="$2: "
    assert_match "text" "^$begin.*$3" "$output"
    assert_equal "last line" "1 found wrong" "${output##*$'\n'}"
}
assert_healthy() { eventually 5 finds_nothing; }

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
assert_equal "all of it" "nothing found wrong" "$output"
check --json
assert_equal "the daemon" "$daemon_pid" "$(jq .daemon.pid <<<"$output")"
assert_equal "findings and remarks" '[] []' "$(jq -r '"\(.findings) \(.remarks)"' <<<"$output")"

step "A trial leaves nothing behind, and its group is left again"
before=$(in_ns router ip -6 maddr show dev eth9)
check
assert_equal "memberships" "$before" "$(in_ns router ip -6 maddr show dev eth9)"

step "An ordinary user sees the system, and is told what he cannot see"
chmod 0755 "$work" "$work/run"
status=0
output=$(in_ns router setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$SOLICITD" --runtime-dir "$work/run" --check eth9 br0 2>&1) || status=$?
assert_equal "exit status" 0 "$status"
assert_match "remark" '^remark: the daemon could not be asked: .*run this as root$' "$output"

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
in_ns router ${remedy/add/del}
step "... worse"
in_ns router ip -6 addr change "${prefix}2/64" dev eth9 metric 128
assert_finding wrong-route br0 'has metric 256 here and 128 there'
in_ns router ip -6 addr change "${prefix}2/64" dev eth9 metric 2048
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
assert_healthy
set_sysctl router net.ipv6.conf.br0.disable_ipv6=1
assert_finding no-ipv6 br0 'disable_ipv6=0'
set_sysctl router net.ipv6.conf.br0.disable_ipv6=0
in_ns router ip -6 addr add fe80::1/64 dev br0
in_ns router ip -6 addr add "${prefix}3/64" dev br0 metric 256
assert_healthy
run_solicitd --check --json --runtime-dir "$work/none" eth9 lan-host1
assert_match "findings" '"bridge-port"' "$output"

step "No prefix upstream"
in_ns router ip -6 addr del "${prefix}2/64" dev eth9
eventually 5 finds "no-prefix eth9"
in_ns router ip -6 addr add "${prefix}2/64" dev eth9 metric 2048
assert_healthy

step "A daemon that does not answer"
freeze_daemon
check
thaw_daemon
assert_equal "exit status" 1 "$status"
assert_match "text" "^solicitd \\(pid $daemon_pid\\) runs, but does not answer" "$output"
assert_healthy
