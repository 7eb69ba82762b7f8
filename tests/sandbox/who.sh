#!/bin/bash
# who.sh - a command cannot get out of its session, nor become nobody, whatever it does.
# shellcheck disable=SC2016 # those expressions are for the shell inside
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
given_workspace

events() { # OPERATION: how many, and in which sessions
    "$CCFS" -w "$raw" history --json --op "$1" | sed 's/.*"session":\([^,]*\),.*/\1/' | sort | uniq -c |
        tr -s ' '
}

# a long line of processes, none of which has touched the workspace before the last one does
echo precious >"$raw/Projects/far"
inside 0 'down() { if [ "$1" -gt 0 ]; then (down $(($1 - 1)); :); else rm far; fi; }; down 100'
[[ $(events unlink) == ' 1 1' ]] || fail "a distant descendant is in no session"

# a process that ends at once, whose child goes on
inside 0 'for i in 1 2 3 4 5 6 7 8; do (mkdir "left$i" & exec true); done; sleep 0.3'
[[ $(events mkdir) == ' 8 2' ]] || fail "an orphan is in no session"

# no descriptors are left to the daemon: what it cannot know the author of is refused
for i in 1 2 3; do echo precious >"$raw/Projects/kept$i"; done
(
    ulimit -n 400
    expect 0 run -- bash -c 'hold() { for ((i = 0; i < 350; i++)); do exec {fd}<kept1 || break; done; sleep 1; }
        (hold) & (hold) & (hold) & sleep 0.6
        rm -f kept2; mv kept3 moved; echo x >kept1; mkdir new; wait; true'
    warned 'Too many open files'
)
! "$CCFS" -w "$raw" history --json --since 1m |
    grep -qE '"session":null.*"op":"(unlink|rename|write|truncate|create|mkdir)"' ||
    fail "a change is in no session"
"$CCFS" -w "$raw" undo --session 3 --yes >/dev/null
[[ $(cat "$raw"/Projects/kept[123]) == $'precious\nprecious\nprecious' ]] || fail "it is not as it was"
[[ ! -e $raw/Projects/new ]] || fail "it is not as it was"
not_mounted
