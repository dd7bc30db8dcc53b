#!/usr/bin/env bash
# A firewall of the router's own drops MLD reports: the kernel holds every group, and nobody is told.
. "$(dirname "$0")/lib.sh"
need nft
make_topology
give_up_soon br0

# drop MATCH...: what goes out of the router.
drop() {
    in_ns router nft "table ip6 t { chain c { type filter hook output priority 0; $* drop; }; }" ||
        skip "this kernel has no nftables"
}
allow() { in_ns router nft delete table ip6 t; }
problems() { state '.upstreams[0].problems | sort | join(" ")'; }
problems_are() { [ "$(problems)" = "$1" ]; }
change_mac() { in_ns router ip link set eth9 address "$(new_mac)"; }

start_daemon --audit-interval 1 eth9 br0
eventually 5 switch_forwards "$(group_of "$host1")"
sleep 4
assert problems_are ""

step "Something else is dropped: that is no matter of ours"
drop icmpv6 type echo-request
change_mac # we report
in_ns router ping -6 -n -q -c 3 -i 0.2 -W 1 "${prefix}1" >/dev/null 2>&1 || true
audits=$(counter groups.audits)
wait_for 20 counter_exceeds groups.audits $((audits + 6))
assert problems_are ""
assert_not logged 'MLD reports'
allow

step "Our reports are dropped"
drop icmpv6 type '{ 131, 143 }'
change_mac
eventually 5 problems_are reports-refused
eventually 3 logged 'cannot send MLD reports on eth9: Operation not permitted'

step "The kernel's are, too"
give_address host1 "${prefix}14:4"
eventually 3 joined "$(group_of "${prefix}14:4")"
eventually 20 problems_are "reports-discarded reports-refused"
assert logged 'MLD reports do not get out on eth9'
assert_not switch_forwards "$(group_of "${prefix}14:4")"

step "They are allowed: the switch learns what it missed, and all is well"
allow
eventually 65 switch_forwards "$(group_of "${prefix}14:4")"
eventually 10 problems_are ""
assert logged 'MLD reports can be sent on eth9 again'
stop_daemon

step "Solicitations are dropped: a host that cannot be asked is kept, however silent"
: >"$daemon_log"
start_daemon --host-timeout 1 --linger 0 eth9 br0
say_nd host2 na "$host2"
eventually 5 joined "$(group_of "$host2")"
in_ns host2 ip link set eth0 down
drop icmpv6 type 135
eventually 10 logged "cannot ask .* on br0 whether it is there: Operation not permitted; it is kept"
stays 5 joined "$(group_of "$host2")"
assert_equal "times that it was told" 1 "$(grep -c 'cannot ask' "$daemon_log")"
allow
eventually 60 is_not joined "$(group_of "$host2")"
