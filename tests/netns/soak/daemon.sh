# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# The daemon: reconfigured, frozen, restarted, killed.

host_timeout=1 downstreams='"br0", "br1"'
configure() { # [LINE...]: above the upstream's table
    printf '%s\n' "host-timeout = $host_timeout" 'linger = 1' 'announce-interval = 2' \
        'audit-interval = 5' "$@" \
        '[[upstream]]' 'interface = "eth9"' "downstream = [$downstreams]" >"$work/solicitd.toml"
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
    reload_daemon
    host_timeout=1
}
daemon_forgets_side() {
    excuse side "$side"
    downstreams='"br0"' configure
    reload_daemon
    later daemon_learns_side
}
daemon_learns_side() {
    configure
    reload_daemon
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
