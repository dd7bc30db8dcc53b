#!/usr/bin/env bash
# What makes the daemon report by itself, where the kernel stays silent; how fast, how much, and
# where not.
. "$(dirname "$0")/lib.sh"
make_topology
group1=$(group_of "$host1")
group2=$(group_of "$host2")

# A query as of a switch that has no address: it comes out of the switch, as a Linux bridge would
# not let it pass.
ask_from_nowhere() { say_mld switch to-router query "$@" --source ::; }
new_capture() {
    captures=$((${captures:-0} + 1))
    on_wire=wire$captures
    capture "$on_wire" router eth9 --times --packets
}
# packets_sent CAPTURE: of reports, out of the router's eth9.
packets_sent() { captured "$1" | grep -c ' out packet report ' || true; }
router_mac_at_switch() { in_ns switch bridge fdb show br sw brport to-router dynamic; }
upstream_is() { [ "$(state '.upstreams[0].state')" = "$1" ]; }
reported() { saw "$on_wire" " out report $1 is-ex 0 "; }
silent() { [ "$(packets_sent "$on_wire")" = 0 ]; }

capture lan router br0
for mode in never auto; do
    start_daemon --announce "$mode" --max-groups 5000 eth9 br0
    eventually 5 switch_forwards "$group1"
    sleep 3 # the kernel's second report

    step "announce $mode: the MAC address changes"
    new_capture
    mac=$(new_mac)
    forget_at_switch "$group1"
    in_ns router ip link set eth9 address "$mac"
    if [ "$mode" = never ]; then # the control
        stays 3 silent
        assert_not switch_forwards "$group1"
    else
        within 1500 reported "$group1"
        within 500 reported "$group2"
        assert switch_forwards "$group1"
        assert_match "the switch" "$mac" "$(router_mac_at_switch)"
        restart_ndppd
        eventually 5 gateway_reaches "$host1"
    fi

    step "announce $mode: a query from ::"
    sleep 1.5 # the rest after an announcement
    new_capture
    ask_from_nowhere --max-response 2000
    if [ "$mode" = never ]; then
        stays 3 silent
    else
        within 2000 reported "$group1"
        within 100 reported "$group2"
    fi

    step "announce $mode: a query of MLDv1 from ::"
    sleep 1.5
    new_capture
    ask_from_nowhere --version 1 --max-response 2000
    if [ "$mode" = never ]; then
        stays 3 silent
    else
        within 2000 saw "$on_wire" " out report $group1 v1 "
        within 100 saw "$on_wire" " out report $group2 v1 "
    fi

    step "announce $mode: a query from :: for one group"
    sleep 1.5
    new_capture
    ask_from_nowhere "$group1" --max-response 1000
    if [ "$mode" = never ]; then
        stays 2 silent
        stop_daemon
    else
        within 1000 reported "$group1"
        assert_not reported "$group2"
    fi
done

step "The upstream comes back: the kernel reports, and so do we, when the switch has settled"
before=$(counter announce.packets)
in_ns switch ip link set to-router down
eventually 5 upstream_is down
in_ns switch ip link set to-router up
eventually 5 switch_forwards "$group1"
eventually 5 gateway_reaches "$host1"
eventually 5 counter_exceeds announce.packets "$before"

step "A flood of queries from :: gets no more than an answer a second"
sleep 5
new_capture
keep_saying switch mld to-router query --source :: --max-response 100 --interval 0.005
sleep 5
kill "$speaker"
flood=$(packets_sent "$on_wire")
assert [ "$flood" -ge 3 ]
assert [ "$flood" -le 7 ]
assert [ "$(counter upstream.queries)" -gt 500 ]

step "Thousands of groups take few packets"
many=4000
all_held() { [ "$(groups_of_neighbors)" = "$many" ]; }
# Of records in reports that went out.
records_sent() { captured "$on_wire" | awk '/ out packet report v2 / { sum += $6 } END { print sum + 0 }'; }
all_reported() { [ "$(records_sent)" -ge "$many" ]; }
quiet() {
    local before
    before=$(packets_sent "$on_wire")
    sleep 2
    [ "$(packets_sent "$on_wire")" = "$before" ]
}
new_capture
add_neighbors 1 "$many"
eventually 20 all_held
wait_for 20 quiet # the kernel reports them all, twice
new_capture
in_ns router ip link set eth9 address "$(new_mac)"
within 3000 all_reported
assert quiet
assert [ "$(packets_sent "$on_wire")" -le 60 ]
records_sent

step "Nothing of this was sent on the LAN"
assert_not saw lan "^out report ff02::1:ff40:"
for group in "$group1" "$group2"; do
    assert_not saw lan "^out report $group"
done
stop_daemon
