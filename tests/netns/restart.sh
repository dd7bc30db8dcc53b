#!/usr/bin/env bash
# The hosts outlive the process: a crash by the runtime directory, a reboot by the state directory.
. "$(dirname "$0")/lib.sh"
make_topology

readonly unheard=${prefix}61:1 # by the kernel: the router has no neighbor entry for it
group1=$(group_of "$host1")
group3=$(group_of "$unheard")
saved=$work/run/hosts
kept=$work/state/hosts

forget_neighbors() {
    in_ns router ip -6 neigh flush dev br0
    for host in "$host1" "$host2" "$unheard"; do
        in_ns router ip -6 neigh del "$host" dev br0 2>/dev/null || true
    done
}
saved_holds() { grep -q "^$1 br0 " "$saved"; }
version_of() { stat -c '%i %y' "$1"; }
version_is() { [ "$(version_of "$1")" = "$2" ]; }
complaints() { grep -c 'holds no hosts of an earlier run' "$daemon_log" || true; }

step "Within a second of a host's coming it is in the runtime directory"
start_daemon
say_nd host1 dad "$unheard"
eventually 2 joined "$group3"
within 1000 saved_holds "$unheard"
assert saved_holds "$host1"

step "Control: a crash leaves every group, and without the file a host that is silent stays unknown"
mv "$saved" "$work/aside"
crash_daemon
eventually 5 is_not joined "$group3"
forget_neighbors
start_daemon
assert_not joined "$group3"
assert_equal "host" unknown "$(host_state "$unheard")"
crash_daemon
mv "$work/aside" "$saved"

step "With it, all are back at once, provisionally"
forget_neighbors
launch_daemon eth9 br0
within 1000 joined "$group3"
within 1000 joined "$group1"
wait_for 5 ready
assert_equal "state" tentative "$(host_state "$unheard")"
assert_equal "evidence" saved "$(evidence_of "$unheard")"

step "The file is written anew when hosts come, not when ages change"
wait_for 5 saved_holds "$host1"
say_nd host1 dad "${prefix}62:2"
within 1000 saved_holds "${prefix}62:2"
before=$(version_of "$saved")
untouched() {
    say_nd host1 na "$host1"
    say_nd host1 dad "$unheard"
    version_is "$saved" "$before"
}
stays 3 untouched

step "A stop writes both; a reboot empties the runtime directory, and the state directory is enough"
stop_daemon
rm -r "$work/run"
forget_neighbors
start_daemon
assert joined "$group3"
assert_equal "evidence" saved "$(evidence_of "$unheard")"

step "The state directory is spared: not written again within five minutes, nor by a crash"
kept_before=$(version_of "$kept")
eventually 2 saved_holds "$unheard"
before=$(version_of "$saved")
say_nd host1 dad "${prefix}63:3"
within 1000 saved_holds "${prefix}63:3"
assert_not version_is "$saved" "$before"
stays 1 version_is "$kept" "$kept_before"
crash_daemon
assert version_is "$kept" "$kept_before"

step "A file that cannot be believed is set aside, with one line, and the state directory's serves"
spoil() { # HOW: the saved file
    case $1 in
        truncated) truncate -s -3 "$saved" ;;
        foreign) echo '{"hosts": []}' >"$saved" ;;
        future) sed -i '1s/.*/solicitd hosts 99/' "$saved" ;;
        empty) : >"$saved" ;;
        binary) head -c 100000 /dev/urandom >"$saved" ;;
        misspelled) sed -i '2s/ /  /' "$saved" ;;
        directory) rm "$saved" && mkdir "$saved" ;;
    esac
}
for how in truncated foreign future empty binary misspelled directory; do
    spoil "$how"
    if [ -f "$saved" ]; then cp "$saved" "$work/spoiled"; fi
    rm -rf "$saved.damaged"
    : >"$daemon_log"
    forget_neighbors
    start_daemon
    assert_match "$how" "$saved holds no hosts .*: .*; set aside as $saved.damaged" \
        "$(cat "$daemon_log")"
    assert_equal "lines about it" 1 "$(complaints)"
    [ ! -f "$saved.damaged" ] || assert cmp "$work/spoiled" "$saved.damaged"
    assert joined "$group3"
    wait_for 2 saved_holds "$unheard"
    crash_daemon
done

step "Both are spoiled: it starts all the same, with what the LAN tells"
spoil foreign
cp "$saved" "$kept"
: >"$daemon_log"
forget_neighbors
start_daemon
assert_equal "lines about it" 2 "$(complaints)"
assert test -f "$kept.damaged"
assert_not joined "$group3"
say_nd host1 dad "$unheard"
eventually 2 joined "$group3"
