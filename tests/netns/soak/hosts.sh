# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# Hosts that come, sleep, vanish, and change addresses: some in namespaces of their own, and a crowd
# that is one process.

declare -A groups=() # of those that live, by "HOST ADDRESS"
newcomers=()         # of this round: nobody may have heard of them yet
asleep=()            # "HOST ADDRESS...": its link is down, so they do not live
born=0
came=0 # to the crowd, and nobody may have heard of them yet

settle() { # HOST ADDRESS
    in_ns "$1" ip -6 addr replace "$2/64" dev eth0
    groups["$1 $2"]=$(group_of "$2")
    newcomers+=("$1 $2")
}
settle_anew() { # HOST
    local high low
    draw 32767
    high=$((drawn + 1))
    draw 32767
    low=$((drawn + 1))
    settle "$1" "$prefix$(printf '%x:%x' $high $low)"
}
living() { printf '%s\n' "${!groups[@]}" | sort; }
addresses_of() { living | sed -n "s/^$1 //p"; }
# one_guest: sets chosen, a host that may go; fails when there is none.
one_guest() {
    local guests
    mapfile -t guests < <(living | sed -n 's/^\(guest[0-9]*\) .*/\1/p' | uniq)
    [ ${#guests[@]} -gt 0 ] && one_of "${guests[@]}"
}
# excuse HOST ADDRESS: it cannot answer for a while, and may be left for that.
excuse() { sed -i "/^${groups[$1 $2]}\$/d" "$work/established"; }
die() { # HOST
    local address
    for address in $(addresses_of "$1"); do unset "groups[$1 $address]"; done
}

host_comes() {
    local host
    born=$((born + 1))
    host=guest$born
    add_unplugged_host "$host"
    [ -z "$lan" ] || plug "$host"
    draw 3
    for _ in $(seq 0 "$drawn"); do settle_anew "$host"; done
}
host_sleeps() {
    one_guest || { host_comes && return; }
    asleep+=("$chosen $(addresses_of "$chosen" | tr '\n' ' ')")
    die "$chosen"
    in_ns "$chosen" ip link set eth0 down
}
host_wakes() {
    local words address
    [ ${#asleep[@]} -gt 0 ] || { host_comes && return; }
    read -ra words <<<"${asleep[0]}"
    asleep=("${asleep[@]:1}")
    in_ns "${words[0]}" ip link set eth0 up
    in_ns "${words[0]}" ip -6 route replace default via fe80::1 dev eth0
    for address in "${words[@]:1}"; do settle "${words[0]}" "$address"; done
}
host_vanishes() {
    one_guest || { host_comes && return; }
    die "$chosen"
    ip netns del "$chosen"
}
# As privacy extensions do: a new address, and later the former one goes.
host_rotates() {
    local host former
    one_guest || { host_comes && return; }
    host=$chosen
    # shellcheck disable=SC2046 # words
    one_of $(addresses_of "$host")
    former=$chosen
    settle_anew "$host"
    in_ns "$host" ip -6 addr change "$former/64" dev eth0 preferred_lft 0
    later "forget_address $host $former"
}
forget_address() { # HOST ADDRESS
    [ -n "${groups[$1 $2]:-}" ] || return 0 # its host is gone
    unset "groups[$1 $2]"
    in_ns "$1" ip -6 addr del "$2/64" dev eth0
}
host_flaps() {
    excuse host2 "$host2"
    in_ns host2 ip link set eth0 down
    later host2_is_back
}
host2_is_back() {
    in_ns host2 ip link set eth0 up
    in_ns host2 ip -6 route replace default via fe80::1 dev eth0
    settle host2 "$host2"
}

start_crowd() {
    add_host crowd
    mkfifo "$work/crowd.in"
    spawn crowd "$netns_dir/tools/crowd.py" eth0 "$seed" "$work/crowd.in" "$work/crowd.groups" \
        >"$work/crowd.out"
    wait_for 5 grep -q listening "$work/crowd.out"
    crowd_told=1
    tell_crowd come 0
}
tell_crowd() { # COMMAND NUMBER
    crowd_told=$((crowd_told + 1))
    echo "$*" >"$work/crowd.in"
    wait_for 5 crowd_obeyed
}
crowd_obeyed() { [ "$(wc -l <"$work/crowd.out")" = "$crowd_told" ]; }
crowd_size() { wc -l <"$work/crowd.groups"; }
crowd_comes() {
    local room
    room=$((most_crowd - $(crowd_size)))
    [ $room -gt 0 ] || return 0
    draw $room
    came=$((came + drawn + 1))
    tell_crowd come $((drawn + 1))
}
crowd_goes() {
    draw $((most_crowd / 2))
    tell_crowd go $((drawn + 1))
}
ghosts_claim() {
    draw "$most_ghosts"
    tell_crowd ghosts $((drawn + 1))
}
readonly host_acts=(host_comes host_comes host_sleeps host_wakes host_vanishes host_rotates
    host_rotates host_flaps crowd_comes crowd_comes crowd_goes ghosts_claim)
