# shellcheck shell=bash disable=SC2154 # shared with the other parts
# For scenarios in which somebody means harm: whatever he sends, the daemon feeds its watchdog, stays
# small, wakes up 250 times a second at most, and keeps the hosts that it has.

readonly most_wakeups=250 most_kib=32768
of_status() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$daemon_pid/status"; }
cpu_ns() { cut -d' ' -f1 "/proc/$daemon_pid/schedstat"; }
feeds() { grep -c '^WATCHDOG=1' "$notify_log" || true; }
known_hosts_are_held() { joined "$(group_of "$host1")" && joined "$(group_of "$host2")"; }
known_hosts_are_confirmed() { host_is "$host1" confirmed && host_is "$host2" confirmed; }

# start_daemon_to_attack: fed every half second; it knows host1 and host2.
start_daemon_to_attack() {
    WATCHDOG_USEC=1000000 start_daemon
    eventually 5 known_hosts_are_confirmed
    assert known_hosts_are_held
}

# watch_second: one second under attack.
watch_second() {
    local begin fed wakeups cpu took rate
    begin=$(microseconds) fed=$(feeds) wakeups=$(of_status voluntary_ctxt_switches) cpu=$(cpu_ns)
    sleep 1
    took=$(($(microseconds) - begin))
    running || fail "the daemon ended: $(tail -n 1 "$daemon_log")"
    rate=$((($(of_status voluntary_ctxt_switches) - wakeups) * 1000000 / took))
    [ "$(feeds)" -gt "$fed" ] || fail "the watchdog was not fed for $((took / 1000)) ms"
    [ "$rate" -le "$most_wakeups" ] || fail "$rate wake-ups a second"
    known_hosts_are_held || fail "a host's group was left"
    [ "$rate" -le "$highest_rate" ] || highest_rate=$rate
    cpu=$((($(cpu_ns) - cpu) / 10 / took))
    [ "$cpu" -le "$highest_cpu" ] || highest_cpu=$cpu
}

# begin_attack NAMESPACE COMMAND...; end_attack, which watches until the command ends.
begin_attack() {
    highest_rate=0 highest_cpu=0
    spawn "$@" >"$work/attack" 2>&1
    attacker=$spawned
}
end_attack() {
    while kill -0 "$attacker" 2>/dev/null; do
        watch_second
    done
    wait "$attacker" || true # some generators know no other end than a signal
    ok "in a second at most $highest_rate wake-ups, $highest_cpu% of a processor"
    assert_small
}
assert_small() {
    local peak
    if grep -q libasan "/proc/$daemon_pid/maps"; then
        return 0 # a sanitizer has much to note down
    fi
    peak=$(of_status VmHWM)
    [ "$peak" -le "$most_kib" ] || fail "$peak KiB of memory at its peak, allowed are $most_kib"
    ok "memory at its peak: $peak KiB"
}
attack() {
    begin_attack "$@"
    end_attack
}

# assert_unharmed: afterwards, all is as it was.
assert_unharmed() {
    assert known_hosts_are_confirmed
    assert known_hosts_are_held
    eventually 20 gateway_reaches "$host1"
    assert_small # the state was written meanwhile
}
