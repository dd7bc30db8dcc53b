#!/usr/bin/env bash
# What people and programs can read of the running daemon.
. "$(dirname "$0")/lib.sh"
make_topology

# one_line: of output, and nothing else.
one_line() { [ "$(wc -l <<<"$output")" = 1 ]; }

step "Control: no daemon, one clear line and exit status 1"
run_solicitd --dump-state
assert_equal "exit status" 1 "$status"
assert one_line
assert_match "output" 'solicitd' "$output"
run_solicitd --dump-state --json
assert_equal "exit status" 1 "$status"

step "The table"
start_daemon
say_nd host1 na "$host1"
eventually 5 host_is "$host1" confirmed
run_solicitd --dump-state
assert_equal "exit status" 0 "$status"
echo "$output"
for word in eth9 br0 "$prefix/64" "$host1" "$host2" "$(group_of "$host1")" confirmed; do
    assert_match "the table" "(^|[^0-9a-z:])$word([^0-9a-z:]|\$)" "$output"
done

step "The document"
run_solicitd --dump-state --json
assert_equal "exit status" 0 "$status"
assert_equal "hosts of the two, joined" 2 "$(jq "[.hosts[] | select(.joined and
    (.address == \"$host1\" or .address == \"$host2\"))] | length" <<<"$output")"
assert_match "the group" '"held"' "$output"

step "SIGUSR1 writes it, and a line in the journal"
documents() { find "$work/run" -name '*.json'; }
assert_equal "documents" 1 "$(documents | wc -l)"
document=$(documents)
rm "$document"
kill -USR1 "$daemon_pid"
eventually 5 test -e "$document"
assert jq -e '.hosts | length >= 2' "$document"
assert_equal "files besides the document, the lock and the saved hosts" "" \
    "$(find "$work/run" -type f ! -name "${document##*/}" ! -name lock ! -name hosts)"
eventually 5 logged '[0-9]+ hosts'

step "A daemon that does not answer: exit status 1 after 5 s, not with the old document"
kill -STOP "$daemon_pid"
begin=$(microseconds)
run_solicitd --dump-state --json
took=$((($(microseconds) - begin) / 1000))
kill -CONT "$daemon_pid"
assert_equal "exit status" 1 "$status"
assert one_line
assert_match "output" '5 s' "$output"
[ "$took" -ge 4500 ] && [ "$took" -le 9000 ] || fail "gave up after $took ms"
ok "gave up after $took ms"

step "It goes on, and after its end it is missed at once"
eventually 5 host_is "$host1" confirmed
stop_daemon
run_solicitd --dump-state
assert_equal "exit status" 1 "$status"
