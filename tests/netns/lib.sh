# shellcheck shell=bash
# What every scenario of this directory is made of: a topology of network namespaces that has the
# fault, the daemon in it, and questions to the kernel. A scenario sources this file first; it then
# runs in a sandbox of its own, so names need not be unique and all that is left over dies with it.
#
#     gw ------- [ switch ] ------- router ------- br0 --+-- host1
#     gateway,    snoops MLD,  eth9        the LAN's     +-- host2
#     asks        has a        ndppd       bridge,
#     by ND       querier                  snoops too
#
# The switch is a Linux bridge with a querier. With switch_kind=ovs (before make_topology) it is an
# Open vSwitch, which always prunes what nobody joined, forgets what was not reported for 15 s, and
# asks nobody.
#
# All in 2001:db8:1::/64, except the gateway's 2001:db8:ffff::1, which stands for the Internet.
# Scenarios run by themselves: tests/netns/reach.sh.
# Environment: SOLICITD, the daemon (default: build/daemon/solicitd).  Exit 77: skipped, and why.
set -eEuo pipefail

netns_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${SOLICITD_IN_SANDBOX:-}" ]; then
    exec env SOLICITD_IN_SANDBOX=1 "$netns_dir/sandbox" "$0" "$@"
fi
: "${SOLICITD:=$(dirname "$(dirname "$netns_dir")")/build/daemon/solicitd}"

readonly prefix=2001:db8:1::
readonly internet=2001:db8:ffff::1
# shellcheck disable=SC2034  # for the scenarios
readonly host1=2001:db8:1::11:1 host2=2001:db8:1::12:2
# /run is the sandbox's own.
readonly work=/run/solicitd-test
mkdir "$work"

. "$netns_dir/lib/assert.sh"
. "$netns_dir/lib/topology.sh"
. "$netns_dir/lib/oracles.sh"
. "$netns_dir/lib/daemon.sh"

show_state() {
    if [ -n "${output:-}" ]; then
        echo "-- what solicitd said last"
        head -n 60 <<<"$output"
    fi
    echo "-- memberships of the router's eth9"
    in_ns router ip -6 maddr show dev eth9 | head -n 60 || true
    echo "-- the switch's groups"
    mdb | head -n 60 || true
    echo "-- the LAN's groups"
    in_ns router bridge mdb show dev br0 | head -n 60 || true
    echo "-- the router's neighbors"
    in_ns router ip -6 neigh show | head -n 60 || true
    echo "-- the daemon's log"
    grep -v 'state written' "$daemon_log" 2>/dev/null | tail -n 60 || true
}

at_exit() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ] && [ "$status" != 77 ]; then
        [ -n "$failing" ] || echo "FAILED: exit status $status of: ${culprit:-unknown}"
        [ -z "${made:-}" ] || show_state
    fi
    exit "$status"
}
trap at_exit EXIT
trap 'culprit="$BASH_COMMAND (${BASH_SOURCE[0]##*/}:$LINENO)"' ERR
# The first process of a PID namespace gets no signal that it does not ask for.
trap 'exit 130' INT TERM
