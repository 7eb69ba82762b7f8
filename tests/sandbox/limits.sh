#!/bin/bash
# limits.sh - a session cannot take all memory, all processes, all open files.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
given_workspace

printf '%s\n' '{"sandbox":{"memory":"64m","processes":40,"files":100,"tmp":"16m"}}' >"$raw/.ccfs/config.json"
chmod 600 "$raw/.ccfs/config.json"

expect 0 run --verbose -- true
warned 'memory is bounded by'
inside 0 'ulimit -n; ulimit -c'
[[ $out == $'100\n0' ]] || fail "open files or core dumps are not bounded"

# a fork bomb of three hundred meets its bound, and the machine stays
inside 0 'i=0; while [ $i -lt 300 ] && sh -c "sleep 3 &" 2>/dev/null; do i=$((i + 1)); done; [ $i -lt 60 ]'

# memory
expect_killed() {
    local code=0
    "$CCFS" -w "$raw" run -- sh -c "$1" >/dev/null 2>&1 || code=$?
    ((code != 0)) || fail "it got more memory than it may have"
}
expect_killed 'x=$(head -c 200000000 /dev/zero | tr "\0" x); echo ${#x}'

# its own /tmp
inside 0 '! head -c 30000000 /dev/zero >/tmp/big 2>/dev/null'
not_mounted
