#!/usr/bin/env bash
# The service under every restriction of its unit: what systemd-analyze thinks of them, that all the
# daemon does works nevertheless, and what of it others can reach. Runs inside of `container`, on the
# topology of the scenarios in tests/netns.
export SOLICITD_IN_SANDBOX=1
# shellcheck disable=SC2034 # for lib.sh
SOLICITD=$(command -v solicitd)
# shellcheck source=SCRIPTDIR/../netns/lib.sh
. /test/lib.sh

property() { systemctl show --value -p "$1" solicitd; }
records() { journalctl -u solicitd -o cat | grep -Eq -- "$1"; }

# What the unit gives away, each item for a reason in docs/adr/0018-one-capability.md; there,
# too, is why the figure cannot be lower.
readonly exposure=15 # tenths
given_away() {
    cat <<'END'
AmbientCapabilities=
CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)
DeviceAllow=
IPAddressDeny=
PrivateNetwork=
PrivateUsers=
RestrictAddressFamilies=~AF_(INET|INET6)
RestrictAddressFamilies=~AF_NETLINK
RestrictAddressFamilies=~AF_PACKET
RestrictAddressFamilies=~AF_UNIX
RootDirectory=/RootImage=
END
}
# assess ARGUMENT...: systemd-analyze finds that, and nothing else, and no more than that figure.
assess() {
    systemd-analyze security --no-pager "$@" | tail -n 1
    assert systemd-analyze security --no-pager --threshold="$exposure" "$@"
    assert_equal "given away" "$(given_away)" \
        "$(systemd-analyze security --json=short "$@" |
            jq -r '.[] | select(.set == false) | .name' | LC_ALL=C sort)"
}

step "systemd-analyze security, of the unit file"
unit=$(property FragmentPath)
assess --offline=true "$unit"

make_topology

step "The service starts, in the router, with all that it can do asked for"
drop_ins=/run/systemd/system/solicitd.service.d
mkdir -p "$drop_ins"
printf '[Service]\nNetworkNamespacePath=/run/netns/router\n' >"$drop_ins/router.conf"
mkdir -p /etc/solicitd
configure() { # CAPTURE
    cat >/etc/solicitd/solicitd.toml <<END
host-timeout = 1
linger = 2
announce = "always"
announce-interval = 1
capture = "$1"
mld-evidence = false
[[upstream]]
interface = "eth9"
downstream = ["br0"]
END
}
configure allmulti
give_up_soon br0
is_multicast_router() { [ "$(mcast_router)" = 2 ]; }
before=$(mcast_router)
capture eth9 router eth9
capture br0 router br0
systemctl daemon-reload
systemctl start solicitd
daemon_pid=$(property MainPID)
ln -s /run/solicitd "$work/run" # where the scenarios look for it
say_nd host1 na "$host1"
say_nd host2 na "$host2"

step "systemd-analyze security, of the running service"
assess solicitd

step "It joins, and the switch hears of it"
eventually 5 joined "$(group_of "$host1")"
eventually 5 switch_forwards "$(group_of "$host1")"

step "It announces by itself, also what the kernel's own reports are long over for"
sleep 3 # the kernel's second report
forget_at_switch "$(group_of "$host1")"
within 2500 switch_forwards "$(group_of "$host1")"

if bridge_heeds_allmulti; then
    step "It hears Duplicate Address Detection"
    say_nd host1 dad "${prefix}61:1"
    eventually 5 joined "$(group_of "${prefix}61:1")"
fi

step "It asks a silent host by unicast, and gives up one that is gone"
eventually 10 saw br0 "out ns $host1 .* unicast"
assert host_is "$host1" confirmed
in_ns host2 ip link set eth0 down
eventually 30 is_not joined "$(group_of "$host2")"

step "Its files: nobody else may write, or even look"
state_directory=/var/lib/private/solicitd
eventually 2 grep -q "^$host1 br0 " "$work/run/hosts"
solicitd --dump-state >/dev/null
find /run/private/solicitd "$state_directory" -printf '   %M %u %p\n'
assert_equal "files" "hosts lock state.json" \
    "$(find /run/private/solicitd -type f -printf '%f\n' | LC_ALL=C sort | paste -sd ' ')"
assert_equal "writable by others" "" \
    "$(writable_by_others /run/private/solicitd "$state_directory")"
assert_equal "of another user" "" "$(find /run/private/solicitd "$state_directory" \
    ! -user "$(status_of Uid | cut -f 1)")"
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
assert_not "${as_nobody[@]}" cat /run/solicitd/state.json
assert_not "${as_nobody[@]}" ls /run/solicitd/
assert_not "${as_nobody[@]}" kill -USR1 "$daemon_pid"

step "Its capabilities, and that it passes on none"
assert_equal "CapBnd" 0000000000002000 "$(status_of CapBnd)"
assert_equal "CapPrm" 0000000000002000 "$(status_of CapPrm)"
assert_equal "CapAmb" 0000000000000000 "$(status_of CapAmb)"

step "Its sockets: captures, netlink, reports and solicitations, the journal's, memberships"
sockets | sort | uniq -c
assert_equal "kinds" "netlink,packet 0000,packet 86dd,raw6,unix unnamed,without an address" \
    "$(sockets | sed -E 's/^(packet 0000|packet 86dd|netlink|raw6) .*/\1/' | sort -u | paste -sd ,)"
assert_equal "packet sockets, the one that only sends too" 3 "$(sockets | grep -c ^packet)"

step "What is asked of it from outside"
output=$(in_ns router solicitd --check 2>&1) || true
assert_not grep -E 'could not be asked|no daemon runs|no answer' <<<"$output"
systemctl reload solicitd
eventually 5 records 'configuration read again'
assert_equal "MainPID" "$daemon_pid" "$(property MainPID)"

step "It is refused nothing of all that"
assert_not records 'Operation not permitted|Permission denied|cannot '
assert_equal "stored sockets" "$(state '.counters["memberships.sockets"]')" \
    "$(property NFileDescriptorStore)"

step "It stops, and puts everything back"
systemctl stop solicitd
assert_equal "Result" success "$(property Result)"
assert_equal "mcast_router" "$before" "$(mcast_router)"
assert_not joined "$(group_of "$host1")"
assert test -s "$state_directory/hosts"
assert_equal "writable by others" "" "$(writable_by_others "$state_directory")"

step "A drop-in permits it to make the bridge a multicast router, as docs/security.md says"
cat >"$drop_ins/bridge.conf" <<'END'
[Service]
AmbientCapabilities=CAP_NET_ADMIN
CapabilityBoundingSet=CAP_NET_ADMIN
END
configure mcast-router
systemctl daemon-reload
systemctl start solicitd
daemon_pid=$(property MainPID)
assert_equal "CapBnd" 0000000000003000 "$(status_of CapBnd)"
assert_equal "CapPrm" 0000000000003000 "$(status_of CapPrm)"
assert_equal "CapAmb" 0000000000000000 "$(status_of CapAmb)"
eventually 5 is_multicast_router
say_nd host1 dad "${prefix}61:2"
eventually 5 joined "$(group_of "${prefix}61:2")"
systemctl stop solicitd
assert_equal "mcast_router" "$before" "$(mcast_router)"
assert_not records 'may not make the bridge'
