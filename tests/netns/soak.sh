#!/usr/bin/env bash
# Long lives in short: hosts come and go, interfaces flap, vanish and come back, the querier falls
# silent, the configuration changes, and the daemon is restarted, killed and frozen. A host is asked
# after a second instead of five minutes, so twelve seconds are an hour of a LAN.
#
# After each round of that, whoever lives is served, and none of those that nothing has happened to
# was left in between. At the end of each cycle all that the daemon uses is back at its first level.
# Run it alone: whoever fills the kernel's neighbor table, which all namespaces share, spoils it.
#
# Usage: soak.sh [MINUTES [SEED]]    0 minutes, the default: one short cycle
# The same seed makes the same choices. HEAP_LIBRARY: built by CMake; without it (sanitizers allow
# no preloading, and have a heap of their own) memory is not measured.
. "$(dirname "$0")/lib.sh"
readonly minutes=${1:-0} seed=${2:-$((SRANDOM % 32768))}

# Living and lingering together they stay below the 256 groups of a socket: those left of more may
# be on several.
if [ "$minutes" = 0 ]; then
    readonly restarting_rounds=3 steady_rounds=5 most_crowd=30 most_ghosts=25
else
    readonly restarting_rounds=10 steady_rounds=40 most_crowd=60 most_ghosts=30
fi
# Bytes in use: a table keeps the room of its largest day, which differs by some KiB from cycle to
# cycle. What leaks 100 bytes a host or flap shows above that.
readonly heap_tolerance=$((16 * 1024))
# Bytes that the kernel gave: those, and holes between what is in use.
readonly resident_tolerance=$((512 * 1024))
readonly serve_within=5 # seconds

# draw NUMBER: sets drawn, 0 to NUMBER - 1. (Not in a subshell, whose RANDOM is another.)
draw() { drawn=$((RANDOM % $1)); }
# one_of WORD...: sets chosen.
one_of() {
    draw $#
    chosen=${*:drawn+1:1}
}
# shuffle WORD...: sets shuffled.
shuffle() {
    shuffled=()
    while [ $# -gt 0 ]; do
        draw $#
        shuffled+=("${@:drawn+1:1}")
        set -- "${@:1:drawn}" "${@:drawn+2}"
    done
}
# What an act has done and a mend undoes: the mends of a round come after all of its acts.
RANDOM=$seed
mends=()
later() { mends+=("$1"); }

# -- Hosts: some in namespaces of their own, and a crowd that is one process.

declare -A groups=() # of those that live, by "HOST ADDRESS"
newcomers=()         # of this round: nobody may have heard of them yet
asleep=()            # "HOST ADDRESS...": its link is down, so they do not live
born=0

settle() { # HOST ADDRESS
    in_ns "$1" ip -6 addr replace "$2/64" dev eth0
    groups["$1 $2"]=$(group_of "$2")
    newcomers+=("$1 $2")
}
settle_anew() { # HOST
    local high low
    draw 32767
    high=$((drawn + 1))
    draw 32767
    low=$((drawn + 1))
    settle "$1" "$prefix$(printf '%x:%x' $high $low)"
}
living() { printf '%s\n' "${!groups[@]}" | sort; }
addresses_of() { living | sed -n "s/^$1 //p"; }
# one_guest: sets chosen, a host that may go; fails when there is none.
one_guest() {
    local guests
    mapfile -t guests < <(living | sed -n 's/^\(guest[0-9]*\) .*/\1/p' | uniq)
    [ ${#guests[@]} -gt 0 ] && one_of "${guests[@]}"
}
# excuse HOST ADDRESS: it cannot answer for a while, and may be left for that.
excuse() { sed -i "/^${groups[$1 $2]}\$/d" "$work/established"; }
die() { # HOST
    local address
    for address in $(addresses_of "$1"); do unset "groups[$1 $address]"; done
}

host_comes() {
    local host
    born=$((born + 1))
    host=guest$born
    add_unplugged_host "$host"
    [ -z "$lan" ] || plug "$host"
    draw 3
    for _ in $(seq 0 "$drawn"); do settle_anew "$host"; done
}
host_sleeps() {
    one_guest || { host_comes && return; }
    asleep+=("$chosen $(addresses_of "$chosen" | tr '\n' ' ')")
    die "$chosen"
    in_ns "$chosen" ip link set eth0 down
}
host_wakes() {
    local words address
    [ ${#asleep[@]} -gt 0 ] || { host_comes && return; }
    read -ra words <<<"${asleep[0]}"
    asleep=("${asleep[@]:1}")
    in_ns "${words[0]}" ip link set eth0 up
    in_ns "${words[0]}" ip -6 route replace default via fe80::1 dev eth0
    for address in "${words[@]:1}"; do settle "${words[0]}" "$address"; done
}
host_vanishes() {
    one_guest || { host_comes && return; }
    die "$chosen"
    ip netns del "$chosen"
}
# As privacy extensions do: a new address, and later the former one goes.
host_rotates() {
    local host former
    one_guest || { host_comes && return; }
    host=$chosen
    # shellcheck disable=SC2046 # words
    one_of $(addresses_of "$host")
    former=$chosen
    settle_anew "$host"
    in_ns "$host" ip -6 addr change "$former/64" dev eth0 preferred_lft 0
    later "forget_address $host $former"
}
forget_address() { # HOST ADDRESS
    [ -n "${groups[$1 $2]:-}" ] || return 0 # its host is gone
    unset "groups[$1 $2]"
    in_ns "$1" ip -6 addr del "$2/64" dev eth0
}
host_flaps() {
    excuse host2 "$host2"
    in_ns host2 ip link set eth0 down
    later host2_is_back
}
host2_is_back() {
    in_ns host2 ip link set eth0 up
    in_ns host2 ip -6 route replace default via fe80::1 dev eth0
    settle host2 "$host2"
}

start_crowd() {
    add_host crowd
    mkfifo "$work/crowd.in"
    spawn crowd "$netns_dir/tools/crowd.py" eth0 "$seed" "$work/crowd.in" "$work/crowd.groups" \
        >"$work/crowd.out"
    wait_for 5 grep -q listening "$work/crowd.out"
    crowd_told=1
    tell_crowd come 0
}
tell_crowd() { # COMMAND NUMBER
    crowd_told=$((crowd_told + 1))
    echo "$*" >"$work/crowd.in"
    wait_for 5 crowd_obeyed
}
crowd_obeyed() { [ "$(wc -l <"$work/crowd.out")" = "$crowd_told" ]; }
crowd_size() { wc -l <"$work/crowd.groups"; }
crowd_comes() {
    local room
    room=$((most_crowd - $(crowd_size)))
    [ $room -gt 0 ] || return 0
    draw $room
    came=$((came + drawn + 1))
    tell_crowd come $((drawn + 1))
}
crowd_goes() {
    draw $((most_crowd / 2))
    tell_crowd go $((drawn + 1))
}
ghosts_claim() {
    draw "$most_ghosts"
    tell_crowd ghosts $((drawn + 1))
}
readonly host_acts=(host_comes host_comes host_sleeps host_wakes host_vanishes host_rotates
    host_rotates host_flaps crowd_comes crowd_comes crowd_goes ghosts_claim)

# -- Interfaces. `exposed`: what happens to the upstream costs memberships for a moment.

lan=1
exposed=
eth9_mac=02:00:00:5e:00:09
plug() { # HOST
    in_ns router ip link set "lan-$1" master br0
    # It gets all multicast, though it joins nothing.
    [ "$1" != crowd ] || in_ns router ip link set lan-crowd type bridge_slave mcast_router 2
}
address_lan() {
    in_ns router ip -6 addr replace fe80::1/64 dev br0
    in_ns router ip -6 addr replace "${prefix}3/64" dev br0 metric 256
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
    set_sysctl router net.ipv6.neigh.br0.retrans_time_ms=100
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
    set_sysctl router net.ipv6.neigh.br1.retrans_time_ms=100
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
upstream_is_replaced() {
    local index
    index=$(in_ns router ip -j link show eth9 | jq '.[0].ifindex')
    in_ns router ip link del eth9
    plug_upstream address "$eth9_mac" index "$index"
}
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

# -- The daemon

host_timeout=1 downstreams='"br0", "br1"'
configure() { # [LINE...]: above the upstream's table
    printf '%s\n' "host-timeout = $host_timeout" 'linger = 1' 'announce-interval = 2' \
        'audit-interval = 5' "$@" \
        '[[upstream]]' 'interface = "eth9"' "downstream = [$downstreams]" >"$work/solicitd.toml"
}
reload() {
    : >"$notify_log"
    kill -HUP "$daemon_pid"
    wait_for 10 ready
}
start() {
    export WATCHDOG_USEC=2000000
    if [ -n "${HEAP_LIBRARY:-}" ]; then
        # Without the allocator's caches, whose content would count as in use.
        export LD_PRELOAD=$work/heap_level.so HEAP_LEVEL=$work/heap
        export GLIBC_TUNABLES=glibc.malloc.tcache_count=0
    fi
    start_daemon --config "$work/solicitd.toml"
    unset WATCHDOG_USEC LD_PRELOAD GLIBC_TUNABLES
}
in_store() { "$netns_dir/tools/service_manager.py" "$1" "$fd_store"; }
daemon_is_frozen() {
    freeze_daemon
    later thaw_daemon
}
daemon_tells() { kill -USR1 "$daemon_pid"; }
daemon_reads() {
    draw 3
    host_timeout=$((drawn + 1))
    one_of '' 'announce = "always"' 'capture = "mcast-router"' 'capture = "promisc"' \
        'log-level = "debug"' 'no-such-key = 1'
    [ "$chosen" != 'no-such-key = 1' ] || mistakes=$((mistakes + 1))
    configure "$chosen"
    reload
    host_timeout=1
}
daemon_forgets_side() {
    excuse side "$side"
    downstreams='"br0"' configure
    reload
    later daemon_learns_side
}
daemon_learns_side() {
    configure
    reload
    newcomers+=("side $side")
}
readonly steady_acts=(daemon_is_frozen daemon_tells daemon_reads daemon_reads daemon_forgets_side)

daemon_restarts() {
    stop_daemon >/dev/null
    later start
}
daemon_restarts_afresh() {
    stop_daemon >/dev/null
    in_store drop >/dev/null
    exposed=1
    later start
}
daemon_crashes() {
    crash_daemon
    later start
}
daemon_crashes_afresh() {
    crash_daemon
    in_store drop >/dev/null
    exposed=1
    later start
}
readonly restarting_acts=(daemon_restarts daemon_crashes daemon_restarts daemon_crashes
    daemon_restarts_afresh daemon_crashes_afresh)

# -- What must hold after each round

groups_of_living() { { printf '%s\n' "${groups[@]}" && cat "$work/crowd.groups"; } | sort -u; }
forwarded() { mdb | sed -nE 's/.* port to-router grp ([^ ]+).*/\1/p' | sort -u; }
unserved() { comm -23 <(groups_of_living) <(forwarded); }
all_served() { [ -z "$(unserved)" ]; }
# Of those that lived all the round, and now.
left() { sed -nE 's/^Deleted .* port to-router grp ([^ ]+).*/\1/p' "$work/mdb.changes" | sort -u; }
left_by_mistake() { comm -12 <(left) <(comm -12 "$work/established" <(groups_of_living)); }
errors() { grep -E ' (error|critical) ' "$daemon_log" || true; }

speak() {
    local key
    for key in "${newcomers[@]}"; do
        [ -n "${groups[$key]:-}" ] || continue # gone already
        wait_for 5 has_address "${key% *}" "${key#* }"
        say_nd "${key% *}" ns fe80::1 --source "${key#* }"
    done
    newcomers=()
    if [ "$came" -gt 0 ]; then tell_crowd speak "$came"; fi
    came=0
}

# Those of the beginning, and another socket for each 256 groups more.
files_are_right() { [ "$(open_files)" = "$((files - 1 + $(counter memberships.sockets)))" ]; }
store_is_right() { [ "$(in_store count)" = "$(counter memberships.sockets)" ]; }

check() {
    local begin key
    running || fail "the daemon is gone"
    begin=$(microseconds)
    until all_served; do
        [ $(($(microseconds) - begin)) -lt $((serve_within * 1000000)) ] ||
            fail "not served within $serve_within s: $(unserved | paste -sd ' ')"
        sleep 0.05
    done
    while read -r key; do
        [ "$key" = "side $side" ] || wait_for "$serve_within" gateway_reaches "${key#* }"
    done < <(living)
    [ -n "$exposed" ] || [ -z "$(left_by_mistake)" ] || fail "left, though alive: $(left_by_mistake)"
    wait_for 3 has_fed $(($(feeds) + 1))
    wait_for 3 store_is_right
    wait_for 3 files_are_right
    [ "$(errors | wc -l)" = "$mistakes" ] || fail "not the $mistakes errors that were made: $(errors)"
}

rounds=0 came=0 mistakes=0
# round DAEMON_ACT...: one of these, and some others.
round() {
    local acts=() act
    rounds=$((rounds + 1))
    mends=() exposed=
    # shellcheck disable=SC2094
    groups_of_living >"$work/established"
    : >"$work/mdb.changes"
    draw 4
    for _ in $(seq 0 $((drawn + 1))); do
        one_of "${host_acts[@]}"
        acts+=("$chosen")
    done
    draw 3
    if [ "$drawn" -gt 0 ]; then
        one_of "${upstream_acts[@]}"
        acts+=("$chosen")
    fi
    draw 3
    if [ "$drawn" -gt 0 ]; then
        one_of "${lan_acts[@]}"
        acts+=("$chosen")
    fi
    one_of "$@"
    acts+=("$chosen")
    draw 3
    if [ "$drawn" = 0 ] && [ "$1" = daemon_is_frozen ]; then
        # Not with restarts: a new process takes minutes to miss a querier that it never heard.
        if [ -n "$querier" ]; then acts+=(querier_is_silent); else acts+=(querier_speaks); fi
    fi
    shuffle "${acts[@]}"
    acts=("${shuffled[@]}")
    echo "   $SECONDS s, round $rounds, $(living | wc -l) hosts and a crowd of $(crowd_size): ${acts[*]}"
    for act in "${acts[@]}"; do
        [[ $act != upstream_* ]] || exposed=1
        $act
        draw 300
        sleep "0.$(printf '%03d' "$drawn")"
    done
    shuffle "${mends[@]}"
    for act in "${shuffled[@]}"; do $act; done
    restart_ndppd # which holds on to interfaces and MACs
    speak
    check
}

# -- What must be at its first level when nobody is there any more but the permanent hosts

base_hosts() { printf '%s\n' "$host1" "$host2" "$side" "${prefix}3" | sort; }
only_base_hosts() { [ "$(state '.hosts[].address' | sort)" = "$(base_hosts)" ]; }
saved_base_hosts() { tail -n 1 "$work/run/hosts" | grep -qx "end $(($(base_hosts | wc -l) - 1))"; }
kernel_groups() { in_ns router grep ' eth9 ' /proc/net/igmp6 | awk '{ print $3, $4 }' | sort; }
link_fact() { in_ns router ip -d -j link show "$1" | jq -c ".[0] | $2"; }
epoll_watches() { cat "/proc/$daemon_pid/fdinfo/"* | grep -c '^tfd:'; }
marked() { [ "$(link_fact "$1" .linkinfo.info_data.mcast_router)" = 2 ]; }
links() {
    local link
    for link in eth9 br0 br1; do
        echo "$link: promiscuity $(link_fact $link .promiscuity)," \
            "allmulti $(link_fact $link .allmulti)," \
            "multicast_router $(link_fact $link .linkinfo.info_data.mcast_router)"
    done
}
without_daemon() {
    kernel_groups
    links
}
levels() {
    find "/proc/$daemon_pid/fd" -type l -printf 'open %l\n' | sed 's/:\[[0-9]*\]//' | sort | uniq -c
    echo "watched by the loop: $(epoll_watches)"
    echo "threads: $(find "/proc/$daemon_pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
    state '.hosts[] | "host \(.address) on \(.downstream)"'
    state '.upstreams[].groups[] | "group \(.group) \(.state) of \(.hosts) claimed \(.claimed)"'
    echo "memberships: $(counter memberships.held) on $(counter memberships.sockets) sockets"
    echo "stored sockets: $(in_store count)"
    kernel_groups | sed 's/^/kernel holds, users: /'
    links
    echo "packet sockets of the router: $(in_ns router grep -c . /proc/net/packet)"
    (cd "$work" && find run state -type f | sort | sed 's/^/file /')
}
# Three are left to be asked, once a second; one more for what is due just then.
probes_are_few() {
    local before
    before=$(counter probes.sent)
    sleep 2
    [ $(($(counter probes.sent) - before)) -le $((3 * 3)) ]
}

calm() {
    local guest
    querier_speaks
    configure 'capture = "mcast-router"' # which leaves its mark on the bridge, to be undone
    reload
    wait_for 3 marked br0
    configure
    reload
    tell_crowd go "$(crowd_size)"
    while one_guest; do host_vanishes; done
    for guest in "${asleep[@]}"; do ip netns del "${guest%% *}"; done
    asleep=()
    wait_for 60 only_base_hosts
    wait_for 5 saved_base_hosts
    levels >"$work/levels"
}
same_levels() {
    calm
    wait_for 3 probes_are_few
    diff "$work/first-levels" "$work/levels" || fail "the levels of the start (<) and now (>) differ"
    ok "$(wc -l <"$work/levels") levels are those of the start"
}
in_use() {
    : >"$work/heap"
    kill -USR1 "$daemon_pid"
    wait_for 5 test -s "$work/heap"
    cat "$work/heap"
}
resident() { status_of RssAnon | awk '{ print $1 * 1024 }'; }

# What lib.sh shows of a failure, and more.
eval "usual_$(declare -f show_state)"
show_state() {
    usual_show_state
    echo "-- the daemon's files"
    ls -l "/proc/$daemon_pid/fd" || true
    echo "-- the service manager's store, and what it was told last"
    in_store count || true
    tail -n 30 "$notify_log" || true
    echo "-- the switch's changes in this round"
    head -n 200 "$work/mdb.changes" || true
}

step "The usual topology, a second downstream, a crowd, and a querier of our own; seed $seed"
make_topology
readonly side=${prefix}13:3
in_ns router ip link del eth9
plug_upstream address "$eth9_mac" # with the MAC that it has each time
set_sysctl router net.ipv6.neigh.br0.retrans_time_ms=100 # who is gone is known to be soon
in_ns switch ip link set sw type bridge mcast_querier 0 mcast_membership_interval 1000 \
    mcast_querier_interval 10000000
querier_speaks
make_side
add_host side br1
start_crowd
plug crowd
spawn switch stdbuf -oL bridge -t monitor mdb >>"$work/mdb.changes"
for host in "host1 $host1" "host2 $host2" "side $side"; do
    # shellcheck disable=SC2086 # two words
    settle $host
done
restart_ndppd
ndppd_listens() { [ "$(link_fact eth9 .allmulti)" = 1 ]; }
wait_for 5 ndppd_listens
without_daemon >"$work/without-daemon"

step "The daemon starts"
if [ -n "${HEAP_LIBRARY:-}" ]; then # where the daemon's user may read and write
    install -m 0755 "$HEAP_LIBRARY" "$work/heap_level.so"
    install -m 0666 /dev/null "$work/heap"
fi
fd_store=$work/fd-store
configure
start
daemon_restarts_afresh # which has left all its files
start
touch "$work/established"
files=$(open_files)
speak
check
calm
mv "$work/levels" "$work/first-levels"
cat "$work/first-levels"

begin=$SECONDS cycle=0
while [ "$cycle" = 0 ] || [ $((SECONDS - begin)) -lt $((minutes * 60)) ]; do
    cycle=$((cycle + 1))
    step "Cycle $cycle: restarts and crashes, with and without the FD store"
    for _ in $(seq "$restarting_rounds"); do round "${restarting_acts[@]}"; done
    daemon_restarts_afresh # what nobody remembers would be kept for minutes
    start
    # The most that it will have to remember, and to do at once, so that its tables have their size.
    tell_crowd come $((most_crowd - $(crowd_size)))
    tell_crowd ghosts $((3 * most_ghosts))
    host_comes
    upstream_is_replaced
    restart_ndppd
    speak
    check
    same_levels
    if [ -n "${HEAP_LIBRARY:-}" ]; then heap=$(in_use) rss=$(resident); fi

    step "Cycle $cycle: one process lives through it all"
    pid=$daemon_pid
    for _ in $(seq "$steady_rounds"); do round "${steady_acts[@]}"; done
    same_levels
    assert_equal "process" "$pid" "$daemon_pid"
    if [ -n "${HEAP_LIBRARY:-}" ]; then
        heap=$(($(in_use) - heap)) rss=$(($(resident) - rss))
        echo "   more than before: $heap bytes of heap in use, $rss resident"
        assert [ $heap -le $heap_tolerance ]
        assert [ $rss -le $resident_tolerance ]
    fi
done

step "A last stop: nothing of ours is left"
stop_daemon
in_store drop >/dev/null
without_daemon | diff "$work/without-daemon" - || fail "before the daemon (<) and after (>) differ"
ok "groups and interfaces are as they were before it"
ok "$rounds rounds, $born hosts, $((SECONDS - begin)) s; seed $seed"
