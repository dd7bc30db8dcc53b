#!/usr/bin/env bash
# Whatever is wrong is said in one line: what was read, where, what is allowed. Nothing is joined.
. "$(dirname "$0")/lib.sh"
make_topology

before=$(in_ns router ip -6 maddr show dev eth9)
# refuses STATUS REGEX ARGUMENT...
refuses() {
    local expected=$1 regex=$2
    shift 2
    run_solicitd "$@"
    assert_equal "exit status of solicitd $*" "$expected" "$status"
    assert_match "its words" "$regex" "$output"
    assert_equal "lines" 1 "$(wc -l <<<"$output")"
    [ "$(in_ns router ip -6 maddr show dev eth9)" = "$before" ] || fail "something was joined"
}
file=$work/bad.toml
# refuses_file LINE REGEX TEXT: the file is wrong in that line.
refuses_file() {
    printf '%s\n' "$3" >"$file"
    refuses 2 "bad.toml:$1: .*$2" --config "$file"
    refuses 2 "bad.toml:$1: .*$2" --check-config --config "$file"
}
tables='[[upstream]]
interface = "eth9"
downstream = ["br0"]'

step "Command line"
refuses 2 'eth9' eth9 eth9
refuses 2 '2001:db8::/129' --prefix 2001:db8::/129 eth9 br0
refuses 2 'nonsense' --prefix nonsense eth9 br0
refuses 2 '0.* 1 .*86400' --host-timeout 0 eth9 br0
refuses 2 '86401.* 1 .*86400' --host-timeout 86401 eth9 br0
refuses 2 'soon.* 1 .*86400' --host-timeout soon eth9 br0
refuses 2 '604801.* 0 .*604800' --linger 604801 eth9 br0
refuses 2 '0.* 1 .*1000000' --max-hosts 0 eth9 br0
refuses 2 'loud.*warning' --log-level loud eth9 br0
refuses 2 'frobnicate' --frobnicate eth9 br0
refuses 2 'this-name-is-too-long' eth9 this-name-is-too-long
refuses 2 'absent.toml' --config "$work/absent.toml"

step "Configuration file"
refuses_file 1 'host_timeout.*host-timeout' "host_timeout = 5"$'\n'"$tables"
refuses_file 1 'host-timeout = 86401.* 1 .*86400' "host-timeout = 86401"$'\n'"$tables"
refuses_file 1 'linger = "long".* 0 .*604800' 'linger = "long"'$'\n'"$tables"
refuses_file 1 'capture = "all".*allmulti' 'capture = "all"'$'\n'"$tables"
refuses_file 4 '2001:db8::/129' "$tables"$'\n''prefix = ["2001:db8::/129"]'
refuses_file 3 'eth9' '[[upstream]]
interface = "eth9"
downstream = ["eth9"]'
refuses_file 2 'TOML' $'\n''host-timeout ='
printf '%s\n' "$tables" >"$file"
run_solicitd --check-config --config "$file"
assert_equal "exit status of --check-config with a good file" 0 "$status"

step "No CAP_NET_RAW: one line with the remedy"
status=0
output=$(in_ns router setpriv --bounding-set -net_raw --inh-caps -net_raw "$SOLICITD" \
    --runtime-dir "$work/run" --state-dir "$work/state" eth9 br0 2>&1) || status=$?
assert_equal "exit status" 1 "$status"
assert_match "its words" 'CAP_NET_RAW' "$output"
assert_equal "lines" 1 "$(wc -l <<<"$output")"

step "An interface that is absent: it says what it waits for, and goes on when it comes"
launch_daemon eth7 br0
eventually 5 ready
assert_match "STATUS" 'eth7' "$(status_text)"
assert logged 'eth7'
connect gw eth7 router eth7
in_ns router ip -6 addr add "${prefix}7/64" dev eth7 metric 4096
eventually 5 joined "$(group_of "$host1")" eth7


step "A second daemon on the same runtime directory is refused"
refuses 1 "$daemon_pid.*$work/run|$work/run.*$daemon_pid" eth9 br0
assert running
stop_daemon

step "Malformed packets are counted by reason, and nothing else"
start_daemon
good=${prefix}51:1
bad=${prefix}52:2
lines=$(wc -l <"$daemon_log")
say_nd host1 dad "$bad" --bad-checksum
say_nd host1 dad "$bad" --code 1
say_nd host1 dad "$bad" --options 0100000000000000
say_nd host1 dad "$bad" --options 0102000000000000
say_nd host1 dad "$bad" --options 0101020000000052
say_nd host1 dad "$bad" --destination ff02::1
say_nd host1 dad "$bad" --cut 4
say_nd host1 ns ff02::1:ff52:2 --source "$bad" --destination ff02::1
say_nd host1 na "$bad" --solicited
say_nd host1 dad "$bad" --fragment
say_nd host1 dad "$bad" --hop-limit 64
say_nd host1 dad "$good" # comes last: when it is known, the others were read
eventually 5 joined "$(group_of "$good")"
assert_not joined "$(group_of "$bad")"
assert_equal "state of the bad host" unknown "$(host_state "$bad")"
document=$(in_ns router "$SOLICITD" --runtime-dir "$work/run" --dump-state --json)
count() { jq -r ".counters[\"nd.defect.$1\"] // 0" <<<"$document"; }
assert_equal checksum 1 "$(count checksum)"
assert_equal code 1 "$(count code)"
assert_equal option-length 2 "$(count option-length)"
assert_equal dad-option 1 "$(count dad-option)"
assert_equal dad-destination 1 "$(count dad-destination)"
assert_equal truncated 1 "$(count truncated)"
assert_equal target 1 "$(count target)"
assert_equal solicited-flag 1 "$(count solicited-flag)"
assert_equal fragmented 1 "$(count fragmented)"
assert_equal "lines logged meanwhile but for the good one" "" \
    "$(tail -n +$((lines + 1)) "$daemon_log" | grep -v -e "$good" -e 'state written' || true)"
