# shellcheck shell=bash disable=SC2154 # shared with the other parts
# For scenarios in which somebody means harm: whatever he sends, the daemon feeds its watchdog, stays
# small, wakes up 250 times a second at most, takes half of a processor, and keeps the hosts that it
# has.

readonly most_wakeups=250 most_cpu=60 most_kib=32768 watchdog_us=2000000
newcomers=0
cpu_ns() { cut -d' ' -f1 "/proc/$daemon_pid/schedstat"; }
# Twice: whoever reads a list of groups while it changes may miss one (kernel: igmp6_mc_seq_next).
known_host_is_held() { joined "$(group_of "$1")" || joined "$(group_of "$1")"; }
known_hosts_are_held() { known_host_is_held "$host1" && known_host_is_held "$host2"; }
known_hosts_are_confirmed() { host_is "$host1" confirmed && host_is "$host2" confirmed; }

# start_daemon_to_attack: it knows host1 and host2; the LAN's reports count, too.
start_daemon_to_attack() {
    WATCHDOG_USEC=$watchdog_us start_daemon --mld-evidence true eth9 br0
    eventually 5 known_hosts_are_confirmed
    assert known_hosts_are_held
    fed=$(feeds) fed_at=$(microseconds)
}

assert_fed() {
    local now count
    now=$(microseconds) count=$(feeds)
    if [ "$count" -gt "$fed" ]; then
        fed=$count fed_at=$now
    fi
    [ $((now - fed_at)) -le "$watchdog_us" ] ||
        fail "the watchdog was not fed for $(((now - fed_at) / 1000)) ms"
}

# watch_second: one second under attack.
watch_second() {
    local begin wakeups cpu took rate
    begin=$(microseconds) wakeups=$(status_of voluntary_ctxt_switches) cpu=$(cpu_ns)
    sleep 1
    took=$(($(microseconds) - begin))
    running || fail "the daemon ended: $(tail -n 1 "$daemon_log")"
    rate=$((($(status_of voluntary_ctxt_switches) - wakeups) * 1000000 / took))
    [ "$rate" -le "$most_wakeups" ] || fail "$rate wake-ups a second"
    [ "$rate" -le "$highest_rate" ] || highest_rate=$rate
    cpu=$((($(cpu_ns) - cpu) / 10 / took))
    [ "$cpu" -le "$most_cpu" ] || sanitized || fail "$cpu% of a processor"
    [ "$cpu" -le "$highest_cpu" ] || highest_cpu=$cpu
    assert_fed
    known_hosts_are_held || fail "a host's group was left"
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
    if sanitized; then
        return 0 # it has much to note down
    fi
    peak=$(status_of VmHWM)
    peak=${peak% kB}
    [ "$peak" -le "$most_kib" ] || fail "$peak KiB of memory at its peak, allowed are $most_kib"
    ok "memory at its peak: $peak KiB"
}
attack() {
    begin_attack "$@"
    end_attack
}

# make_newcomer: sets newcomer and its mac, which nobody has had before.
make_newcomer() {
    newcomers=$((newcomers + 1))
    newcomer=$(printf '%s13:%x' "$prefix" "$newcomers")
    newcomer_mac=$(printf '02:13:00:00:00:%02x' "$newcomers")
}
assert_is_joined_meanwhile() {
    if sanitized; then
        return 0 # most of the flood is lost, and it as well
    fi
    within 1000 joined "$(group_of "$newcomer")"
    kill -0 "$attacker" 2>/dev/null || fail "the attack was over before"
}
# newcomer_says ND...: once, and from then on the second counts; and twelve times more, as whoever
# offers 500,000 packets a second loses us every second one (RFC 4862 5.1 lets hosts repeat DAD).
newcomer_says() {
    say_nd host2 "$@" --mac "$newcomer_mac"
    say_nd host2 "$@" --mac "$newcomer_mac" --count 12 --interval 0.06 &
    assert_is_joined_meanwhile
    wait $!
}
# host_comes: during an attack, a host does DAD, and says nothing else.
host_comes() {
    make_newcomer
    newcomer_says dad "$newcomer"
}
# meet_newcomer: it asks for the router's link-local address, by its own; then known_machine_comes.
meet_newcomer() {
    make_newcomer
    say_nd host2 ns fe80::1 --source fe80::13:1 --mac "$newcomer_mac"
    eventually 5 router_knows fe80::13:1
}
router_knows() { [ -n "$(in_ns router ip -6 neigh show "$1" dev br0)" ]; }
known_machine_comes() { newcomer_says dad "$newcomer"; }
# host_speaks: where an attack leaves no room for a mere claim, it uses its address.
host_speaks() {
    make_newcomer
    say_nd host2 ns "${prefix}3" --source "$newcomer" --mac "$newcomer_mac"
    assert_is_joined_meanwhile
}
# known_machine_speaks: where others seem to speak as well, one that the router has met does.
known_machine_speaks() { newcomer_says ns "${prefix}3" --source "$newcomer"; }
# host_answers: where others seem to speak as well, host3 answers the router. (Its bridge lets the
# question through once it has host3's report, which the kernel sends when it finds the time.)
host_answers() {
    make_newcomer
    in_ns host3 ip -6 addr add "$newcomer/64" dev eth0 nodad
    wait_for 5 in_ns router ping -6 -n -q -c 1 -W 1 "$newcomer"
    assert_is_joined_meanwhile
}

# assert_unharmed: afterwards, all is as it was.
assert_unharmed() {
    assert known_hosts_are_confirmed
    assert known_hosts_are_held
    assert_not logged "left ($(group_of "$host1")|$(group_of "$host2")) "
    eventually 20 gateway_reaches "$host1"
    eventually 20 gateway_reaches "$host2"
    assert_small # the state was written meanwhile
}
