#!/usr/bin/env bash
# A host that sends no Neighbor Discovery at all is served for the groups that it reports by MLD.
. "$(dirname "$0")/lib.sh"
mld_evidence=true
make_topology

# Its address is used at once, without DAD; and it knows the router, so it need not ask for it.
silent=2001:db8:1::71:1
group=$(group_of "$silent")
add_silent_host() {
    add_host host3
    set_sysctl host3 net.ipv6.conf.eth0.force_mld_version="$1"
    in_ns host3 ip -6 neigh replace fe80::1 lladdr "$(link_fact br0 .address)" dev eth0
    capture silent host3 eth0
    in_ns host3 ip -6 addr add "$silent/64" dev eth0 nodad
}
remove_silent_host() {
    in_ns router ip link del lan-host3
    ip netns del host3
    in_ns router ip -6 neigh flush dev br0 to "$silent"
}
nd_of_silent() { captured silent | grep -Ec "^out (ns|na) .*$silent" || true; }

for version in 1 2; do
    step "Control: without --mld-evidence, nobody knows of it (MLDv$version)"
    start_daemon --mld-evidence false eth9 br0
    add_silent_host "$version"
    eventually 5 saw silent "^out report $group"
    stays 2 is_not joined "$group"
    assert_not gateway_reaches "$silent"
    stop_daemon
    rm -r "$work/run" "$work/state" # what it remembers
    remove_silent_host

    step "Its report is enough (MLDv$version)"
    start_daemon
    in_ns gw ip -6 neigh flush to "$silent" dev eth0 # a question still open would find the host
    add_silent_host "$version"
    within 3000 joined "$group"
    assert_equal "ND that it has sent" 0 "$(nd_of_silent)"
    assert_equal "as a host it is" unknown "$(host_state "$silent")"
    assert state ".upstreams[0].groups[] | select(.group == \"$group\") | .leased and .hosts == 0"
    eventually 5 switch_forwards "$group"
    eventually 5 gateway_reaches "$silent"
    assert logged "joined $group on eth9 \(reported on the LAN\)"
    stop_daemon
    rm -r "$work/run" "$work/state" # what it remembers
    remove_silent_host
done

step "Groups of link-local addresses that have answered the router are not taken"
add_host host4
local4=$(in_ns host4 ip -6 -j addr show dev eth0 scope link | jq -r '.[0].addr_info[0].local')
eventually 10 in_ns router ping -6 -c 1 -W 1 "$local4%br0"
known_link_local() { [ -n "$(in_ns router ip -6 neigh show dev br0 to "$local4" nud reachable)" ]; }
eventually 5 known_link_local
local_group=ff02::1:ff${local4: -7}
start_daemon
give_address host4 2001:db8:1::14:4 # reports all its groups again
eventually 5 joined "$(group_of 2001:db8:1::14:4)"
stays 2 is_not joined "$local_group"
