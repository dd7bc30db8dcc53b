#!/usr/bin/env bash
# A loop that turns while its netlink socket is stuck is not fed: the service manager restarts it.
# MUTE_LIBRARY: built by CMake.
. "$(dirname "$0")/lib.sh"
[ -n "${MUTE_LIBRARY:-}" ] || skip "MUTE_LIBRARY names no library to preload (sanitizers allow none)"
make_topology

cp "$MUTE_LIBRARY" "$work/mute.so" # where the daemon's user may read it

export WATCHDOG_USEC=1000000 LD_PRELOAD=$work/mute.so MUTE_NETLINK=$work/mute
start_daemon
unset LD_PRELOAD

step "Control: netlink answers, the watchdog is fed twice a second"
eventually 10 has_fed 4

step "Netlink is stuck: no feed within the whole WATCHDOG_USEC, though the loop turns"
touch "$MUTE_NETLINK"
seen=$(feeds)
# One may have been on its way.
stays 2 is_not has_fed $((seen + 2))
kill -USR1 "$daemon_pid"
eventually 5 logged 'state written'

step "Netlink answers again, and so does the feeding"
rm "$MUTE_NETLINK"
eventually 10 has_fed $((seen + 4))
stop_daemon
