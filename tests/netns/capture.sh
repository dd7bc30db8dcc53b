#!/usr/bin/env bash
# How a LAN's Neighbor Discovery is made to reach the daemon, and that nothing of it stays behind.
. "$(dirname "$0")/lib.sh"
make_topology

settings() {
    echo "mcast_router $(mcast_router) allmulti $(link_fact br0 '.allmulti // 0')" \
        "promiscuity $(link_fact br0 .promiscuity)"
}
next=16
# learns_by_dad: a DAD NS for an address never heard of makes a membership.
learns_by_dad() {
    next=$((next + 1))
    local address
    address=$prefix$(printf '%x' $next):1
    say_nd host1 dad "$address"
    eventually 5 joined "$(group_of "$address")"
    ok "learned by its DAD: $address"
}

before=$(settings)
step "Control: a bridge that snoops does not pass a DAD NS up to a plain packet socket"
in_ns router ip -6 neigh flush dev br0
capture plain router br0
say_nd host1 dad "${prefix}61:1"
say_nd host1 na "${prefix}61:1" # to all nodes: this one does pass
eventually 5 saw plain "in na ${prefix}61:1"
assert_not saw plain "in ns ${prefix}61:1"
assert_not joined "$(group_of "${prefix}61:1")"

# What CAP_NET_ADMIN alone allows, and the unit does not give.
not_permitted='may not make the bridge br0 a multicast router, for want of CAP_NET_ADMIN: '
if [ "$SOLICITD_CONFINED" = yes ]; then
    step "--capture mcast-router without CAP_NET_ADMIN: it says so, and hears what is to be heard"
    mld_evidence=true
    start_daemon --capture mcast-router eth9 br0
    eventually 1 logged "$not_permitted"
    assert_match "settings" 'mcast_router 1 allmulti [1-9]' "$(settings)"
    give_address host1 "${prefix}61:3" # its report tells, where its DAD is hidden
    eventually 5 joined "$(group_of "${prefix}61:3")"
    stop_daemon
    assert_equal "put back" "$before" "$(settings)"

    step "... which is all when the administrator has made it one"
    in_ns router ip link set br0 type bridge mcast_router 2
    : >"$daemon_log"
    start_daemon --capture mcast-router eth9 br0
    learns_by_dad
    assert_not logged "$not_permitted"
    stop_daemon
    assert_equal "mcast_router" 2 "$(mcast_router)"
    in_ns router ip link set br0 type bridge mcast_router 1
    mld_evidence=false
fi

step "--capture mcast-router, permitted"
permit CAP_NET_ADMIN
start_daemon --capture mcast-router eth9 br0
assert_equal "mcast_router" 2 "$(mcast_router)"
learns_by_dad
stop_daemon
assert_equal "put back" "$before" "$(settings)"

step "... puts back what was there, not the default"
in_ns router ip link set br0 type bridge mcast_router 0
start_daemon --capture mcast-router eth9 br0
assert_equal "mcast_router" 2 "$(mcast_router)"
stop_daemon
assert_equal "mcast_router" 0 "$(mcast_router)"
in_ns router ip link set br0 type bridge mcast_router 1

step "--capture promisc"
start_daemon --capture promisc eth9 br0
learns_by_dad
assert_not [ "$(settings)" = "$before" ]
stop_daemon
assert_equal "put back" "$before" "$(settings)"

if bridge_heeds_allmulti; then
    for mode in allmulti auto; do
        step "--capture $mode on this kernel, $(uname -r)"
        start_daemon --capture "$mode" eth9 br0
        assert_match "settings" 'mcast_router 1 allmulti [1-9]' "$(settings)"
        learns_by_dad
        stop_daemon
        assert_equal "put back" "$before" "$(settings)"
    done
else
    step "--capture auto on this kernel, $(uname -r), whose bridge ignores ALLMULTI"
    start_daemon --capture auto eth9 br0
    assert_equal "mcast_router" 2 "$(mcast_router)"
    learns_by_dad
    stop_daemon
    assert_equal "put back" "$before" "$(settings)"
fi

step "A LAN that is no bridge"
add_ns host3
connect host3 eth0 router lan3
start_daemon eth9 lan3
say_nd host3 dad "${prefix}62:2"
eventually 5 joined "$(group_of "${prefix}62:2")"
ok "learned by its DAD: ${prefix}62:2"
stop_daemon

step "Packet sockets that the kernel refuses: told once, and tried again"
if ! memory=$(in_ns router sysctl -n net.core.optmem_max 2>/dev/null); then
    skip "this kernel has net.core.optmem_max outside of namespaces only"
fi
set_sysctl router net.core.optmem_max=300 # enough for a few groups a socket, not for a filter
start_daemon eth9 br0
for interface in eth9 br0; do
    assert logged "cannot watch $interface: .*; trying again every 10 s"
done
assert_equal "problem of the upstream" 1 \
    "$(state '[.upstreams[0].problems[] | select(. == "cannot-watch")] | length')"
set_sysctl router net.core.optmem_max="$memory"
eventually 15 logged 'watches eth9 '
eventually 1 logged 'watches br0 '
assert_equal "problem of the upstream" 0 \
    "$(state '[.upstreams[0].problems[] | select(. == "cannot-watch")] | length')"
learns_by_dad
stop_daemon
