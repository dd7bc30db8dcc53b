#!/usr/bin/env bash
# Switches that forget, or that are quick to: a Linux bridge with fast leave, one whose entry goes
# away behind our back, queriers that come, go and compete. And the other way round: where all is
# well, nothing is added to what the kernel says.
. "$(dirname "$0")/lib.sh"
make_topology
group1=$(group_of "$host1")
group2=$(group_of "$host2")

# query_answers CAPTURE: a line a query that was heard there: how many packets of reports followed
# until the next one. What was there before the first, and the last one, do not count.
query_answers() {
    captured "$1" | awk '
        $2 == "in" && $3 == "packet" && $4 == "query" { if (asked) print answers; asked = 1; answers = 0 }
        $2 == "out" && $3 == "packet" && $4 == "report" { answers++ }'
}
# queries_heard CAPTURE COUNT: so many of them, or more.
queries_heard() { [ "$(captured "$1" | grep -c ' in packet query ')" -ge "$2" ]; }

step "Fast leave: announcing leaks no leave"
in_ns switch ip link set to-router type bridge_slave fastleave on
start_daemon --announce always --announce-interval 1 eth9 br0
eventually 5 gateway_reaches "$host1"
capture fast router eth9
keep_reaching 10 "$host1"
assert_equal "lost of $asked" 0 "$lost"
in_ns router ip link set eth9 address "$(new_mac)"
restart_ndppd
eventually 5 gateway_reaches "$host1"
assert_not saw fast "out (report ff02::1:ff[0-9a-f:]+ (to-in|block)|done )"
assert [ "$(counter announce.packets)" -ge 10 ]
stop_daemon
within 500 is_not switch_forwards "$group1" # this is what a leave does here
in_ns switch ip link set to-router type bridge_slave fastleave off

step "Control: an entry that the switch has lost stays lost until somebody asks"
start_daemon --announce never eth9 br0
eventually 5 switch_forwards "$group1"
sleep 2 # the kernel's second report
forget_at_switch "$group1"
stays 6 is_not switch_forwards "$group1"
assert_not gateway_reaches "$host1"
stop_daemon

step "With announcements it is back by the next one"
start_daemon --announce always --announce-interval 3 eth9 br0
eventually 5 switch_forwards "$group1"
sleep 2
forget_at_switch "$group1"
forget_at_switch "$group2"
within 4000 switch_forwards "$group1"
assert switch_forwards "$group2"
assert gateway_reaches "$host1"
stop_daemon

step "A healthy querier: each query has one answer, the kernel's"
# A new interval counts from the next query on, but a new querier begins at once.
in_ns switch ip link set sw type bridge mcast_querier 0 mcast_query_interval 200
in_ns switch ip link set sw type bridge mcast_querier 1
for mode in never auto; do
    start_daemon --announce "$mode" eth9 br0
    eventually 5 switch_forwards "$group1"
    eventually 10 querier_is present
    sleep 3
    capture "$mode" router eth9 --times --packets
    wait_for 30 queries_heard "$mode" 6
    assert_equal "answers a query, announce $mode" "1 1 1 1 1" \
        "$(query_answers "$mode" | head -n 5 | paste -sd ' ')"
    assert_equal "packets of our own" 0 "$(counter announce.packets)"
    stop_daemon
done

step "Of two queriers the one with the lower address counts"
in_ns switch ip link set sw type bridge mcast_querier 0 mcast_membership_interval 1000
keep_saying gw mld eth0 query --source fe80::a --max-response 100 --query-interval 2 --interval 1
high=$speaker
start_daemon --announce-interval 2 eth9 br0
eventually 5 querier_address_is fe80::a
keep_saying gw mld eth0 query --source fe80::5 --max-response 100 --query-interval 2 --interval 1
eventually 5 querier_address_is fe80::5
stays 5 querier_address_is fe80::5
kill "$speaker"
eventually 8 querier_address_is fe80::a
assert gateway_reaches "$host1"

step "When the last one stops, we announce in its place"
before=$(counter announce.packets)
kill "$high"
eventually 8 querier_is absent
keep_reaching 20 "$host1" # the switch forgets after 10 s
assert_equal "lost of $asked" 0 "$lost"
assert [ "$(($(counter announce.packets) - before))" -ge 8 ]
stop_daemon

step "Control: and otherwise the switch forgets"
keep_saying gw mld eth0 query --source fe80::a --max-response 100 --query-interval 2 --interval 1
start_daemon --announce never eth9 br0
eventually 5 gateway_reaches "$host1"
eventually 5 querier_is present
kill "$speaker"
eventually 8 querier_is absent
eventually 20 is_not switch_forwards "$group1"
assert_not gateway_reaches "$host1"
