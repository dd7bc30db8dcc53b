#!/usr/bin/env bash
# Interfaces come and go; the memberships come back with them.
. "$(dirname "$0")/lib.sh"
make_topology

group1=$(group_of "$host1")
group2=$(group_of "$host2")
# plug_upstream: eth9 anew, as it was.
plug_upstream() {
    connect switch to-router router eth9
    in_ns switch ip link set to-router master sw
    in_ns router ip -6 addr add "${prefix}2/64" dev eth9 metric 2048
    in_ns router ip -6 route add default via fe80::a dev eth9
}

step "Control: without the daemon, a new upstream has no memberships of ours"
in_ns router ip link del eth9
plug_upstream
assert_not joined "$group1"

step "The upstream is deleted and made again"
start_daemon
assert joined "$group1"
in_ns router ip link del eth9
eventually 5 logged eth9
assert running
plug_upstream
eventually 10 joined "$group1"
eventually 10 joined "$group2"
eventually 5 switch_forwards "$group1"
ok "memberships are back"

step "It goes down and up, and loses its carrier"
in_ns router ip link set eth9 down
in_ns router ip link set eth9 up
in_ns router ip -6 addr replace "${prefix}2/64" dev eth9 metric 2048
eventually 10 joined "$group1"
in_ns switch ip link set to-router down
in_ns switch ip link set to-router up
eventually 10 switch_forwards "$group1"

step "Its MTU falls below IPv6's 1280 and rises again: the kernel has dropped everything"
in_ns router ip link set eth9 mtu 1200
eventually 5 is_not joined "$group1"
in_ns router ip link set eth9 mtu 1500
in_ns router ip -6 addr replace "${prefix}2/64" dev eth9 metric 2048
eventually 10 joined "$group1"
ok "memberships are back"

step "It is renamed, and renamed back"
in_ns router ip link set eth9 name eth9old
eventually 5 is_not joined "$group1" eth9old
in_ns router ip link set eth9old name eth9
eventually 10 joined "$group1"
eventually 10 joined "$group2"

step "The LAN's bridge is deleted and made again: its hosts are not forgotten meanwhile"
in_ns router ip link del br0
stays 1 joined "$group1"
add_bridge router br0
in_ns router ip -6 addr add fe80::1/64 dev br0
in_ns router ip -6 addr add "${prefix}3/64" dev br0 metric 256
start_snooping router br0
for host in host1 host2; do
    in_ns router ip link set "lan-$host" master br0
done
assert joined "$group1"
newcomer=${prefix}71:1
heard() {
    say_nd host1 dad "$newcomer"
    joined "$(group_of "$newcomer")"
}
eventually 10 heard
ok "the new bridge is listened to"

step "A downstream that is absent at the start"
stop_daemon
start_daemon eth9 br7
assert_match "STATUS" 'br7' "$(status_text)"
add_bridge router br7
in_ns router ip -6 neigh add "${prefix}72:2" lladdr 02:00:00:00:00:72 nud stale dev br7
eventually 5 joined "$(group_of "${prefix}72:2")"
ok "its hosts are joined"
