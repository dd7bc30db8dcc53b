#!/usr/bin/env bash
# Open vSwitch that drops what nobody joined, forgets a group 15 s after its last report, and asks
# nobody: a kernel reports a join twice, and then never again.
. "$(dirname "$0")/lib.sh"
switch_kind=ovs
make_topology
group1=$(group_of "$host1")

step "Control: without announcements the switch forgets, and the host is lost for good"
start_daemon --announce never eth9 br0
eventually 5 gateway_reaches "$host1"
assert switch_forwards "$group1"
eventually 25 is_not switch_forwards "$group1"
assert joined "$group1" # as far as the kernel is concerned, all is well
keep_reaching 5 "$host1"
assert_equal "answers in $asked tries" 0 $((asked - lost))
stop_daemon

step "With announcements it is reachable all the time"
start_daemon --announce always --announce-interval 5 eth9 br0
eventually 5 gateway_reaches "$host1"
keep_reaching 65 "$host1"
assert [ "$asked" -ge 50 ]
assert_equal "lost of $asked" 0 "$lost"
assert switch_forwards "$(group_of "$host2")"
stop_daemon

step "By itself it announces when a querier is no longer heard"
keep_saying gw mld eth0 query --source fe80::a --max-response 100 --query-interval 2 --interval 1
start_daemon --announce-interval 5 eth9 br0
eventually 5 gateway_reaches "$host1"
eventually 5 querier_is present
stays 6 querier_is present
assert_equal "packets of our own" 0 "$(counter announce.packets)"
kill "$speaker"
eventually 6 querier_is absent # 2 * 2 s and half of the 100 ms
keep_reaching 40 "$host1"
assert_equal "lost of $asked" 0 "$lost"
assert [ "$(counter announce.packets)" -ge 7 ]
