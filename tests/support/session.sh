# session.sh - what the tests of the command line and of the sandbox have in common.
#
# Sourced with the program ccfs as $1 or in $CCFS.  A test tells:
#   given_workspace           a workspace of its own, not mounted: $raw
#   expect CODE ARG...        ccfs ARG... ends with CODE; $out and $errs hold what it said
#   said TEXT / warned TEXT   stdout / stderr contains TEXT
#   COMMAND | holds TEXT      what COMMAND says contains TEXT
#   COMMAND | lacks TEXT      COMMAND succeeds, and what it says does not contain TEXT
#   inside CODE COMMAND       ccfs run -- sh -c COMMAND, likewise
#   newest OP                 the number of the newest event of that operation
#   no_mount                  ccfs knows of no mount of $raw
#   not_mounted               nothing of $raw is mounted, no daemon of it runs
# It ends with 77 and a reason where it cannot run; nothing stays mounted, no folder stays behind.
# shellcheck shell=bash

# shellcheck source=tests/support/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

work=''
raw=''
out=''
errs=''

end_session_test() {
    local code=$?
    trap - EXIT
    cd /
    if [[ -n $work ]]; then
        "$CCFS" -w "$raw" umount --lazy >/dev/null 2>&1 || true
        rm -rf -- "$work" || code=1
    fi
    exit "$code"
}

given_folder() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/ccfs-session.XXXXXX")
    raw=$work/workspace
    trap end_session_test EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

given_workspace() {
    [[ -n $work ]] || given_folder
    "$CCFS" -w "$raw" init >/dev/null || fail "ccfs init"
}

expect() { # CODE ARG...
    local want=$1 code=0
    shift
    "$CCFS" -w "$raw" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    out=$(tr -d '\0' <"$work/out")
    errs=$(tr -d '\0' <"$work/err")
    ((code == want)) || fail "ccfs $* ended with $code, not $want"
}

inside() { # CODE COMMAND
    expect "$1" run -- sh -c "$2"
}

# Reads to the end: who is cut off behind a match fails (pipefail), and the match with it.
holds() { # TEXT
    [[ $(grep -caF -- "$1") -gt 0 ]]
}

# Not `! COMMAND | holds TEXT`: a COMMAND that fails and says nothing would pass.
lacks() { # TEXT
    [[ $(grep -caF -- "$1") == 0 ]]
}

said() {
    [[ $out == *"$1"* ]] || fail "stdout lacks: $1"
}

warned() {
    [[ $errs == *"$1"* ]] || fail "stderr lacks: $1"
}

newest() { # OP: the number of the newest such event
    "$CCFS" -w "$raw" history --json --limit 1 --op "$1" | sed 's/^{"id":\([0-9]*\),.*/\1/'
}

# An error is one line that begins with the program's name.
one_line() {
    [[ $errs == ccfs:* && $errs != *$'\n'* ]] || fail "that is not one line of ours"
}

daemon_pid() {
    "$CCFS" -w "$raw" status --json | sed -n 's/.*"mount":{[^}]*"pid":\([0-9]*\).*/\1/p'
}

mountpoint_now() {
    "$CCFS" -w "$raw" status --json | sed -n 's/.*"mountpoint":"\([^"]*\)".*/\1/p'
}

no_mount() {
    [[ -z $(mountpoint_now) ]]
}

not_mounted() {
    local record
    record=$(mountpoint_now)
    [[ -z $record ]] || fail "still mounted on $record"
    if [[ -n ${mnt:-} ]]; then
        ! grep -qF " $mnt " /proc/self/mounts || fail "still mounted on $mnt"
    fi
}
