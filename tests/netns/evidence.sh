#!/usr/bin/env bash
# What counts as evidence of a host, and what does not.
. "$(dirname "$0")/lib.sh"
make_topology

group() { group_of "2001:db8:1::$1"; }
in_ns router ip -6 neigh flush dev br0

all_the_evidence() {
    say_nd host1 dad "${prefix}21:1"
    say_nd host1 ns "${prefix}29:9" --source "${prefix}22:2"
    say_nd host1 na "${prefix}23:3"
    in_ns router ip -6 neigh replace "${prefix}24:4" lladdr 02:00:00:00:00:24 nud stale dev br0
    in_ns router ip -6 addr add "${prefix}25:5/128" dev br0
}

step "Control: without the daemon, none of it makes a membership"
all_the_evidence
for address in 21:1 22:2 23:3 24:4 25:5; do
    assert_not joined "$(group "$address")"
done
in_ns router ip -6 neigh flush dev br0
in_ns router ip -6 addr del "${prefix}25:5/128" dev br0

step "With it, each does"
start_daemon
all_the_evidence
expect() { # ADDRESS EVIDENCE
    eventually 5 joined "$(group "$1")"
    assert_equal "evidence of $prefix$1" "$2" \
        "$(state ".hosts[] | select(.address == \"$prefix$1\") | .evidence")"
}
expect 21:1 dad-ns
expect 22:2 ns
expect 23:3 na
expect 24:4 neighbor
expect 25:5 own-address
assert_equal "the address of br0 itself" "own" "$(host_state "${prefix}3")"

step "An address of the router's own is a host only as long as it is there"
in_ns router ip -6 addr del "${prefix}25:5/128" dev br0
eventually 5 is_not joined "$(group 25:5)"

step "What an NS asks for proves nothing, nor do these"
assert_not joined "$(group 29:9)"
br0_mac=$(link_fact br0 .address)
say_nd host1 ns "${prefix}3" --source fe80::31:1
say_nd host1 dad 2001:db8:2::32:2
say_nd host1 dad fe80::33:3
say_nd host1 dad ff02::1:ff34:4
say_nd host1 na "${prefix}35:5" --mac "$br0_mac"
in_ns gw "$netns_dir/tools/wire.py" send eth0 dad "${prefix}36:6"
in_ns gw "$netns_dir/tools/wire.py" send eth0 na "${prefix}37:7"
in_ns router ip -6 neigh replace "${prefix}38:8" lladdr 02:00:00:00:00:38 nud stale dev eth9
in_ns router ip -6 neigh add proxy "${prefix}39:9" dev br0
say_nd host1 dad "${prefix}2a:a" # comes last: when it is known, the others were read
eventually 5 joined "$(group 2a:a)"
for address in 31:1 32:2 33:3 34:4 35:5 36:6 37:7 38:8; do
    assert_not joined "$(group "$address")"
done
# The proxy entry makes the kernel join on br0; on eth9 nobody has asked for it.
assert_not joined "$(group 39:9)"
assert_equal "the foreign address is remembered, though" false \
    "$(state '.hosts[] | select(.address == "2001:db8:2::32:2") | .joined | tostring')"
assert_equal "hosts of link-local and multicast addresses" 0 \
    "$(state '[.hosts[] | select(.address | test("^f[ef]"))] | length')"
