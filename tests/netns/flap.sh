#!/usr/bin/env bash
# Interfaces come and go. Within a second of an interface's being usable the memberships are right
# and the LAN is listened to again, by the same process, which keeps no socket of one that is gone.
. "$(dirname "$0")/lib.sh"
make_topology

readonly silent=${prefix}61:1 # known by its DAD alone: nothing but the daemon can bring it back
groups=("$(group_of "$host1")" "$(group_of "$host2")" "$(group_of "$silent")")
ports=(lan-host1 lan-host2) # of br0

plug_lan() {
    add_bridge router br0
    for port in "${ports[@]}"; do
        in_ns router ip link set "$port" master br0
    done
    address_lan
    start_snooping router br0
}
newcomers=256
# all_is_right: and it is so soon.
all_is_right() {
    within 1000 joined_all
    newcomers=$((newcomers + 1))
    newcomer=$prefix$(printf '%x' "$newcomers"):9
    keep_saying host1 send eth0 dad "$newcomer" --interval 0.02 # nobody has heard of it before
    within 1000 joined "$(group_of "$newcomer")"
    kill "$speaker"
    wait_for 3 open_files_are "$files"
    assert running
}
open_files_are() { [ "$(open_files)" = "$1" ]; }

step "Control: without the daemon, a new upstream has no memberships of ours"
in_ns router ip link del eth9
plug_upstream
assert_not joined "${groups[0]}"

step "All is joined"
start_daemon
say_nd host1 dad "$silent"
eventually 2 joined_all
files=$(open_files)

step "The upstream is deleted: its sockets are closed; it is made again with another index"
before=$(link_fact eth9 .ifindex)
in_ns router ip link del eth9
eventually 2 open_files_are $((files - 2)) # the memberships', and what listened there
plug_upstream
assert_not [ "$(link_fact eth9 .ifindex)" = "$before" ]
all_is_right

step "... and again with the same index"
index=$(link_fact eth9 .ifindex)
in_ns router ip link del eth9
plug_upstream index "$index"
assert_equal "index" "$index" "$(link_fact eth9 .ifindex)"
all_is_right
eventually 5 switch_forwards "${groups[0]}"

step "It is renamed, and renamed back"
in_ns router ip link set eth9 name elsewhere
within 1000 is_not joined "${groups[0]}" elsewhere
in_ns router ip link set elsewhere name eth9
all_is_right

step "Another takes its name"
in_ns router ip link set eth9 name elsewhere
in_ns switch ip link set to-router name to-elsewhere
plug_upstream
all_is_right
in_ns router ip link del elsewhere
all_is_right

step "It goes down and up, and loses its carrier"
in_ns router ip link set eth9 down
in_ns router ip link set eth9 up
address_upstream
all_is_right
in_ns switch ip link set to-router down
eventually 2 logged 'eth9 is down or has no carrier'
in_ns switch ip link set to-router up
all_is_right
eventually 5 switch_forwards "${groups[0]}"

step "Its MTU falls below IPv6's 1280 and rises again: the kernel has dropped everything"
in_ns router ip link set eth9 mtu 1279
eventually 2 is_not joined "${groups[0]}"
eventually 2 logged 'eth9 has no IPv6, because its MTU is below 1280'
in_ns router ip link set eth9 mtu 1500
address_upstream
all_is_right

step "Its MAC changes"
in_ns router ip link set eth9 address 02:00:00:00:99:99
all_is_right

step "IPv6 is switched off on it for a while"
set_sysctl router net.ipv6.conf.eth9.disable_ipv6=1
eventually 2 is_not joined "${groups[0]}"
set_sysctl router net.ipv6.conf.eth9.disable_ipv6=0
address_upstream
all_is_right

step "The LAN's bridge is deleted and made again: its hosts are not forgotten meanwhile"
in_ns router ip link del br0
stays 1 joined_all
plug_lan
all_is_right

step "The LAN's bridge goes down and up"
in_ns router ip link set br0 down
stays 1 joined_all
in_ns router ip link set br0 up
all_is_right

step "A host moves to another port of the bridge"
in_ns router ip link del lan-host1
connect host1 eth0 router lan-moved
in_ns router ip link set lan-moved master br0
ports=(lan-moved lan-host2)
stays 1 joined_all
all_is_right

step "It went through all that without a word of alarm but for the interfaces"
assert_equal "errors" "" "$(grep -E ' (error|critical) ' "$daemon_log" || true)"

step "IPv6 is switched off, and a configured prefix stays: so do the kernel's memberships"
stop_daemon
start_daemon --prefix "$prefix/64" eth9 br0
eventually 2 joined_all
files=$(open_files)
set_sysctl router net.ipv6.conf.eth9.disable_ipv6=1
stays 1 joined_all
set_sysctl router net.ipv6.conf.eth9.disable_ipv6=0
address_upstream
all_is_right
eventually 5 switch_forwards "${groups[0]}"

step "Both are absent at the start"
stop_daemon
in_ns router ip link del eth9
in_ns router ip link del br0
start_daemon
assert_match "STATUS" 'eth9: waiting for it to exist; waiting for br0' "$(status_text)"
plug_upstream
plug_lan
all_is_right
