#!/usr/bin/env bash
# Only addresses in the prefixes that the upstream holds on-link, which come and go.
. "$(dirname "$0")/lib.sh"
make_topology

other=2001:db8:2::
renumbered=${other}21:1
group=$(group_of "$renumbered")

step "Control: without the daemon, a new prefix makes no membership"
in_ns router ip -6 addr add "${other}2/64" dev eth9 metric 2048
say_nd host1 dad "$renumbered"
assert_not joined "$group"
in_ns router ip -6 addr del "${other}2/64" dev eth9

step "A host outside the prefixes is remembered, but not joined"
start_daemon
say_nd host1 dad "$renumbered"
eventually 5 host_is "$renumbered" tentative
assert_not joined "$group"

step "The prefix comes with an address of the upstream's"
in_ns router ip -6 addr add "${other}2/64" dev eth9 metric 2048
eventually 5 joined "$group"
step "... is deprecated, but still there"
in_ns router ip -6 addr change "${other}2/64" dev eth9 metric 2048 preferred_lft 0
stays 1 joined "$group"
step "... and goes"
in_ns router ip -6 addr del "${other}2/64" dev eth9
eventually 5 is_not joined "$group"

for protocol in kernel ra static; do
    step "The prefix comes as an on-link route, proto $protocol, and goes"
    in_ns router ip -6 route add "${other}/64" dev eth9 proto "$protocol" metric 2048
    eventually 5 joined "$group"
    in_ns router ip -6 route del "${other}/64" dev eth9 proto "$protocol" metric 2048
    eventually 5 is_not joined "$group"
done

step "A route by way of the gateway is no on-link prefix"
in_ns router ip -6 route add "${other}/64" via fe80::a dev eth9
say_nd host1 dad "${prefix}22:2" # comes later: when it is known, the route was read
eventually 5 joined "$(group_of "${prefix}22:2")"
assert_not joined "$group"
stop_daemon

step "--prefix beats what the upstream holds"
in_ns router ip -6 neigh replace "$renumbered" lladdr 02:00:00:00:00:21 nud stale dev br0
start_daemon --prefix "${other}/64" eth9 br0
assert joined "$group"
assert_not joined "$(group_of "$host1")"
stop_daemon

step "... and may be given twice"
start_daemon --prefix "${other}/64" --prefix "${prefix}/64" eth9 br0
assert joined "$group"
assert joined "$(group_of "$host1")"
