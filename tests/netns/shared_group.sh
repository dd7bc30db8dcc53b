#!/usr/bin/env bash
# Hosts whose addresses end in the same 24 bits share a group: one membership, until the last goes.
. "$(dirname "$0")/lib.sh"
make_topology

twin=2001:db8:1:0:a:b:11:1
group=$(group_of "$host1")
assert_equal "the twin's group" "$group" "$(group_of "$twin")"
give_address host2 "$twin"
give_up_soon br0

step "Control: without the daemon, the group is not joined"
assert_not joined "$group"

step "Two hosts, one membership"
start_daemon --host-timeout 1 --linger 0 eth9 br0
capture eth9 router eth9
say_nd host2 na "$twin"
eventually 5 host_is "$twin" confirmed
eventually 5 host_is "$host1" confirmed
assert_equal "holders of the group" 1 "$(users_of "$group")"

step "One of them goes: the group stays for the other"
in_ns host2 ip -6 addr del "$twin/64" dev eth0
eventually 40 host_is "$twin" unknown
assert joined "$group"
assert_not saw eth9 "out report $group to-in"
eventually 5 gateway_reaches "$host1"

step "Both are gone: the group is left"
in_ns host1 ip link set eth0 down
eventually 40 is_not joined "$group"
eventually 5 saw eth9 "out report $group to-in"
