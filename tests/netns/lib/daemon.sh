# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# The daemon: started, stopped, and asked.

daemon_pid=
daemon_log=$work/daemon.log
notify_log=$work/notify.log

ready() { grep -qx 'READY=1' "$notify_log"; }
ready_or_dead() { ready || ! running; }
running() { kill -0 "$daemon_pid"; }
# The last STATUS= told to the service manager.
status_text() { sed -n 's/^STATUS=//p' "$notify_log" | tail -n 1; }
logged() { grep -Eq -- "$1" "$daemon_log"; }
# feeds: how often the watchdog was fed since the start; has_fed NUMBER: so often at least.
feeds() { grep -c '^WATCHDOG=1' "$notify_log" || true; }
has_fed() { [ "$(feeds)" -ge "$1" ]; }

# A host may report its group at any moment, in answer to a query, and have it leased for minutes:
# only scenarios about that want it. An option of their own comes later, and counts.
: "${mld_evidence:=false}"

# The daemon runs as the service does: as an ordinary user, with the capabilities, the system-call
# filter, the address families and the umask of the unit file; so a scenario fails when the unit
# lacks something. SOLICITD_CONFINED=no: it does not, for what wants more (sanitizers).
: "${SOLICITD_CONFINED:=yes}"
readonly daemon_user=61999 # one of those that DynamicUser= hands out
confinement=$work/confinement
confined=()

# confine_daemon: sets confined, the words before a command that is to run so. All that these
# words need lies where that user may read, wherever the checkout is.
confine_daemon() {
    need setpriv systemd-analyze
    /usr/bin/python3 -c 'import seccomp' 2>/dev/null ||
        skip "not installed: python3-seccomp (or set SOLICITD_CONFINED=no)"
    chmod 0755 "$work"
    mkdir -m 0755 "$confinement"
    "$netns_dir/confine" compile "$netns_dir/../../units/solicitd.service.in" "$confinement"
    install -m 0755 "$netns_dir/confine" "$confinement/confine"
    : >"$confinement/solicitd"
    mount --bind "$SOLICITD" "$confinement/solicitd"
    confined=("$confinement/confine" run "$confinement")
    # The sandbox of an ordinary user has no other user to become.
    if awk -v user="$daemon_user" '$1 <= user && user - $1 < $3 { known = 1 } END { exit !known }' \
        /proc/self/uid_map; then
        confined+=(--uid "$daemon_user")
    fi
}

# permit CAPABILITY: from the next start on, as a drop-in of the administrator's would.
permit() {
    if [ "$SOLICITD_CONFINED" != yes ]; then
        # By hand root would give it up, unless it has this and what is needed alone.
        local both=-all,+net_raw,+${1#CAP_}
        confined=(setpriv --bounding-set "${both,,}" --inh-caps "${both,,}")
        return
    fi
    [ ${#confined[@]} -gt 0 ] || confine_daemon
    confined+=(--with "$1")
}

# own_directories: what RuntimeDirectory= and StateDirectory= would do.
own_directories() {
    install -d -m 0755 "$work/run" "$work/state"
    if [[ " ${confined[*]} " == *" --uid "* ]]; then
        chown -R "$daemon_user:$daemon_user" "$work/run" "$work/state"
    fi
}

# Set to the name of a socket before the first start: the service manager has an FD store there.
fd_store=

# launch_daemon [OPTION...] [INTERFACE...]: in the router, without waiting for anything.
launch_daemon() {
    local program=$SOLICITD with_stored=()
    if [ -z "${notify_listener:-}" ]; then
        "$netns_dir/tools/service_manager.py" listen "$work/notify" ${fd_store:+"$fd_store"} \
            >>"$notify_log" &
        notify_listener=$!
        wait_for 5 grep -q listening "$notify_log"
        chmod 0666 "$work/notify" # as systemd's
    fi
    : >"$notify_log"
    if [ "$SOLICITD_CONFINED" = yes ]; then
        [ ${#confined[@]} -gt 0 ] || confine_daemon
        program=$confinement/solicitd
        own_directories
    fi
    [ -z "$fd_store" ] || with_stored=("$netns_dir/tools/service_manager.py" exec "$fd_store")
    NOTIFY_SOCKET=$work/notify spawn router "${with_stored[@]}" "${confined[@]}" "$program" \
        --runtime-dir "$work/run" \
        --state-dir "$work/state" --mld-evidence "$mld_evidence" "$@" >>"$daemon_log" 2>&1
    daemon_pid=$spawned
}

# start_daemon [OPTION...] [INTERFACE...]: returns when it says that it is ready.
start_daemon() {
    [ $# -gt 0 ] || set -- eth9 br0
    launch_daemon "$@"
    wait_for 10 ready_or_dead
    ready || fail "solicitd $* ended before it was ready: $(tail -n 1 "$daemon_log")"
}

# stop_daemon: by SIGTERM; it exits with 0.
stop_daemon() {
    local status=0
    kill -TERM "$daemon_pid"
    wait_for 10 is_not running
    wait "$daemon_pid" || status=$?
    assert_equal "exit status after SIGTERM" 0 "$status"
}

# reload_daemon: it reads its configuration again; returns when it says that it has.
reload_daemon() {
    : >"$notify_log"
    kill -HUP "$daemon_pid"
    wait_for 10 ready
}

# crash_daemon: it gets no chance to say or to leave anything.
crash_daemon() {
    kill -KILL "$daemon_pid"
    wait "$daemon_pid" 2>/dev/null || true
}

# freeze_daemon: it does nothing from now on; thaw_daemon lets it go on.
freeze_daemon() {
    kill -STOP "$daemon_pid"
    wait_for 5 grep -q '^State:.*stopped' "/proc/$daemon_pid/status"
}
thaw_daemon() { kill -CONT "$daemon_pid"; }

# sanitized: it is ten times as slow, and as large.
sanitized() { grep -q libasan "/proc/$daemon_pid/maps"; }

# open_files: how many the daemon has.
open_files() { find "/proc/$daemon_pid/fd" -type l | wc -l; }

# status_of KEY: of the daemon's process, such as CapPrm or VmHWM.
status_of() { sed -n "s/^$1:\s*//p" "/proc/$daemon_pid/status"; }

# The daemon's sockets, one a line, as the kernel tells of them: the kind, and what it is bound to.
# A membership's is never bound, so no table has it.
sockets() {
    local inode kind tables=/proc/$daemon_pid/net
    for inode in $(socket_inodes "$daemon_pid"); do
        kind=$(
            awk -v i="$inode" '$NF == i { print "packet", $4, $5 }' "$tables/packet"
            awk -v i="$inode" '$10 == i { print "netlink", $2 }' "$tables/netlink"
            awk -v i="$inode" '$7 == i { print "unix", ($4 == "00000000" && NF == 7) ? "unnamed" : $0 }' \
                "$tables/unix"
            for kind in raw udp udplite tcp raw6 udp6 udplite6 tcp6; do
                [ ! -e "$tables/$kind" ] ||
                    awk -v i="$inode" -v k="$kind" '$10 == i { print k, $2 }' "$tables/$kind"
            done
        )
        echo "${kind:-without an address}"
    done
}
# socket_inodes PID: but for the standard streams.
socket_inodes() {
    find "/proc/$1/fd" -type l ! -name '[012]' -printf '%l\n' |
        sed -n 's/^socket:\[\(.*\)\]$/\1/p'
}

# writable_by_others FILE...: what is, of these and below.
writable_by_others() { find "$@" ! -type l -perm /022; }

# run_solicitd ARGUMENT...: in the foreground; sets status, and output (both streams).
run_solicitd() {
    status=0
    output=$(in_ns router timeout 20 "$SOLICITD" --runtime-dir "$work/run" \
        --state-dir "$work/state" "$@" 2>&1) || status=$?
}

# state JQ_FILTER: of the running daemon's state document.
state() {
    in_ns router "$SOLICITD" --runtime-dir "$work/run" --dump-state --json | jq -er "$1"
}
# host_state ADDRESS: tentative, confirmed, probing, absent, own, or unknown.
host_state() { state "[.hosts[] | select(.address == \"$1\") | .state][0] // \"unknown\""; }
evidence_of() { state "[.hosts[] | select(.address == \"$1\") | .evidence][0] // \"none\""; }
host_is() { [ "$(host_state "$1")" = "$2" ]; }
# querier_is STATE: unknown, present or absent, on the first upstream.
querier_is() { [ "$(state '.upstreams[0].querier.state')" = "$1" ]; }
querier_address_is() { [ "$(state '.upstreams[0].querier.address')" = "$1" ]; }
# counter NAME; counter_exceeds NAME NUMBER.
counter() { state ".counters[\"$1\"] // 0"; }
counter_exceeds() { [ "$(counter "$1")" -gt "$2" ]; }
