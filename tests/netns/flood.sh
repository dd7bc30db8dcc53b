#!/usr/bin/env bash
# Somebody on the LAN, or upstream, sends as much as the machine can make.  FLOODER: built by CMake.
. "$(dirname "$0")/lib.sh"
. "$netns_dir/lib/attack.sh"
: "${FLOODER:=$(dirname "$SOLICITD")/../tests/netns/flooder}"
[ -x "$FLOODER" ] || skip "$FLOODER is not there: cmake --build build --target flooder"
make_topology

# begin_flood NAMESPACE KIND RATE SECONDS [MAC|random [ADDRESS]]; end_flood. With forever for SECONDS
# it is stop_flood. The frames go out of the namespace's eth0.
readonly forever=60
begin_flood() {
    begin_attack "$1" "$FLOODER" eth0 "${@:2}"
    wait_for 20 grep -q begins "$work/attack"
}
# begin_live_flood KIND RATE ...: what host1 would send, and more than it can: the router has it from
# where the driver of lan-host1 would give it, which is the router's end of host1's cable.
begin_live_flood() {
    if [ -n "$no_live_frames" ]; then
        begin_flood host1 "$@"
        return
    fi
    received_before=$(received)
    begin_attack router "$FLOODER" --into lan-host1 "$@"
    wait_for 20 grep -q begins "$work/attack"
}
end_flood() {
    end_attack
    assert_match "sent" '^[1-9][0-9]* frames' "$(cat "$work/attack")"
}
# assert_all_were_received WANTED: what was made live, and what hosts said meanwhile.
assert_all_were_received() {
    local wanted=$1 made came
    [ -z "$no_live_frames" ] || return 0
    made=$(awk '/frames/ { print $1 }' "$work/attack")
    [ "$made" -ge $((wanted * 2 / 5)) ] || sanitized ||
        fail "this machine made $made frames only, wanted were $wanted"
    came=$(($(received) - received_before))
    [ "$came" -ge "$made" ] && [ "$came" -le $((made + 5000)) ] || fail "br0 received $came"
    ok "br0 received $came"
}
received() { in_ns router ip -json -s link show dev br0 | jq '.[0].stats64.rx.packets'; }
stop_flood() {
    watch_second
    kill -TERM "$attacker"
    end_flood
}
flood() {
    begin_flood "$@"
    end_flood
}

for interface in br0 lan-host1 lan-host2; do
    in_ns router ip link set "$interface" mtu 9000
done
in_ns host1 ip link set eth0 mtu 9000
add_host host3
start_daemon_to_attack
mac_of_host1=$(in_ns host1 ip -json link show eth0 | jq -r '.[0].address')
readonly forged_mac=02:66:00:00:00:01
# Where br_netfilter is loaded, the firewall's hook costs as much as all the rest of the bridge.
set_sysctl router net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
no_live_frames=$(in_ns router "$FLOODER" --into lo dad 1 0 2>&1 >/dev/null) || true
[ -z "$no_live_frames" ] || echo "   note: packet sockets only, which make fewer: $no_live_frames"

step "Queries upstream, each of another querier; meanwhile a host comes"
begin_flood gw queries 0 "$forever"
host_comes
stop_flood

step "Advertisements of a known host"
before=$(counter nd.messages)
flood host1 na 20000 1 "$mac_of_host1" "$host1"
came=$(($(counter nd.messages) - before))
[ "$came" -ge 19000 ] || sanitized || fail "only $came of them came to the daemon"
# A loop with a recv() for each takes 13 (tests/bench/run measures it).
[ "$highest_cpu" -le 8 ] || sanitized || fail "they took $highest_cpu% of a processor"

step "200,000 of them a second; meanwhile a host comes"
begin_live_flood na 200000 "$forever" "$mac_of_host1" "$host1"
host_comes
stop_flood

step "Duplicate Address Detection for random addresses, 500,000 a second; meanwhile a host comes"
begin_live_flood dad 500000 10 "$forged_mac"
watch_second
host_comes
eventually 5 gateway_reaches "$host2"
host_comes
end_flood
assert_all_were_received 5000000

step "200,000 a second: malformed; meanwhile a host comes"
begin_live_flood malformed 200000 "$forever" "$forged_mac"
host_comes
stop_flood

for kind in options jumbo fragments reports; do
    step "As many as can be made: $kind; meanwhile a host comes"
    begin_flood host1 "$kind" 0 "$forever" "$forged_mac"
    host_comes
    stop_flood
done

step "Duplicate Address Detection with random MACs leaves no room for a claim, but for who is known or speaks"
meet_newcomer
begin_live_flood dad 500000 "$forever" random
watch_second
known_machine_comes
host_speaks
stop_flood

step "Random hosts, each of its own MAC, that seem to speak, but for who is known or answers the router"
meet_newcomer
begin_live_flood na 200000 "$forever" random
watch_second
known_machine_speaks
host_answers
stop_flood

step "A known one with random MACs, and random neighbors for the kernel: netlink is busy, too"
flood host1 na 0 1 random "$host2"
flood host1 ns 0 1 random

step "Afterwards"
assert_unharmed
state '.counters | to_entries[] | select(.key | test("dropped|overruns|refused|evicted")) |
    "   \(.key): \(.value)"'
stop_daemon
