# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# A round: some of all that can happen, and what must hold after it.

readonly serve_within=5 # seconds

groups_of_living() { { printf '%s\n' "${groups[@]}" && cat "$work/crowd.groups"; } | sort -u; }
forwarded() { mdb | sed -nE 's/.* port to-router grp ([^ ]+).*/\1/p' | sort -u; }
unserved() { comm -23 <(groups_of_living) <(forwarded); }
all_served() { [ -z "$(unserved)" ]; }
# Of those that lived all the round, and now.
left() { sed -nE 's/^Deleted .* port to-router grp ([^ ]+).*/\1/p' "$work/mdb.changes" | sort -u; }
left_by_mistake() { comm -12 <(left) <(comm -12 "$work/established" <(groups_of_living)); }
errors() { grep -E ' (error|critical) ' "$daemon_log" || true; }

speak() {
    local key
    for key in "${newcomers[@]}"; do
        [ -n "${groups[$key]:-}" ] || continue # gone already
        wait_for 5 has_address "${key% *}" "${key#* }"
        say_nd "${key% *}" ns fe80::1 --source "${key#* }"
    done
    newcomers=()
    if [ "$came" -gt 0 ]; then tell_crowd speak "$came"; fi
    came=0
}

# Those of the beginning, and another socket for each 256 groups more.
files_are_right() { [ "$(open_files)" = "$((files - 1 + $(counter memberships.sockets)))" ]; }
store_is_right() { [ "$(in_store count)" = "$(counter memberships.sockets)" ]; }

check() {
    local begin key
    running || fail "the daemon is gone"
    begin=$(microseconds)
    until all_served; do
        [ $(($(microseconds) - begin)) -lt $((serve_within * 1000000)) ] ||
            fail "not served within $serve_within s: $(unserved | paste -sd ' ')"
        sleep 0.05
    done
    while read -r key; do
        [ "$key" = "side $side" ] || wait_for "$serve_within" gateway_reaches "${key#* }"
    done < <(living)
    [ -n "$exposed" ] || [ -z "$(left_by_mistake)" ] || fail "left, though alive: $(left_by_mistake)"
    wait_for 3 has_fed $(($(feeds) + 1))
    wait_for 3 store_is_right
    wait_for 3 files_are_right
    [ "$(errors | wc -l)" = "$mistakes" ] || fail "not the $mistakes errors that were made: $(errors)"
}

rounds=0 mistakes=0
# round DAEMON_ACT...: one of these, and some others.
round() {
    local acts=() act
    rounds=$((rounds + 1))
    mends=() exposed=
    # shellcheck disable=SC2094
    groups_of_living >"$work/established"
    : >"$work/mdb.changes"
    draw 4
    for _ in $(seq 0 $((drawn + 1))); do
        one_of "${host_acts[@]}"
        acts+=("$chosen")
    done
    draw 3
    if [ "$drawn" -gt 0 ]; then
        one_of "${upstream_acts[@]}"
        acts+=("$chosen")
    fi
    draw 3
    if [ "$drawn" -gt 0 ]; then
        one_of "${lan_acts[@]}"
        acts+=("$chosen")
    fi
    one_of "$@"
    acts+=("$chosen")
    draw 3
    if [ "$drawn" = 0 ] && [ "$1" = daemon_is_frozen ]; then
        # Not with restarts: a new process takes minutes to miss a querier that it never heard.
        if [ -n "$querier" ]; then acts+=(querier_is_silent); else acts+=(querier_speaks); fi
    fi
    shuffle "${acts[@]}"
    acts=("${shuffled[@]}")
    echo "   $SECONDS s, round $rounds, $(living | wc -l) hosts and a crowd of $(crowd_size): ${acts[*]}"
    for act in "${acts[@]}"; do
        [[ $act != upstream_* ]] || exposed=1
        $act
        draw 300
        sleep "0.$(printf '%03d' "$drawn")"
    done
    shuffle "${mends[@]}"
    for act in "${shuffled[@]}"; do $act; done
    restart_ndppd # which holds on to interfaces and MACs
    speak
    check
}
