#!/usr/bin/env bash
# Neighbor events that were lost: what the daemon knows ends up equal to the kernel's table.
. "$(dirname "$0")/lib.sh"
make_topology

# Few distinct addresses, changed often: the kernel's table has one limit for all namespaces.
readonly addresses=300
# A batch for ip: each address in turn becomes STALE, REACHABLE with another MAC, or goes.
changes() { # COUNT SEED
    awk -v count="$1" -v seed="$2" -v prefix="$prefix" -v addresses="$addresses" 'BEGIN {
        srand(seed)
        for (i = 0; i < count; ++i) {
            number = 1 + int(rand() * addresses)
            if (present[number] && rand() < 0.2) {
                printf "neigh del %s50:%x dev br0\n", prefix, number
                present[number] = 0
            } else {
                state = rand() < 0.5 ? "reachable" : rand() < 0.5 ? "stale" : "permanent"
                printf "neigh replace %s50:%x lladdr 02:00:00:00:%02x:%02x nud %s dev br0\n",
                    prefix, number, i % 256, number % 256, state
                present[number] = 1
            }
        }
    }'
}
living() { # neighbors in the prefix that the kernel believes in
    in_ns router ip -6 -j neigh show dev br0 |
        jq -r --arg prefix "$prefix" '.[] | select(.dst | startswith($prefix))
            | select(.state[0] | IN("REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT")) | .dst' |
        sort
}
known() { state '.hosts[] | select(.downstream == "br0") | .address' | sort; }
unserved() { state '[.hosts[] | select(.joined | not)] | length'; }
knows_all_living() { [ -z "$(comm -23 <(living) <(known))" ]; }
held() { in_ns router ip -6 maddr show dev eth9 | grep -Ec 'inet6 ff02::1:ff5[01]:' || true; }
groups_wanted() { known | grep -Ec "^${prefix}5[01]:" || true; }

step "Some hosts are known"
start_daemon
changes 400 1 | in_ns router ip -6 -force -batch - 2>/dev/null || true
eventually 5 knows_all_living
before=$(known)
joined_before=$(held)
[ "$joined_before" -gt 50 ] || fail "$joined_before groups only: the test is too small"

# while_frozen CHANGES SEED: they happen while the daemon does nothing.
while_frozen() {
    freeze_daemon
    changes "$1" "$2" | in_ns router ip -6 -force -batch - 2>/dev/null || true
    newest=$prefix$(printf '51:%x' "$2")
    in_ns router ip -6 neigh replace "$newest" lladdr 02:00:00:00:00:51 nud stale dev br0
    assert_not joined "$(group_of "$newest")"
    thaw_daemon
}
assert_equal_to_the_kernel() {
    eventually 5 joined "$(group_of "$newest")"
    eventually 5 knows_all_living
    assert_equal "groups held" "$(groups_wanted)" "$(held)"
    assert_equal "hosts without a membership" 0 "$(unserved)"
    assert_equal "hosts that were known and are not" "" "$(comm -23 <(echo "$before") <(known))"
    assert_not logged 'left '
    before=$(known)
}

step "15,000 changes while it does nothing; control: the newest is not joined meanwhile"
while_frozen 15000 2
assert_equal_to_the_kernel
echo "   overruns: $(counter netlink.overruns), messages: $(counter netlink.messages)"

step "More than its receive buffer holds: events are lost, and made up for"
dumps=$(counter netlink.dumps)
overruns=$(counter netlink.overruns)
while_frozen 60000 3
assert_equal_to_the_kernel
[ "$(counter netlink.overruns)" -gt "$overruns" ] || fail "no overrun: the changes were too few"
[ "$(counter netlink.dumps)" -gt "$dumps" ] || fail "no dump after the overrun"
ok "overruns: $(counter netlink.overruns), dumps: $dumps, then $(counter netlink.dumps)"
