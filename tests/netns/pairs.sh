#!/usr/bin/env bash
# Two downstreams behind one upstream; two upstreams, each with downstreams of its own.
. "$(dirname "$0")/lib.sh"
make_topology

second=2001:db8:2::
host3=${prefix}31:1
host4=${second}41:1
add_bridge router br1
add_bridge router br2
in_ns router ip -6 addr add fe80::1/64 dev br1
in_ns router ip -6 addr add fe80::1/64 dev br2
in_ns router ip -6 route add "$host3/128" dev br1
add_upstream eth8 gw2 switch2 "${second}2"
start_snooping switch2 sw
add_host host3 br1
add_host host4 br2
give_address host3 "$host3"
give_address host4 "$host4"
appear() {
    say_nd host3 na "$host3"
    say_nd host4 na "$host4"
}

step "Control: without the daemon, nothing is joined anywhere"
appear
assert_not joined "$(group_of "$host3")"
assert_not joined "$(group_of "$host4")" eth8
assert_not gateway_reaches "$host3"

step "Two downstreams, named on the command line"
start_daemon eth9 br0 br1
appear
eventually 5 switch_forwards "$(group_of "$host3")"
assert joined "$(group_of "$host1")"
assert_equal "downstream of host3" br1 \
    "$(state ".hosts[] | select(.address == \"$host3\") | .downstream")"
stop_daemon
assert_not joined "$(group_of "$host3")"

step "Two upstreams, in a file"
cat >"$work/pairs.toml" <<END
[[upstream]]
interface = "eth9"
downstream = ["br0", "br1"]

[[upstream]]
interface = "eth8"
downstream = ["br2"]
END
start_daemon --config "$work/pairs.toml"
appear
eventually 5 switch_forwards "$(group_of "$host3")"
eventually 5 switch_forwards "$(group_of "$host4")" switch2
assert joined "$(group_of "$host1")"
assert joined "$(group_of "$host4")" eth8
assert_not joined "$(group_of "$host4")" eth9
assert_not joined "$(group_of "$host1")" eth8
assert_not joined "$(group_of "$host3")" eth8
