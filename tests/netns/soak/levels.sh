# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# What must be at its first level when nobody is there any more but the permanent hosts.

base_hosts() { printf '%s\n' "$host1" "$host2" "$side" "${prefix}3" | sort; }
only_base_hosts() { [ "$(state '.hosts[].address' | sort)" = "$(base_hosts)" ]; }
saved_base_hosts() { tail -n 1 "$work/run/hosts" | grep -qx "end $(($(base_hosts | wc -l) - 1))"; }
kernel_groups() { in_ns router grep ' eth9 ' /proc/net/igmp6 | awk '{ print $3, $4 }' | sort; }
epoll_watches() { cat "/proc/$daemon_pid/fdinfo/"* | grep -c '^tfd:'; }
marked() { [ "$(mcast_router)" = 2 ]; }
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
    state '.upstreams[].groups[] | "group \(.group) \(.state) of \(.hosts) leased \(.leased)"'
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
    reload_daemon
    wait_for 3 marked
    configure
    reload_daemon
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
# Bytes in use: a table keeps the room of its largest day, which differs by some KiB from cycle to
# cycle. What leaks 100 bytes a host or flap shows above that.
readonly heap_tolerance=$((16 * 1024))
# Bytes that the kernel gave: those, and holes between what is in use.
readonly resident_tolerance=$((512 * 1024))
in_use() {
    : >"$work/heap"
    kill -USR1 "$daemon_pid"
    wait_for 5 test -s "$work/heap"
    cat "$work/heap"
}
resident() { status_of RssAnon | awk '{ print $1 * 1024 }'; }
