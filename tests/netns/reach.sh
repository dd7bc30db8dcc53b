#!/usr/bin/env bash
# The reason for it all: silent hosts behind the router become reachable from the gateway.
. "$(dirname "$0")/lib.sh"
make_topology

step "Control: without the daemon, the switch prunes the gateway's question"
assert_not gateway_reaches "$host1"
assert_not joined "$(group_of "$host1")"
assert_not switch_forwards "$(group_of "$host1")"

step "Hosts that were there before the daemon are found in the neighbor table"
start_daemon
for host in "$host1" "$host2"; do
    assert joined "$(group_of "$host")" # READY=1 promises as much
    eventually 5 switch_forwards "$(group_of "$host")"
    eventually 5 gateway_reaches "$host"
done

step "A host that comes later is known by its DAD, before it may use its address"
host3=2001:db8:1::13:3
add_host host3
in_ns host3 sysctl -qw net.ipv6.neigh.eth0.retrans_time_ms=3000 # the time that DAD takes
in_ns host3 ip -6 addr add "$host3/64" dev eth0
eventually 2 joined "$(group_of "$host3")"
assert_not has_address host3 "$host3"
eventually 5 has_address host3 "$host3"
eventually 5 switch_forwards "$(group_of "$host3")"
eventually 5 gateway_reaches "$host3"

step "A stopped daemon leaves everything, and the fault is back"
stop_daemon
for host in "$host1" "$host2" "$host3"; do
    assert_not joined "$(group_of "$host")"
    eventually 5 is_not switch_forwards "$(group_of "$host")"
    assert_not gateway_reaches "$host"
done
