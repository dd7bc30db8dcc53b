# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# What the kernels hold, and what is on the wire: seen, and said.

# group_of ADDRESS: its solicited-node group, as the kernel writes it. For addresses that end in
# two written-out hextets, like ...::11:1.
group_of() {
    local low=${1##*:} rest=${1%:*}
    printf 'ff02::1:ff%02x:%x\n' $((0x${rest##*:} & 0xff)) $((0x$low))
}

# No pipes into `grep -q`: it ends at the first match, and what still writes fails by SIGPIPE.

# joined GROUP [INTERFACE]: the router's kernel holds it.
joined() { grep -Eq "inet6 $1( |\$)" < <(in_ns router ip -6 maddr show dev "${2:-eth9}"); }
# joined_all: of the scenario's array of groups.
joined_all() {
    local group
    for group in "${groups[@]}"; do joined "$group" || return; done
}

# users_of GROUP: how many sockets and addresses hold it on eth9.
users_of() {
    in_ns router ip -6 maddr show dev eth9 |
        sed -nE "s/.*inet6 $1( users ([0-9]+))? *\$/\\2/p" | sed 's/^$/1/'
}

# A line "... port PORT grp GROUP ..." a group and port.
mdb() {
    if [ "$switch_kind" = ovs ]; then
        ovs_appctl mdb/show sw | awk '
            BEGIN { name[1] = "to-gateway"; name[2] = "to-router" }
            $1 in name { print "port", name[$1], "grp", $3, "age", $4 }'
    else
        in_ns "${1:-switch}" bridge mdb show dev sw
    fi
}
# switch_forwards GROUP [SWITCH]: to the router.
switch_forwards() { grep -Eq "port to-router grp $1( |\$)" < <(mdb "${2:-switch}"); }

# forget_at_switch GROUP: it loses what the router has reported.
forget_at_switch() {
    in_ns switch bridge mdb del dev sw port to-router grp "$1" temp
    assert_not switch_forwards "$1"
}

# link_fact INTERFACE JQ_PATH: of what the router tells about it, such as .ifindex or .address.
link_fact() { in_ns router ip -d -j link show "$1" | jq -r ".[0]$2"; }
mcast_router() { link_fact br0 .linkinfo.info_data.mcast_router; }

neighbor_state() { in_ns router ip -6 neigh show dev br0 to "$1" | awk '{print $NF}'; }

# capture NAME NAMESPACE INTERFACE [--times] [--packets]: ND and MLD on the wire from now on, a line
# a message in the file that `captured NAME` prints. See tools/wire.py for what a line looks like.
capture() {
    spawn "$2" "$netns_dir/tools/wire.py" listen "${@:3}" >"$work/$1.wire"
    wait_for 5 grep -q listening "$work/$1.wire"
}
captured() { cat "$work/$1.wire"; }
# saw NAME REGEX: a captured line matches.
saw() { grep -Eq -- "$2" "$work/$1.wire"; }

# say_nd HOST KIND TARGET [OPTION...]: the host sends a message of our making.
say_nd() {
    local host=$1
    shift
    in_ns "$host" "$netns_dir/tools/wire.py" send eth0 "$@"
}

# say_mld NAMESPACE INTERFACE query|report [GROUP...] [OPTION...]: an MLD message of our making.
say_mld() { in_ns "$1" "$netns_dir/tools/wire.py" mld "${@:2}"; }

# keep_saying NAMESPACE send|mld INTERFACE ... --interval SECONDS: such a message again and again,
# from when this returns until the process `speaker` is ended.
keep_saying() {
    local output
    output=$(mktemp "$work/speaker.XXXXXX")
    spawn "$1" "$netns_dir/tools/wire.py" "${@:2}" --count 0 >"$output"
    speaker=$spawned
    wait_for 5 grep -q sending "$output"
}
