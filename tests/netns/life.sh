#!/usr/bin/env bash
# Silence is no proof of absence: a silent host is asked, and kept; one that is gone is left, late.
. "$(dirname "$0")/lib.sh"
make_topology

readonly linger=4
give_up_soon br0
group1=$(group_of "$host1")
group2=$(group_of "$host2")
seen_since() { [ "$(grep -c "out ns $1 .* unicast" "$work/br0.wire")" -gt "$2" ]; }

step "Control: without the daemon, nobody asks and nothing is joined"
capture br0 router br0
assert_not joined "$group1"

step "A silent host that lives is asked by unicast, and kept over many host-timeouts"
for host in "$host1" "$host2"; do
    eventually 5 in_ns router ping -6 -n -q -c 1 -W 1 "$host"
done
start_daemon --host-timeout 1 --linger "$linger" eth9 br0
eventually 10 seen_since "$host1" 0
stays 8 joined "$group1"
assert seen_since "$host1" 3
assert joined "$group2"

step "STALE is not gone"
in_ns router ip -6 neigh change "$host1" dev br0 nud stale
stays 3 joined "$group1"

step "Nor is an entry that the kernel removes"
for _ in 1 2 3; do
    in_ns router ip -6 neigh del "$host1" dev br0 2>/dev/null || true
    in_ns router ip -6 neigh flush dev br0
    stays 2 joined "$group1"
done
eventually 5 host_is "$host1" confirmed
eventually 5 gateway_reaches "$host1"

step "A host that is gone is asked again and again, and left after the linger"
in_ns host2 ip link set eth0 down
eventually 30 host_is "$host2" absent
asked=$(grep -c "out ns $host2 " "$work/br0.wire")
begin=$(microseconds)
eventually 30 is_not joined "$group2"
took=$((($(microseconds) - begin) / 1000))
[ "$took" -ge $(((linger - 1) * 1000)) ] || fail "left $took ms after it was found absent"
ok "left $took ms after it was found absent; linger: $linger s"
[ "$(grep -c "out ns $host2 " "$work/br0.wire")" -gt "$asked" ] || fail "not asked while it lingered"
assert joined "$group1"

step "It comes back, and so does its group"
in_ns host2 ip link set eth0 up
in_ns host2 ip -6 addr replace "$host2/64" dev eth0 nodad
in_ns host2 ip -6 route replace default via fe80::1 dev eth0
say_nd host2 na "$host2"
eventually 5 switch_forwards "$group2"
eventually 5 gateway_reaches "$host2"
stop_daemon

step "One to whom no route leads, as with ndppd's autowire while it is silent, is asked all the same"
rm -r "$work/run" "$work/state"
start_daemon --host-timeout 1 --linger "$linger" eth9 br0
say_nd host1 na "$host1"
eventually 5 joined "$group1"
in_ns router ip -6 route del 2001:db8:1::/64 dev br0
in_ns router ip -6 neigh flush dev br0
: >"$work/br0.wire"
eventually 10 seen_since "$host1" 1
stays 8 joined "$group1"
eventually 5 host_is "$host1" confirmed

step "... and given up when it is gone"
in_ns host1 ip link set eth0 down
eventually 60 is_not joined "$group1"
assert_not logged 'cannot ask'
