#!/usr/bin/env bash
# The installed service under systemd, as an administrator uses it. Runs inside of `container`.
set -eEuo pipefail

# shellcheck source=SCRIPTDIR/../netns/lib/assert.sh
. /test/lib/assert.sh
fail() {
    echo "FAILED: $*"
    systemctl --no-pager --full status solicitd || true
    journalctl --no-pager -u solicitd -n 40 || true
    exit 1
}
trap 'fail "exit status $? of: $BASH_COMMAND (line $LINENO)"' ERR
property() { systemctl show --value -p "$1" solicitd; }
joined() { ip -6 maddr show dev eth9 | grep -Eq "inet6 $1( |\$)"; }
status_mentions() { property StatusText | grep -q "$1"; }
records() { journalctl -u solicitd -o json; }

host=2001:db8:1::11:1
group=ff02::1:ff11:1
appear() { ip netns exec host1 python3 /test/tools/wire.py send eth0 dad "$host"; }

step "Without /etc/solicitd/solicitd.toml it is not started, and that is no failure"
systemctl daemon-reload
systemctl start solicitd
assert_equal "ActiveState" inactive "$(property ActiveState)"
assert_equal "ConditionResult" no "$(property ConditionResult)"

step "It starts before its interfaces are there, and says that it waits"
mkdir -p /etc/solicitd
# A host reports its group before it says anything else; its join is to be told for the host here.
cat >/etc/solicitd/solicitd.toml <<END
mld-evidence = false
[[upstream]]
interface = "eth9"
downstream = ["br0"]
END
systemctl start solicitd
assert_equal "ActiveState" active "$(property ActiveState)"
assert_match "StatusText" eth9 "$(property StatusText)"
pid=$(property MainPID)

step "The interfaces come, and a host"
sysctl -qw net.ipv6.conf.default.accept_dad=0
ip netns add host1
ip link add eth9 type veth peer name gateway netns host1
ip link add br0 type bridge
ip link add eth0 netns host1 type veth peer name lan
ip link set lan master br0
for interface in eth9 br0 lan; do ip link set "$interface" up; done
for interface in gateway eth0; do ip netns exec host1 ip link set "$interface" up; done
ip -6 addr add 2001:db8:1::2/64 dev eth9
eventually 5 status_mentions 'prefix\|host'
listened() {
    appear
    joined "$group"
}
eventually 5 listened
eventually 5 status_mentions '1 host'

step "Its rights"
status=$(cat "/proc/$pid/status")
assert_match "capabilities" '^CapEff:\s+0000000000002000$' "$status"
assert_match "bounding set" '^CapBnd:\s+0000000000002000$' "$status"
assert_match "no new privileges" '^NoNewPrivs:\s+1$' "$status"
assert_match "seccomp filter" '^Seccomp:\s+2$' "$status"
assert_match "a dynamic user" '^Uid:\s+6[0-9]{4}\s' "$status"
systemd-analyze security --no-pager solicitd | tail -n 1

step "What it may send: MLD reports, and to hosts"
# A program under every restriction of the unit sends ICMPv6 of type 143 to each of its arguments.
cat >/test/report.py <<'END'
import socket
import sys

HOPBYHOP_ROUTER_ALERT = bytes([0, 0, 5, 2, 0, 0, 1, 0])
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, HOPBYHOP_ROUTER_ALERT)
for address in sys.argv[1:]:
    record = bytes([2, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, "ff02::1:ff77:7777")
    try:
        sender.sendto(bytes([143, 0, 0, 0, 0, 0, 0, 1]) + record,
                      (address, 0, 0, socket.if_nametoindex("eth9")))
        print(address, "sent", flush=True)
    except PermissionError:
        print(address, "refused", flush=True)
END
sed -e 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /test/report.py ff02::16 ff02::1:ff77:7777 \\\
    ff02::1 ff02::1:2 fe80::99 2001:db8:1::99|' -e 's/^Type=.*/Type=oneshot/' \
    -e '/^\(ExecReload\|WatchdogSec\|Restart.*\|RuntimeDirectory.*\|StateDirectory\|NotifyAccess\)=/d' \
    "$(property FragmentPath)" >/run/systemd/system/report.service
systemctl daemon-reload
ip netns exec host1 python3 -u /test/tools/wire.py listen gateway >/test/wire.log &
listener=$!
eventually 5 grep -q listening /test/wire.log
systemctl start report
sent() { journalctl -u report -o cat | grep -Fxq "$1"; }
eventually 5 sent "ff02::16 sent"
eventually 5 sent "ff02::1:ff77:7777 sent"
eventually 5 sent "ff02::1 refused"
eventually 5 sent "ff02::1:2 refused"
eventually 5 sent "fe80::99 refused"
eventually 5 sent "2001:db8:1::99 sent"
reports() { grep -c 'in report ff02::1:ff77:7777 is-ex' /test/wire.log; }
both_arrived() { [ "$(reports)" = 2 ]; }
eventually 5 both_arrived
kill "$listener"

step "Its state"
assert_match "table" "$host" "$(solicitd --dump-state)"
before=$(stat -c %y /run/solicitd/*.json)
written_again() { [ "$(stat -c %y /run/solicitd/*.json)" != "$before" ]; }
systemctl kill -s USR1 solicitd
eventually 5 written_again

step "Reload"
sed -i '1i host-timeout = 77' /etc/solicitd/solicitd.toml
systemctl reload solicitd
reloaded() { [ "$(solicitd --dump-state --json | jq .host_timeout)" = 77 ]; }
eventually 5 reloaded
assert_equal "ActiveState" active "$(property ActiveState)"
assert_equal "MainPID" "$pid" "$(property MainPID)"
joined "$group"

step "Its journal"
join=$(records | jq -cs "[.[] | select(.GROUP == \"$group\" and .HOST == \"$host\")][0]")
assert_equal "INTERFACE" eth9 "$(jq -r .INTERFACE <<<"$join")"
assert_equal "EVIDENCE" dad-ns "$(jq -r .EVIDENCE <<<"$join")"
assert_match "MESSAGE_ID" '^[0-9a-f]{32}$' "$(jq -r .MESSAGE_ID <<<"$join")"
assert_match "MESSAGE" "$group" "$(jq -r .MESSAGE <<<"$join")"
assert_equal "_TRANSPORT" journal "$(jq -r ._TRANSPORT <<<"$join")"
id=$(jq -r .MESSAGE_ID <<<"$join")
assert_equal "found by its MESSAGE_ID" "$(jq -r .__CURSOR <<<"$join")" \
    "$(journalctl -o json "MESSAGE_ID=$id" "HOST=$host" | jq -rs '.[0].__CURSOR')"

step "It stops: every group is left, and it ends with success"
systemctl stop solicitd
assert_equal "Result" success "$(property Result)"
assert_equal "ExecMainStatus" 0 "$(property ExecMainStatus)"
is_not joined "$group"

step "The watchdog starts it again when it hangs"
mkdir -p /run/systemd/system/solicitd.service.d
cat >/run/systemd/system/solicitd.service.d/short.conf <<END
[Service]
WatchdogSec=1s
TimeoutAbortSec=1s
RestartSec=100ms
END
systemctl daemon-reload
systemctl start solicitd
pid=$(property MainPID)
end=$((SECONDS + 3))
until [ "$SECONDS" -gt "$end" ]; do
    [ "$(property MainPID)" = "$pid" ] || fail "restarted without a reason"
    sleep 0.2
done
ok "fed for 3 s with WatchdogSec=1s"
kill -STOP "$pid"
restarted() { [ "$(property NRestarts)" -ge 1 ] && [ "$(property ActiveState)" = active ]; }
eventually 15 restarted
assert_match "reason" 'Watchdog timeout' "$(journalctl -u solicitd)"
eventually 5 listened

step "A wrong configuration is no reason to try again and again"
systemctl stop solicitd
sed -i '1s/.*/host-timeout = 0/' /etc/solicitd/solicitd.toml
systemctl start solicitd 2>/dev/null && fail "started with a wrong configuration"
assert_equal "ExecMainStatus" 2 "$(property ExecMainStatus)"
assert_equal "SubState" failed "$(property SubState)"
assert_match "the reason" 'solicitd.toml:1: .*86400' "$(journalctl -u solicitd -n 20)"
