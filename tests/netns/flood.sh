#!/usr/bin/env bash
# Somebody on the LAN, or upstream, sends as much as the machine can make.  FLOODER: built by CMake.
. "$(dirname "$0")/lib.sh"
. "$netns_dir/lib/attack.sh"
: "${FLOODER:=$(dirname "$SOLICITD")/../tests/netns/flooder}"
[ -x "$FLOODER" ] || skip "$FLOODER is not there: cmake --build build --target flooder"
make_topology

# flood NAMESPACE KIND RATE SECONDS [ADDRESS [MAC]]
flood() {
    begin_flood "$@"
    end_flood
}
begin_flood() { begin_attack "$1" "$FLOODER" eth0 "${@:2}"; }
end_flood() {
    end_attack
    assert_match "sent" '^[1-9][0-9]* frames' "$(cat "$work/attack")"
}

for interface in br0 lan-host1 lan-host2; do
    in_ns router ip link set "$interface" mtu 9000
done
in_ns host1 ip link set eth0 mtu 9000
add_host host3
mld_evidence=true
start_daemon_to_attack
mac_of_host1=$(in_ns host1 cat /sys/class/net/eth0/address)

step "Advertisements of a known host"
before=$(counter nd.messages)
flood host1 na 20000 2 "$host1" "$mac_of_host1"
came=$(($(counter nd.messages) - before))
[ "$came" -ge 39000 ] || fail "only $came of them came to the daemon"

step "As many of them as can be made; meanwhile a host comes"
begin_flood host1 na 0 3 "$host1" "$mac_of_host1"
watch_second
in_ns host3 ip -6 addr add "${prefix}13:3/64" dev eth0
within 1000 joined "$(group_of "${prefix}13:3")"
end_flood

step "Duplicate Address Detection for random addresses"
flood host1 dad 500000 10

for kind in malformed options jumbo fragments reports; do
    step "As many as can be made: $kind"
    flood host1 "$kind" 0 1
done

step "Random neighbors for the kernel, and a known one with random MACs: netlink is busy, too"
flood host1 ns 0 1
flood host1 na 0 1 "$host2"

step "Queries upstream, each of another querier"
flood gw queries 0 1

step "Afterwards"
assert_unharmed
state '.counters | to_entries[] | select(.key | test("dropped|overruns")) | "   \(.key): \(.value)"'
stop_daemon
