#!/usr/bin/env bash
# The kernel loses memberships without a word that reaches the daemon: an audit finds that out.
. "$(dirname "$0")/lib.sh"
make_topology

readonly silent=${prefix}61:1 # known by its DAD alone
groups=("$(group_of "$host1")" "$(group_of "$host2")" "$(group_of "$silent")")
lose_by_mtu() {
    in_ns router ip link set eth9 mtu 1279
    in_ns router ip link set eth9 mtu 1500
    address_upstream
}
lose_by_replacing() { replace_upstream; }
# More events than the daemon's receive buffer holds, so that later ones are lost.
fill_receive_buffer() {
    for number in $(seq 60000); do
        printf 'neigh replace fe80::50:1 lladdr 02:00:00:00:%02x:%02x nud stale dev lo\n' \
            $((number / 256 % 256)) $((number % 256))
    done | in_ns router ip -6 -batch -
}
# let_audits_pass: until none is on its way any more.
let_audits_pass() {
    local count since
    count=$(audits)
    since=$(microseconds)
    while [ $(($(microseconds) - since)) -lt 1000000 ]; do
        if audited_more_than "$count"; then
            count=$(audits)
            since=$(microseconds)
        fi
        sleep 0.05
    done
}
losses() { grep -c 'the kernel had lost [0-9]* groups\? on eth9' "$daemon_log" || true; }
audits() { counter groups.audits; }
audited_more_than() { counter_exceeds groups.audits "$1"; }
lost_more_than() { [ "$(losses)" -gt "$1" ]; }

step "All is joined, and nothing was ever lost"
start_daemon
say_nd host1 dad "$silent"
eventually 2 joined_all
eventually 2 audited_more_than 0
assert_equal "losses" 0 "$(losses)"

for how in mtu replacing; do
    step "Lost by $how while the daemon does nothing; what it reads later tells it all"
    before=$(audits)
    freeze_daemon
    "lose_by_$how"
    assert_not joined "${groups[0]}" # control: nobody else brings them back
    thaw_daemon
    within 1000 joined_all
    eventually 2 audited_more_than "$before"
    let_audits_pass

    step "... and when the news is lost too, in an overrun"
    before=$(losses)
    overruns=$(counter netlink.overruns)
    freeze_daemon
    fill_receive_buffer
    "lose_by_$how"
    assert_not joined "${groups[0]}"
    thaw_daemon
    eventually 5 joined_all
    assert_not [ "$(counter netlink.overruns)" = "$overruns" ]
    eventually 1 lost_more_than "$before"
done

step "The LAN's bridge is replaced by one with the same name, index and MAC, and the news is lost"
overruns=$(counter netlink.overruns)
newcomer=${prefix}71:1
heard() {
    say_nd host1 dad "$newcomer"
    joined "$(group_of "$newcomer")"
}
index=$(link_fact br0 .ifindex)
mac=$(link_fact br0 .address)
freeze_daemon
fill_receive_buffer
in_ns router ip link del br0
in_ns router ip link add br0 index "$index" address "$mac" type bridge \
    forward_delay 0 mcast_snooping 0
in_ns router ip link set br0 up
start_snooping router br0
for host in host1 host2; do in_ns router ip link set "lan-$host" master br0; done
thaw_daemon
eventually 5 heard
assert joined_all
assert_not [ "$(counter netlink.overruns)" = "$overruns" ]

step "Without a reason it audits as often as it is told to"
stop_daemon
start_daemon --audit-interval 1 eth9 br0
before=$(audits)
eventually 5 audited_more_than $((before + 2))
stop_daemon
start_daemon --audit-interval 0 eth9 br0
let_audits_pass
before=$(audits)
stays 2 is_not audited_more_than "$before"
in_ns router ip link set eth9 address 02:00:00:00:99:99
eventually 2 audited_more_than "$before"
