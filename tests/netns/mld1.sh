#!/usr/bin/env bash
# A querier that speaks MLDv1 only. A kernel then reports one group a message, and says nothing of a
# group that it has just heard another report of (RFC 2710 4): a switch that lets such a report
# through to us takes us for not interested.
. "$(dirname "$0")/lib.sh"
make_topology
group1=$(group_of "$host1")
group2=$(group_of "$host2")
in_ns switch ip link set sw type bridge mcast_querier 0 mcast_mld_version 1 \
    mcast_membership_interval 500

step "The kernel reports in MLDv1"
keep_saying gw mld eth0 query --version 1 --source fe80::a --max-response 2000 --interval 3
querier=$speaker
start_daemon --announce never eth9 br0
capture plain router eth9 --packets
eventually 8 saw plain "^out report $group1 v1"
eventually 8 saw plain "^out report $group2 v1"
assert_not saw plain "^out packet report v2"
assert switch_forwards "$group1"
assert_equal "version" 1 "$(state '.upstreams[0].querier.version')"
assert_equal "version of reports" 1 "$(state '.upstreams[0].report_version')"

step "Control: another host's report silences ours, and the switch forgets us"
# Its report comes out of the switch towards us, without the switch hearing it.
keep_saying switch mld to-router report "$group1" --version 1 --source fe80::77 --interval 0.05
other=$speaker
sleep 3 # what the kernel had begun
capture silenced router eth9 --packets
eventually 10 is_not switch_forwards "$group1"
eventually 8 saw silenced "^out report $group2 v1"
assert_not saw silenced "^out report $group1"
assert_not gateway_reaches "$host1"
stop_daemon

step "The daemon reports it nevertheless"
start_daemon eth9 br0
eventually 8 switch_forwards "$group1"
keep_reaching 15 "$host1"
assert_equal "lost of $asked" 0 "$lost"
capture mended router eth9 --packets
eventually 8 saw mended "^out report $group1 v1"
assert_not saw mended "^out packet report v2"
assert [ "$(counter announce.packets)" -gt 0 ]

step "When nobody silences ours, it is silent"
kill "$other"
sleep 4 # a query after the last of those reports
before=$(counter announce.packets)
capture alone router eth9 --packets
eventually 8 saw alone "^out report $group1 v1"
stays 6 switch_forwards "$group1"
assert_equal "packets of our own" "$before" "$(counter announce.packets)"
kill "$querier"
