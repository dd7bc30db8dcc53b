# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# Interfaces that flap, vanish and come back, and a querier that falls silent.

lan=1    # it is there
exposed= # what happens to the upstream costs memberships for a moment
eth9_mac=02:00:00:5e:00:09
plug() { # HOST
    in_ns router ip link set "lan-$1" master br0
    # It gets all multicast, though it joins nothing.
    [ "$1" != crowd ] || in_ns router ip link set lan-crowd type bridge_slave mcast_router 2
}
lan_goes_down() {
    in_ns router ip link set br0 down
    later lan_comes_up
}
lan_comes_up() {
    in_ns router ip link set br0 up
    address_lan
}
lan_is_deleted() {
    lan=
    in_ns router ip link del br0
    later lan_is_made
}
lan_is_made() {
    local port
    add_bridge router br0
    give_up_soon br0
    lan=1
    for port in $(in_ns router ip -j link show | jq -r '.[].ifname | select(test("^lan-")) |
            select(. != "lan-side") | ltrimstr("lan-")'); do
        plug "$port"
    done
    address_lan
    start_snooping router br0
}
lan_loses_ipv6() {
    in_ns router ip link set br0 mtu 1279
    later lan_has_ipv6
}
lan_has_ipv6() {
    in_ns router ip link set br0 mtu 1500
    address_lan
}
lan_stops_snooping() {
    in_ns router ip link set br0 type bridge mcast_snooping 0
    later "start_snooping router br0"
}
host_is_unplugged() {
    excuse host1 "$host1"
    in_ns router ip link set lan-host1 nomaster
    later "plug host1"
}
make_side() {
    add_bridge router br1
    give_up_soon br1
    in_ns router ip -6 addr add fe80::1/64 dev br1
    ! in_ns router ip link show lan-side >/dev/null 2>&1 ||
        in_ns router ip link set lan-side master br1
}
side_is_deleted() {
    in_ns router ip link del br1
    later make_side
}
side_is_renamed() {
    in_ns router ip link set br1 name aside
    later "in_ns router ip link set aside name br1"
}
readonly lan_acts=(lan_goes_down lan_is_deleted lan_loses_ipv6 lan_stops_snooping
    host_is_unplugged side_is_deleted side_is_renamed)

upstream_loses_carrier() {
    in_ns switch ip link set to-router down
    later "in_ns switch ip link set to-router up"
}
upstream_goes_down() {
    in_ns router ip link set eth9 down
    later upstream_comes_up
}
upstream_comes_up() {
    in_ns router ip link set eth9 up
    address_upstream
}
upstream_is_deleted() {
    in_ns router ip link del eth9
    later "plug_upstream address $eth9_mac"
}
upstream_is_replaced() { replace_upstream; }
upstream_is_renamed() {
    in_ns router ip link set eth9 name elsewhere
    later "in_ns router ip link set elsewhere name eth9"
}
upstream_loses_ipv6() {
    in_ns router ip link set eth9 mtu 1279
    later upstream_has_ipv6
}
upstream_has_ipv6() {
    in_ns router ip link set eth9 mtu 1500
    address_upstream
}
upstream_has_ipv6_off() {
    set_sysctl router net.ipv6.conf.eth9.disable_ipv6=1
    later upstream_has_ipv6_on
}
upstream_has_ipv6_on() {
    set_sysctl router net.ipv6.conf.eth9.disable_ipv6=0
    address_upstream
}
upstream_changes_mac() {
    in_ns router ip link set eth9 address "$(new_mac)"
    later "in_ns router ip link set eth9 address $eth9_mac"
}
readonly upstream_acts=(upstream_loses_carrier upstream_goes_down upstream_is_deleted
    upstream_is_replaced upstream_is_renamed upstream_loses_ipv6 upstream_has_ipv6_off
    upstream_changes_mac)

# The querier is the gateway. When it is silent the switch prunes as before, and forgets after 10 s.
querier=
querier_speaks() {
    [ -z "$querier" ] || return 0
    keep_saying gw mld eth0 query --source fe80::a --max-response 100 --query-interval 2 --interval 1
    querier=$speaker
}
querier_is_silent() {
    [ -n "$querier" ] || return 0
    kill "$querier"
    wait "$querier" 2>/dev/null || true
    querier=
}
