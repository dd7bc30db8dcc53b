# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# Choices that the same seed makes again.

# draw NUMBER: sets drawn, 0 to NUMBER - 1. (Not in a subshell, whose RANDOM is another.)
draw() { drawn=$((RANDOM % $1)); }
# one_of WORD...: sets chosen.
one_of() {
    draw $#
    chosen=${*:drawn+1:1}
}
# shuffle WORD...: sets shuffled.
shuffle() {
    shuffled=()
    while [ $# -gt 0 ]; do
        draw $#
        shuffled+=("${@:drawn+1:1}")
        set -- "${@:1:drawn}" "${@:drawn+2}"
    done
}
# What an act has done and a mend undoes: the mends of a round come after all of its acts.
RANDOM=$seed
mends=()
later() { mends+=("$1"); }
