#!/usr/bin/env bash
# SIGTERM leaves everything; SIGHUP changes what it must, and nothing else.
. "$(dirname "$0")/lib.sh"
make_topology

group1=$(group_of "$host1")
group2=$(group_of "$host2")
memberships() { in_ns router ip -6 maddr show dev eth9; }
configure() { # LINE...: above the upstream's table
    printf '%s\n' "$@" '[[upstream]]' 'interface = "eth9"' 'downstream = ["br0"]' \
        >"$work/solicitd.toml"
}

step "Control: what is joined without the daemon"
before=$(memberships)
assert_not joined "$group1"

step "SIGTERM leaves every group, and says so to the service manager"
configure
start_daemon --config "$work/solicitd.toml"
capture eth9 router eth9
assert joined "$group1"
assert joined "$group2"
stop_daemon
assert_equal "memberships" "$before" "$(memberships)"
assert grep -qx STOPPING=1 "$notify_log"
eventually 5 saw eth9 "out report $group1 to-in"
eventually 5 saw eth9 "out report $group2 to-in"

step "SIGHUP with nothing new: no word on the wire"
start_daemon --config "$work/solicitd.toml"
capture eth9 router eth9
reload_daemon
assert grep -qx RELOADING=1 "$notify_log"
assert grep -q '^MONOTONIC_USEC=' "$notify_log"
assert joined "$group1"

step "SIGHUP with another timeout and prefixes: what is still wanted is kept"
configure 'host-timeout = 77'
sed -i "\$a prefix = [\"${prefix}11:0/112\"]" "$work/solicitd.toml"
reload_daemon
eventually 5 is_not joined "$group2"
assert joined "$group1"
assert_equal "host timeout" 77 "$(state .host_timeout)"
eventually 5 saw eth9 "out report $group2 to-in"
assert_not saw eth9 "out report $group1 to-in"

step "SIGHUP with a mistake: it says where, and goes on as before"
configure 'host-timeout = 0'
reload_daemon
eventually 5 logged 'solicitd.toml:1: .*host-timeout.* 1 .*86400'
assert running
assert joined "$group1"
assert_not saw eth9 "out report $group1 to-in"

step "... and takes the file once it is mended"
configure
reload_daemon
eventually 5 joined "$group2"
assert_not saw eth9 "out report $group1 to-in"
