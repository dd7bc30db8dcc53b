# shellcheck shell=bash disable=SC2034 # shared with the other parts
# Words for the reader, waiting and asserting.

failing=

step() { printf '\n== %s\n' "$*"; }
ok() { printf '   ok: %s\n' "$*"; }
skip() {
    echo "SKIP: $*"
    exit 77
}
fail() {
    echo "FAILED: $*"
    failing=1
    exit 1
}

microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local seconds=$1 deadline
    shift
    deadline=$(($(microseconds) + seconds * 1000000))
    until "$@" >/dev/null 2>&1; do
        if [ "$(microseconds)" -gt "$deadline" ]; then
            fail "waited $seconds s in vain for: $*"
        fi
        sleep 0.05
    done
}

# eventually SECONDS COMMAND...: the same, as an assertion.
eventually() {
    wait_for "$@"
    ok "${*:2}"
}

# within MILLISECONDS COMMAND...: the same, and says how long it took.
within() {
    local allowed=$1 begin took
    shift
    begin=$(microseconds)
    wait_for $(((allowed + 999) / 1000)) "$@"
    took=$((($(microseconds) - begin) / 1000))
    [ "$took" -le "$allowed" ] || fail "took $took ms, allowed are $allowed: $*"
    ok "$* ($took ms)"
}

# stays SECONDS COMMAND...: the command succeeds all that time.
stays() {
    local seconds=$1 begin end
    shift
    begin=$(microseconds)
    end=$((begin + seconds * 1000000))
    while [ "$(microseconds)" -lt "$end" ]; do
        if ! "$@" >/dev/null 2>&1; then
            fail "true for $((($(microseconds) - begin) / 1000)) ms of $seconds s only: $*"
        fi
        sleep 0.05
    done
    ok "for $seconds s: $*"
}

# is_not COMMAND...: the command fails. (A word, where `!` is syntax.)
is_not() { ! "$@"; }

assert() {
    "$@" >/dev/null || fail "expected: $*"
    ok "$*"
}
assert_not() {
    if "$@" >/dev/null; then fail "expected not: $*"; fi
    ok "not: $*"
}
# assert_equal WHAT EXPECTED SEEN
assert_equal() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
    ok "$1: $3"
}
# assert_match WHAT REGEX SEEN: somewhere in the text.
assert_match() {
    grep -Eq -- "$2" <<<"$3" || fail "$1: expected a line like '$2', saw:"$'\n'"$3"
    ok "$1: $(grep -Em1 -- "$2" <<<"$3")"
}
