# shellcheck shell=bash
# What every scenario of this directory is made of: a topology of network namespaces that has the
# fault, the daemon in it, and questions to the kernel. A scenario sources this file first; it then
# runs in a sandbox of its own, so names need not be unique and all that is left over dies with it.
#
#     gw ------- [ switch ] ------- router ------- br0 --+-- host1
#     gateway,    snoops MLD,  eth9        the LAN's     +-- host2
#     asks        has a        ndppd       bridge,
#     by ND       querier                  snoops too
#
# All in 2001:db8:1::/64, except the gateway's 2001:db8:ffff::1, which stands for the Internet.
# Scenarios run by themselves: tests/netns/reach.sh.
# Environment: SOLICITD, the daemon (default: build/daemon/solicitd).  Exit 77: skipped, and why.
set -eEuo pipefail

netns_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${SOLICITD_IN_SANDBOX:-}" ]; then
    exec env SOLICITD_IN_SANDBOX=1 "$netns_dir/sandbox" "$0" "$@"
fi
: "${SOLICITD:=$(dirname "$(dirname "$netns_dir")")/build/daemon/solicitd}"

readonly prefix=2001:db8:1::
readonly internet=2001:db8:ffff::1
# shellcheck disable=SC2034  # for the scenarios
readonly host1=2001:db8:1::11:1 host2=2001:db8:1::12:2
# /run is the sandbox's own.
readonly work=/run/solicitd-test
mkdir "$work"

daemon_pid=
daemon_log=$work/daemon.log
notify_log=$work/notify.log
failing=

# --- Words for the reader -------------------------------------------------------------------------

step() { printf '\n== %s\n' "$*"; }
ok() { printf '   ok: %s\n' "$*"; }
skip() {
    echo "SKIP: $*"
    exit 77
}
fail() {
    echo "FAILED: $*"
    failing=1
    exit 1
}

show_state() {
    echo "-- memberships of the router's eth9"
    in_ns router ip -6 maddr show dev eth9 | head -n 60 || true
    echo "-- the switch's groups"
    mdb | head -n 60 || true
    echo "-- the router's neighbors"
    in_ns router ip -6 neigh show || true
    echo "-- the daemon's log"
    grep -v 'state written' "$daemon_log" 2>/dev/null | tail -n 60 || true
}

at_exit() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ] && [ "$status" != 77 ]; then
        [ -n "$failing" ] || echo "FAILED: exit status $status of: ${culprit:-unknown}"
        [ -z "${made:-}" ] || show_state
    fi
    exit "$status"
}
trap at_exit EXIT
trap 'culprit="$BASH_COMMAND (${BASH_SOURCE[0]##*/}:$LINENO)"' ERR
# The first process of a PID namespace gets no signal that it does not ask for.
trap 'exit 130' INT TERM

# --- Waiting and asserting ------------------------------------------------------------------------

microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local seconds=$1 deadline
    shift
    deadline=$(($(microseconds) + seconds * 1000000))
    until "$@" >/dev/null 2>&1; do
        if [ "$(microseconds)" -gt "$deadline" ]; then
            fail "waited $seconds s in vain for: $*"
        fi
        sleep 0.05
    done
}

# eventually SECONDS COMMAND...: the same, as an assertion.
eventually() {
    wait_for "$@"
    ok "${*:2}"
}

# within MILLISECONDS COMMAND...: the same, and says how long it took.
within() {
    local allowed=$1 begin took
    shift
    begin=$(microseconds)
    wait_for $(((allowed + 999) / 1000)) "$@"
    took=$((($(microseconds) - begin) / 1000))
    [ "$took" -le "$allowed" ] || fail "took $took ms, allowed are $allowed: $*"
    ok "$* ($took ms)"
}

# stays SECONDS COMMAND...: the command succeeds all that time.
stays() {
    local seconds=$1 begin end
    shift
    begin=$(microseconds)
    end=$((begin + seconds * 1000000))
    while [ "$(microseconds)" -lt "$end" ]; do
        if ! "$@" >/dev/null 2>&1; then
            fail "true for $((($(microseconds) - begin) / 1000)) ms of $seconds s only: $*"
        fi
        sleep 0.05
    done
    ok "for $seconds s: $*"
}

# is_not COMMAND...: the command fails. (A word, where `!` is syntax.)
is_not() { ! "$@"; }

assert() {
    "$@" >/dev/null || fail "expected: $*"
    ok "$*"
}
assert_not() {
    if "$@" >/dev/null; then fail "expected not: $*"; fi
    ok "not: $*"
}
# assert_equal WHAT EXPECTED SEEN
assert_equal() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
    ok "$1: $3"
}
# assert_match WHAT REGEX SEEN: somewhere in the text.
assert_match() {
    grep -Eq -- "$2" <<<"$3" || fail "$1: expected a line like '$2', saw:"$'\n'"$3"
    ok "$1: $(grep -Em1 -- "$2" <<<"$3")"
}

# --- Topology -------------------------------------------------------------------------------------

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

# add_host NAME [BRIDGE [NETWORK]]: a host with a default route and no global address yet.
add_host() {
    local bridge=${2:-br0}
    add_ns "$1"
    # DAD as on a real host, but without the random wait before it and with a short one after it.
    set_sysctl "$1" net.ipv6.conf.default.accept_dad=1
    set_sysctl "$1" net.ipv6.conf.default.router_solicitation_delay=0
    connect "$1" eth0 router "lan-$1"
    set_sysctl "$1" net.ipv6.neigh.eth0.retrans_time_ms=200
    in_ns router ip link set "lan-$1" master "$bridge"
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
    add_bridge "$3" sw
    connect "$2" eth0 "$3" to-gateway
    connect "$3" to-router router "$1"
    in_ns "$3" ip link set to-gateway master sw
    in_ns "$3" ip link set to-router master sw
    in_ns "$2" ip -6 addr add fe80::a/64 dev eth0
    in_ns router ip -6 addr add "$4/64" dev "$1" metric 2048
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
    in_ns router ip -6 addr add fe80::1/64 dev br0
    in_ns router ip -6 addr add "${prefix}3/64" dev br0 metric 256
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
    start_snooping switch sw
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
    # shellcheck disable=SC2034  # for the scenarios
    ndppd_pid=$spawned
}

# gateway_reaches HOST: from the Internet, by an NS of the gateway's: its neighbor entry is
# forgotten first, as a warm one hides the fault.
gateway_reaches() {
    in_ns gw ip -6 neigh flush to "$1" dev eth0 2>/dev/null || true
    in_ns gw ping -6 -n -q -c 1 -W 1 -I "$internet" "$1" >/dev/null 2>&1
}

# --- Oracles --------------------------------------------------------------------------------------

# group_of ADDRESS: its solicited-node group, as the kernel writes it. For addresses that end in
# two written-out hextets, like ...::11:1.
group_of() {
    local low=${1##*:} rest=${1%:*}
    printf 'ff02::1:ff%02x:%x\n' $((0x${rest##*:} & 0xff)) $((0x$low))
}

# No pipes into `grep -q`: it ends at the first match, and what still writes fails by SIGPIPE.

# joined GROUP [INTERFACE]: the router's kernel holds it.
joined() { grep -Eq "inet6 $1( |\$)" < <(in_ns router ip -6 maddr show dev "${2:-eth9}"); }

# users_of GROUP: how many sockets and addresses hold it on eth9.
users_of() {
    in_ns router ip -6 maddr show dev eth9 |
        sed -nE "s/.*inet6 $1( users ([0-9]+))? *\$/\\2/p" | sed 's/^$/1/'
}

mdb() { in_ns "${1:-switch}" bridge mdb show dev sw; }
# switch_forwards GROUP [SWITCH]: to the router.
switch_forwards() { grep -Eq "port to-router grp $1( |\$)" < <(mdb "${2:-switch}"); }

neighbor_state() { in_ns router ip -6 neigh show dev br0 to "$1" | awk '{print $NF}'; }

# capture NAME NAMESPACE INTERFACE [--times]: ND and MLD on the wire from now on, a line a message in
# the file that `captured NAME` prints. See wire.py for what a line looks like.
capture() {
    spawn "$2" "$netns_dir/wire.py" listen "${@:3}" >"$work/$1.wire"
    wait_for 5 grep -q listening "$work/$1.wire"
}
captured() { cat "$work/$1.wire"; }
# saw NAME REGEX: a captured line matches.
saw() { grep -Eq -- "$2" "$work/$1.wire"; }

# say_nd HOST KIND TARGET [OPTION...]: the host sends a message of our making.
say_nd() {
    local host=$1
    shift
    in_ns "$host" "$netns_dir/wire.py" send eth0 "$@"
}

# keep_saying_nd HOST KIND TARGET [OPTION...]: every 20 ms, from when this returns until the process
# `speaker` is ended.
keep_saying_nd() {
    : >"$work/speaker"
    spawn "$1" "$netns_dir/wire.py" send eth0 "${@:2}" --count 0 --interval 0.02 >"$work/speaker"
    # shellcheck disable=SC2034  # for the scenarios
    speaker=$spawned
    wait_for 5 grep -q sending "$work/speaker"
}

# --- The daemon -----------------------------------------------------------------------------------

ready() { grep -qx 'READY=1' "$notify_log"; }
ready_or_dead() { ready || ! running; }
running() { kill -0 "$daemon_pid"; }
# The last STATUS= told to the service manager.
status_text() { sed -n 's/^STATUS=//p' "$notify_log" | tail -n 1; }
logged() { grep -Eq -- "$1" "$daemon_log"; }

# launch_daemon [OPTION...] [INTERFACE...]: in the router, without waiting for anything.
launch_daemon() {
    if [ -z "${notify_listener:-}" ]; then
        "$netns_dir/wire.py" notify "$work/notify" >>"$notify_log" &
        notify_listener=$!
        wait_for 5 grep -q listening "$notify_log"
    fi
    : >"$notify_log"
    NOTIFY_SOCKET=$work/notify spawn router "$SOLICITD" --runtime-dir "$work/run" \
        --state-dir "$work/state" "$@" >>"$daemon_log" 2>&1
    daemon_pid=$spawned
}

# start_daemon [OPTION...] [INTERFACE...]: returns when it says that it is ready.
start_daemon() {
    [ $# -gt 0 ] || set -- eth9 br0
    launch_daemon "$@"
    wait_for 10 ready_or_dead
    ready || fail "solicitd $* ended before it was ready: $(tail -n 1 "$daemon_log")"
}

# stop_daemon: by SIGTERM; it exits with 0.
stop_daemon() {
    local status=0
    kill -TERM "$daemon_pid"
    wait_for 10 is_not running
    wait "$daemon_pid" || status=$?
    assert_equal "exit status after SIGTERM" 0 "$status"
}

# crash_daemon: it gets no chance to say or to leave anything.
crash_daemon() {
    kill -KILL "$daemon_pid"
    wait "$daemon_pid" 2>/dev/null || true
}

# freeze_daemon: it does nothing from now on; thaw_daemon lets it go on.
freeze_daemon() {
    kill -STOP "$daemon_pid"
    wait_for 5 grep -q '^State:.*stopped' "/proc/$daemon_pid/status"
}
thaw_daemon() { kill -CONT "$daemon_pid"; }

# open_files: how many the daemon has.
open_files() { find "/proc/$daemon_pid/fd" -type l | wc -l; }

# run_solicitd ARGUMENT...: in the foreground; sets status, and output (both streams).
run_solicitd() {
    # shellcheck disable=SC2034  # for the scenarios
    status=0
    # shellcheck disable=SC2034
    output=$(in_ns router timeout 20 "$SOLICITD" --runtime-dir "$work/run" \
        --state-dir "$work/state" "$@" 2>&1) || status=$?
}

# state JQ_FILTER: of the running daemon's state document.
state() {
    in_ns router "$SOLICITD" --runtime-dir "$work/run" --dump-state --json | jq -er "$1"
}
# host_state ADDRESS: tentative, confirmed, probing, absent, own, or unknown.
host_state() { state "[.hosts[] | select(.address == \"$1\") | .state][0] // \"unknown\""; }
evidence_of() { state "[.hosts[] | select(.address == \"$1\") | .evidence][0] // \"none\""; }
host_is() { [ "$(host_state "$1")" = "$2" ]; }
counter() { state ".counters[\"$1\"] // 0"; }
