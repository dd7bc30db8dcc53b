#!/usr/bin/env bash
# Restart, crash and hang of the installed service, on a snooping switch with fast leave: no Leave on
# the wire, and no Neighbor Solicitation of the gateway's lost. Runs inside of `container`, on the
# topology of the scenarios in tests/netns.
export SOLICITD_IN_SANDBOX=1
# shellcheck disable=SC2034 # for lib.sh
SOLICITD=$(command -v solicitd)
# shellcheck source=SCRIPTDIR/../netns/lib.sh
. /test/lib.sh

readonly asker=${prefix}1
readonly unheard=${prefix}61:1 # known by its DAD alone
group=$(group_of "$host1")
unheard_group=$(group_of "$unheard")
drop_ins=/run/systemd/system/solicitd.service.d

# set_service NAME LINE...: of [Service].
set_service() {
    mkdir -p "$drop_ins"
    printf '%s\n' '[Service]' "${@:2}" >"$drop_ins/$1.conf"
    systemctl daemon-reload
}
property() { systemctl show --value -p "$1" solicitd; }
service_is() { [ "$(property ActiveState)/$(property SubState)" = "$1" ]; }
is_another() { service_is active/running && [ "$(property MainPID)" != "$1" ]; }
stored_is() { [ "$(property NFileDescriptorStore)" = "$1" ]; }
open_files_are() {
    daemon_pid=$(property MainPID)
    [ "$(open_files)" = "$1" ]
}

# asked WIRE DIRECTION: how often the gateway asked for host1 there.
asked() { captured "$1" | grep -Ec "^$2 ns $host1 from $asker multicast" || true; }
asked_more_than() { [ "$(asked "$1" "$2")" -gt "$3" ]; }
all_arrived() { [ "$(asked eth9 in)" = "$(asked gateway out)" ]; }
leaves() {
    captured eth9 |
        grep -Ec "^out (report ($group|$unheard_group) (to-in|block)|done ($group|$unheard_group)) " ||
        true
}

# ask_through COMMAND...: the gateway asks for host1 every 20 ms while the command ends the process
# and until another has been at work for two seconds: the kernel puts a Leave off by up to one.
# Sets solicitations, and lost, how many of them did not arrive.
ask_through() {
    local listeners=() pid
    pid=$(property MainPID)
    capture gateway gw eth0
    listeners+=("$spawned")
    capture eth9 router eth9
    listeners+=("$spawned")
    keep_saying gw send eth0 ns "$host1" --source "$asker" --interval 0.02
    wait_for 5 asked_more_than eth9 in 10
    "$@"
    wait_for 15 is_another "$pid"
    wait_for 10 asked_more_than gateway out $(($(asked gateway out) + 100))
    kill "$speaker"
    wait "$speaker" 2>/dev/null || true
    for _ in $(seq 20); do
        all_arrived && break
        sleep 0.05
    done
    solicitations=$(asked gateway out)
    lost=$((solicitations - $(asked eth9 in)))
    kill "${listeners[@]}"
}

restart() { systemctl restart solicitd; }
crash() { kill -KILL "$(property MainPID)"; }
hang() { kill -STOP "$(property MainPID)"; }

make_topology
in_ns switch bridge link set dev to-router fastleave on

step "The service starts in the router"
# Slow to start, so that what is left in the meantime is told on the wire.
set_service router NetworkNamespacePath=/run/netns/router ExecStartPre='/bin/sleep 1.5' \
    RestartSec=100ms WatchdogSec=1s TimeoutAbortSec=1s StartLimitBurst=20
mkdir -p /etc/solicitd
cat >/etc/solicitd/solicitd.toml <<END
[[upstream]]
interface = "eth9"
downstream = ["br0"]
END
systemctl start solicitd
say_nd host1 dad "$unheard"
eventually 5 joined "$unheard_group"
eventually 5 switch_forwards "$group"
ln -s /run/solicitd "$work/run" # where the scenarios look for it
eventually 2 grep -q "^$unheard br0 " "$work/run/hosts"
sockets=$(state '.counters["memberships.sockets"]')
eventually 2 stored_is "$sockets"
daemon_pid=$(property MainPID)
files=$(open_files)

for how in restart crash hang; do
    step "$how: no Leave, and nothing lost"
    ask_through "$how"
    assert_equal "Leaves" 0 "$(leaves)"
    assert_equal "lost of $solicitations solicitations" 0 "$lost"
    assert_equal "evidence of what the kernel does not know" saved "$(evidence_of "$unheard")"
    assert joined "$unheard_group"
    eventually 2 stored_is "$sockets"
    eventually 2 open_files_are "$files"
done
assert_match "the journal" 'Watchdog timeout' "$(journalctl -u solicitd)"

step "stop: everything is left, and nothing is stored"
capture stop router eth9
systemctl stop solicitd
assert_equal "stored sockets" 0 "$(property NFileDescriptorStore)"
assert_not joined "$group"
assert_not joined "$unheard_group"
eventually 3 saw stop "^out report $group to-in"
eventually 3 is_not switch_forwards "$group"

step "Control: without the FD store, each of them is a Leave and loses solicitations"
set_service no-store FileDescriptorStoreMax=0
systemctl start solicitd
eventually 5 switch_forwards "$group"
for how in restart crash hang; do
    ask_through "$how"
    assert_equal "stored sockets" 0 "$(property NFileDescriptorStore)"
    assert_not [ "$(leaves)" = 0 ]
    [ "$lost" -gt 0 ] || fail "$how lost nothing: it proves nothing"
    ok "$how lost $lost of $solicitations"
done
