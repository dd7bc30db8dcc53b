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

. "$netns_dir/soak/choices.sh"
. "$netns_dir/soak/hosts.sh"
. "$netns_dir/soak/interfaces.sh"
. "$netns_dir/soak/daemon.sh"
. "$netns_dir/soak/rounds.sh"
. "$netns_dir/soak/levels.sh"

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
give_up_soon br0
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
permit CAP_NET_ADMIN # to make br0 a multicast router
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
