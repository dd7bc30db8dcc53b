#!/usr/bin/env bash
# What the service manager is told: STATUS= as things change, WATCHDOG=1 at half of what it asks for,
# and nothing of the latter when it does not ask.
. "$(dirname "$0")/lib.sh"
make_topology

status_says() { status_text | grep -Eq "$1"; }

step "Control: no watchdog asked for, none fed; STATUS follows the hosts"
start_daemon
eventually 5 status_says '^3 hosts; eth9: [0-9]+ groups joined(, querier fe80::[0-9a-f:]+ \(v2\))?$'
add_host host3
give_address host3 2001:db8:1::13:3
eventually 5 status_says '^4 hosts; eth9: [0-9]+ groups joined(, querier fe80::[0-9a-f:]+ \(v2\))?$'
assert_equal "feeds" 0 "$(feeds)"
stop_daemon

step "WATCHDOG_USEC of 2 s: fed once a second"
export WATCHDOG_USEC=2000000
start_daemon
eventually 5 has_fed 1
begin=$(microseconds)
first=$(feeds)
eventually 10 has_fed $((first + 3))
took=$((($(microseconds) - begin) / 1000))
unset WATCHDOG_USEC
[ "$took" -ge 1900 ] && [ "$took" -le 4500 ] || fail "three feeds in $took ms, expected about 3000"
stop_daemon

step "SIGINT ends it as SIGTERM does"
start_daemon
group=$(group_of "$host1")
assert joined "$group"
kill -INT "$daemon_pid"
wait_for 10 is_not running
assert_not joined "$group"

step "A downstream that is a port of a bridge is told of"
start_daemon eth9 lan-host1
eventually 5 logged 'lan-host1 is a port of a bridge'
stop_daemon
