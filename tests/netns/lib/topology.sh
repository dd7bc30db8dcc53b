# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# Namespaces, the LAN, the gateways and their switches, and the traffic that shows whether it works.

switch_kind=bridge

# nsenter, as `ip netns exec` would mount /sys afresh, which an ordinary user may not.
in_ns() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

# spawn NAMESPACE COMMAND...: in the background; sets spawned, the process itself.
spawn() {
    nsenter --net="/run/netns/$1" -- "${@:2}" &
    spawned=$!
}

set_sysctl() { in_ns "$1" sysctl -qw "$2"; }

need() {
    local tool missing=()
    for tool in "$@"; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} = 0 ] || skip "not installed: ${missing[*]} (tests/packages has their packages)"
}

# Addresses are usable at once, except where a test wants Duplicate Address Detection.
add_ns() {
    ip netns add "$1"
    in_ns "$1" ip link set lo up
    set_sysctl "$1" net.ipv6.conf.default.accept_dad=0
    set_sysctl "$1" net.ipv6.conf.default.accept_ra=0
    set_sysctl "$1" net.ipv6.conf.default.router_solicitations=0
}

# A MAC whose link-local address falls into the groups ff02::1:ff5e:*, which no scenario uses.
new_mac() {
    printf '02:%02x:%02x:5e:%02x:%02x\n' $((RANDOM % 256)) $((RANDOM % 256)) \
        $((RANDOM % 256)) $((RANDOM % 256))
}

# connect NS1 IF1 NS2 IF2: a cable, up.
connect() {
    ip link add "$2" netns "$1" address "$(new_mac)" type veth \
        peer name "$4" netns "$3" address "$(new_mac)"
    in_ns "$1" ip link set "$2" up
    in_ns "$3" ip link set "$4" up
}

# add_bridge NS NAME: without snooping for now, so that all is flooded.
# With a MAC of its own: otherwise it takes the lowest of its ports', and ndppd goes on naming the
# former one when that changes.
add_bridge() {
    in_ns "$1" ip link add "$2" address "$(new_mac)" type bridge forward_delay 0 mcast_snooping 0
    in_ns "$1" ip link set "$2" up
}

# start_snooping NS BRIDGE: the timers come first: what is in force when the querier starts decides
# how long the bridge still floods.
start_snooping() {
    in_ns "$1" ip link set "$2" type bridge mcast_query_response_interval 100 \
        mcast_startup_query_interval 100 mcast_last_member_interval 20 mcast_mld_version 2 \
        mcast_snooping 1
    in_ns "$1" ip link set "$2" type bridge mcast_querier 1
}

# add_ovs NS NAME PORT...: an Open vSwitch of our own, in userspace, which floods for now. Its ports
# are numbered from 1.
add_ovs() {
    local ns=$1 name=$2 port number=0 ports=()
    need ovsdb-tool ovsdb-server ovs-vswitchd ovs-vsctl ovs-appctl
    { : <>/dev/net/tun; } 2>/dev/null || skip "may not open /dev/net/tun, which Open vSwitch needs"
    shift 2
    export OVS_RUNDIR=$work/ovs OVS_LOGDIR=$work/ovs OVS_DBDIR=$work/ovs
    mkdir "$OVS_RUNDIR"
    ovsdb-tool create "$OVS_RUNDIR/conf.db"
    spawn "$ns" ovsdb-server "$OVS_RUNDIR/conf.db" --remote="punix:$OVS_RUNDIR/db.sock" \
        --unixctl="$OVS_RUNDIR/db.ctl" -vconsole:off
    wait_for 10 test -S "$OVS_RUNDIR/db.sock"
    ovs_vsctl --no-wait init
    spawn "$ns" ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --unixctl="$OVS_RUNDIR/switch.ctl" \
        --disable-system -vconsole:off
    for port in "$@"; do
        number=$((number + 1))
        ports+=(-- add-port "$name" "$port" -- set interface "$port" "ofport_request=$number")
    done
    ovs_vsctl add-br "$name" -- set bridge "$name" datapath_type=netdev "${ports[@]}"
}
ovs_vsctl() { ovs-vsctl --db="unix:$OVS_RUNDIR/db.sock" --timeout=20 "$@"; }
ovs_appctl() { ovs-appctl --target="$OVS_RUNDIR/switch.ctl" "$@"; }

# start_ovs_snooping NAME: 15 s is the least that it takes.
start_ovs_snooping() {
    ovs_vsctl set bridge "$1" mcast_snooping_enable=true \
        other_config:mcast-snooping-disable-flood-unregistered=true \
        other_config:mcast-snooping-aging-time=15
}

bridge_heeds_allmulti() { printf '6.16\n%s\n' "$(uname -r)" | sort -CV; }

# give_up_soon INTERFACE...: the router's kernel knows in some 2 s, not in up to 53, that a neighbor
# is gone: it trusts one that answered, then waits with its question, then repeats it.
give_up_soon() {
    local interface address
    for interface; do
        set_sysctl router "net.ipv6.neigh.$interface.base_reachable_time_ms=1000"
        set_sysctl router "net.ipv6.neigh.$interface.delay_first_probe_time=1"
        set_sysctl router "net.ipv6.neigh.$interface.retrans_time_ms=100"
        # Whom it trusts already it would trust for as long as was said before.
        for address in $(in_ns router ip -6 neigh show dev "$interface" nud reachable |
            cut -d ' ' -f 1); do
            in_ns router ip -6 neigh change "$address" dev "$interface" nud stale
        done
    done
}

# add_host NAME [BRIDGE]: a host with a default route and no global address yet.
add_host() {
    add_unplugged_host "$1"
    in_ns router ip link set "lan-$1" master "${2:-br0}"
}
# add_unplugged_host NAME: the same, with lan-NAME in the router, which is no bridge's port yet.
add_unplugged_host() {
    add_ns "$1"
    # DAD as on a real host, but without the random wait before it and with a short one after it.
    set_sysctl "$1" net.ipv6.conf.default.accept_dad=1
    set_sysctl "$1" net.ipv6.conf.default.router_solicitation_delay=0
    connect "$1" eth0 router "lan-$1"
    set_sysctl "$1" net.ipv6.neigh.eth0.retrans_time_ms=200
    in_ns "$1" ip -6 route add default via fe80::1 dev eth0
}

# give_address HOST ADDRESS: the host does DAD for it. Returns when it may be used.
give_address() {
    in_ns "$1" ip -6 addr add "$2/64" dev eth0
    wait_for 5 has_address "$1" "$2"
}
has_address() {
    [ -n "$(in_ns "$1" ip -6 -o addr show dev eth0 to "$2" -tentative)" ]
}

# add_upstream ROUTER_IF GATEWAY SWITCH ADDRESS: a gateway behind a switch of its own, and the
# router's interface there. The /64 is on-link there too, yet the LAN's route has the better metric.
add_upstream() {
    add_ns "$2"
    add_ns "$3"
    connect "$2" eth0 "$3" to-gateway
    connect "$3" to-router router "$1"
    if [ "$switch_kind" = ovs ]; then
        add_ovs "$3" sw to-gateway to-router
    else
        add_bridge "$3" sw
        in_ns "$3" ip link set to-gateway master sw
        in_ns "$3" ip link set to-router master sw
    fi
    in_ns "$2" ip -6 addr add fe80::a/64 dev eth0
    in_ns router ip -6 addr add "$4/64" dev "$1" metric 2048
}

# add_neighbors FIRST LAST: addresses ${prefix}40:1 and so on, in the router's neighbor table at
# once, without a word on the LAN.
add_neighbors() {
    local number
    for number in $(seq "$1" "$2"); do
        printf 'neigh replace %s40:%x lladdr 02:00:00:00:%02x:%02x nud permanent dev br0\n' \
            "$prefix" "$number" $((number / 256)) $((number % 256))
    done | in_ns router ip -6 -batch -
}
# groups_of_neighbors: how many of them the router's kernel holds.
groups_of_neighbors() {
    in_ns router ip -6 maddr show dev eth9 | grep -c 'inet6 ff02::1:ff40:' || true
}

# While nobody prunes, everything works: what fails later fails for want of a membership.
make_topology() {
    make_flooding_topology
    start_pruning
}

make_flooding_topology() {
    need ip bridge nsenter ping ndppd sysctl python3 jq
    made=1
    add_ns router
    set_sysctl router net.ipv6.conf.all.forwarding=1
    add_upstream eth9 gw switch "${prefix}2"
    in_ns gw ip -6 addr add "${prefix}1/64" dev eth0
    in_ns gw ip -6 addr add "$internet/128" dev lo
    in_ns router ip -6 route add default via fe80::a dev eth9

    add_bridge router br0
    address_lan
    add_host host1
    add_host host2
    give_address host1 "$host1"
    give_address host2 "$host2"
    start_ndppd

    wait_for 10 gateway_reaches "$host1"
    wait_for 10 gateway_reaches "$host2"
}

start_pruning() {
    start_snooping router br0
    if [ "$switch_kind" = ovs ]; then start_ovs_snooping sw; else start_snooping switch sw; fi
    wait_for 15 is_not gateway_reaches "$host1"
    wait_for 15 is_not gateway_reaches "$host2"
}

# The real proxy: it answers on eth9 for whatever answers it on br0.
start_ndppd() {
    cat >"$work/ndppd.conf" <<END
route-ttl 30000
proxy eth9 {
    router no
    timeout 300
    ttl 300
    rule ${prefix}/64 {
        iface br0
    }
}
END
    spawn router ndppd -c "$work/ndppd.conf" >"$work/ndppd.log" 2>&1
    ndppd_pid=$spawned
}
# restart_ndppd: it goes on naming the MAC address that eth9 had when it started.
restart_ndppd() {
    kill "$ndppd_pid"
    wait "$ndppd_pid" || true
    start_ndppd
}

# plug_upstream [OPTION...]: eth9 anew, as it was.
plug_upstream() {
    in_ns router ip link add eth9 "$@" type veth peer name to-router netns switch
    in_ns switch ip link set to-router up master sw
    in_ns router ip link set eth9 up
    address_upstream
}
address_upstream() {
    in_ns router ip -6 addr replace "${prefix}2/64" dev eth9 metric 2048
    in_ns router ip -6 route replace default via fe80::a dev eth9
}
# replace_upstream: by one with the same name, index and MAC.
replace_upstream() {
    local index mac
    index=$(link_fact eth9 .ifindex)
    mac=$(link_fact eth9 .address)
    in_ns router ip link del eth9
    plug_upstream index "$index" address "$mac"
}
# address_lan: br0 as it was: the kernel takes its addresses away when it goes down.
address_lan() {
    in_ns router ip -6 addr replace fe80::1/64 dev br0
    in_ns router ip -6 addr replace "${prefix}3/64" dev br0 metric 256
    # Its ports' groups are forgotten as well, and its questions after it is up may all be asked
    # before it has an address to ask from: until the next ones it would prune its own hosts.
    if [ "$(link_fact br0 .linkinfo.info_data.mcast_querier)" = 1 ]; then
        in_ns router ip link set br0 type bridge mcast_querier 0
        in_ns router ip link set br0 type bridge mcast_querier 1
    fi
}
# gateway_reaches HOST: from the Internet, by an NS of the gateway's: its neighbor entry is
# forgotten first, as a warm one hides the fault.
gateway_reaches() {
    in_ns gw ip -6 neigh flush to "$1" dev eth0 2>/dev/null || true
    in_ns gw ping -6 -n -q -c 1 -W 1 -I "$internet" "$1" >/dev/null 2>&1
}

# keep_reaching SECONDS HOST: the gateway asks for it once a second; sets asked and lost, how often,
# and how often in vain.
keep_reaching() {
    local end
    asked=0 lost=0
    end=$(($(microseconds) + $1 * 1000000))
    while [ "$(microseconds)" -lt "$end" ]; do
        asked=$((asked + 1))
        if gateway_reaches "$2"; then sleep 1; else lost=$((lost + 1)); fi
    done
}
