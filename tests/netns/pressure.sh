#!/usr/bin/env bash
# Many hosts come due at once: the LAN sees at most a hundred probes a second, and the loop stays
# alive meanwhile.
. "$(dirname "$0")/lib.sh"
make_topology

readonly hosts=300 limit=100
address_number() { printf '%s50:%x\n' "$prefix" "$1"; }
# The kernel repeats what is not answered; a probe of ours is the first of a target.
probed() { grep -c . <(first_probes) || true; }
first_probes() {
    captured br0 | sed -nE "s/^([0-9]+) out ns (${prefix}50:[0-9a-f]+) .*/\1 \2/p" |
        awk '!seen[$2]++ { print $1 }'
}
probed_all() { [ "$(probed)" = "$hosts" ]; }
# The most within any one second.
densest_second() {
    first_probes | awk '
        { when[NR] = $1; while ($1 - when[first + 1] >= 1000000) ++first
          if (NR - first > most) most = NR - first }
        END { print most + 0 }'
}

step "Control: without a limit, all are asked within a second"
capture br0 router br0 --times
for number in $(seq "$hosts"); do
    echo "neigh replace $(address_number "$number") lladdr 02:00:00:00:00:50 nud probe dev br0"
done | in_ns router ip -6 -batch -
eventually 5 probed_all
[ "$(densest_second)" -gt "$limit" ] || fail "the control asked $(densest_second) in a second only"
ok "probes in the densest second: $(densest_second)"
in_ns router ip -6 neigh flush dev br0
for number in $(seq "$hosts"); do
    echo "neigh del $(address_number "$number") dev br0"
done | in_ns router ip -6 -force -batch - 2>/dev/null || true

step "$hosts saved hosts come due together"
mkdir -p "$work/run"
{
    echo "solicitd hosts 1"
    for number in $(seq "$hosts"); do echo "$(address_number "$number") br0 - 0"; done
    echo "end $hosts"
} >"$work/run/hosts"
capture br0 router br0 --times
WATCHDOG_USEC=1000000 start_daemon --host-timeout 1 --linger 60 \
    --max-groups 65536 --max-hosts-per-mac 65536 eth9 br0
assert_match "STATUS" "^$hosts|^30[0-9] hosts" "$(status_text)"

step "The watchdog is fed, every half second, while they are asked"
begin=$(microseconds)
until probed_all; do
    within 1000 has_fed $(($(feeds) + 1))
    [ "$(microseconds)" -lt "$((begin + 15000000))" ] || fail "only $(probed) of $hosts were asked"
done
ok "all $hosts were asked within $((($(microseconds) - begin) / 1000)) ms"

step "At most $limit in any second"
most=$(densest_second)
[ "$most" -le "$limit" ] || fail "$most probes in a second"
[ "$most" -ge $((limit / 2)) ] || fail "$most probes in the densest second: slower than need be"
ok "probes in the densest second: $most"
