#!/usr/bin/env bash
# What others have written to break IPv6: thc-ipv6, scapy's fuzz(), and tcpreplay of captures.
. "$(dirname "$0")/lib.sh"
. "$netns_dir/lib/attack.sh"
need atk6-flood_solicitate6 atk6-flood_advertise6 atk6-flood_mld6 atk6-flood_mld26 \
    atk6-fuzz_ip6 tcpreplay
/usr/bin/python3 -c 'import scapy.all' 2>/dev/null || skip "not installed: python3-scapy"
# While the snoopers are waited for.
"$netns_dir/tools/forge.py" fuzz "$work/lan.pcap" lan 300 &
forger_of_lan=$!
"$netns_dir/tools/forge.py" fuzz "$work/upstream.pcap" upstream 300 &
forger_of_upstream=$!
make_topology

# heard [upstream.]: ND and MLD that came to the daemon, right or wrong.
heard() {
    state "[.counters | to_entries[] | select(.key | test(\"^${1:-}(nd|mld)[.](messages|defect)\")) |
        .value] | add"
}
# attack_heard SIDE NAMESPACE COMMAND...: much of it came to where the daemon listens.
attack_heard() {
    local before
    before=$(heard "$1")
    echo "   ${*:3}"
    attack "${@:2}"
    came=$(($(heard "$1") - before))
    [ "$came" -ge 200 ] || fail "only $came messages came: $(head -c 300 "$work/attack")"
    ok "$came messages"
}
# thc SIDE NAMESPACE TOOL ARGUMENT...: they know no end.
thc() { attack_heard "$1" "$2" timeout -s INT -k 1 1 "atk6-$3" "${@:4}"; }

add_host host3
start_daemon_to_attack

step "thc-ipv6 on the LAN"
for tool in flood_solicitate6 flood_advertise6 flood_mld6 flood_mld26; do
    thc "" host1 "$tool" eth0
done
thc "" host1 fuzz_ip6 -a -x -I -2 eth0 ff02::1
thc "" host1 fuzz_ip6 -a -x -F -H -3 eth0 ff02::1

step "thc-ipv6 upstream; meanwhile a host comes on the LAN, and is recorded"
spawn host3 "$netns_dir/tools/forge.py" record "$work/host3.pcap" eth0 4 >"$work/recorder"
recorder=$spawned
wait_for 10 grep -q recording "$work/recorder"
give_address host3 "${prefix}13:3"
thc upstream. gw flood_mld6 eth0
thc upstream. gw flood_solicitate6 eth0

step "scapy's fuzz(), replayed"
wait "$forger_of_lan"
wait "$forger_of_upstream"
attack_heard "" host1 tcpreplay --intf1=eth0 --loop=100 --topspeed --preload-pcap "$work/lan.pcap"
attack_heard upstream. gw tcpreplay --intf1=eth0 --loop=100 --topspeed --preload-pcap \
    "$work/upstream.pcap"

step "The host's own words, replayed"
wait "$recorder"
attack_heard "" host1 tcpreplay --intf1=eth0 --loop=2000 --topspeed --preload-pcap "$work/host3.pcap"

step "Afterwards"
assert_unharmed
stop_daemon
