#!/usr/bin/env bash
# What the gateway asks for is counted; and for whom it asks that nobody knows, the LAN is asked.
. "$(dirname "$0")/lib.sh"
make_topology

asked() {
    state ".upstreams[0].groups[] | select(.group == \"$(group_of "$1")\") | .asked"
}
last_asked() {
    state ".upstreams[0].groups[] | select(.group == \"$(group_of "$1")\") | .last_asked |
        if . == null then \"never\" else . end"
}
has_been_asked() { [ "$(asked "$1")" -ge 1 ]; }

step "Questions are counted by group"
gateway_is_quiet() { [ -z "$(in_ns gw ip -6 neigh show dev eth0 nud incomplete)" ]; }
wait_for 10 gateway_is_quiet
start_daemon --mld-evidence false eth9 br0
eventually 5 switch_forwards "$(group_of "$host1")"
before=$(asked "$host2")
eventually 5 gateway_reaches "$host1"
eventually 5 has_been_asked "$host1"
assert [ "$(last_asked "$host1")" -le 2 ]
assert_equal "for the other host" "$before" "$(asked "$host2")"

step "An address that nobody knows, in a group that is held: the LAN is asked, and has it"
kill "$ndppd_pid" # it would ask, too
# Without DAD, and before anything could be heard of it.
twin=2001:db8:1:0:1:0:11:1
in_ns host2 ip -6 addr add "$twin/64" dev eth0 nodad
assert_equal "it is" unknown "$(host_state "$twin")"

assert_equal "its group" "$(group_of "$host1")" "$(group_of "$twin")"
gateway_reaches "$twin" || true # the question; without a proxy nobody answers it
eventually 5 host_is "$twin" confirmed
assert_equal "addresses that the LAN was asked for" 1 "$(counter lan.asked)"

step "No answer is remembered for a minute"
nobody=2001:db8:1:0:2:0:11:1
capture lan host1 eth0
for _ in 1 2 3 4; do
    gateway_reaches "$nobody" || true
done
eventually 5 saw lan "^in ns $nobody "
assert_equal "addresses that the LAN was asked for" 2 "$(counter lan.asked)"
assert_equal "it is" unknown "$(host_state "$nobody")"
# The kernel asks three times, a second apart; four questions upstream made no more of it.
gone() { [ -z "$(in_ns router ip -6 neigh show dev br0 to "$nobody" nud incomplete)" ]; }
eventually 10 gone
assert_equal "asked on the wire" 3 "$(captured lan | grep -c "^in ns $nobody ")"
