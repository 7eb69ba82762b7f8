#!/bin/bash
# terminal.sh - a shell with job control and resizing, on a terminal of its own.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
# shellcheck source=tests/support/terminal.sh
. "$(dirname "$0")/../support/terminal.sh"
given_workspace
given_terminal end_session_test

outer_shell 90
type_in "stty -a | cksum >'$work/stty.before'"
type_in "'$CCFS' -w '$raw' run -- bash --norc --noprofile -i; echo ended with \$?"
until_true "no shell" shows 'bash-'
type_in 'echo size $(stty size)'
until_true "the size is wrong" shows 'size 30 90'
resize 100

# Ctrl-Z and Ctrl-C mean the program inside
marker=$((70000 + RANDOM))
is_asleep() {
    [[ $(ps -o state= -p "$(pgrep -fx "sleep $marker")" 2>/dev/null) == S ]]
}
type_in "sleep $marker"
until_true "what is typed does not run" is_asleep
tmux_ send-keys C-z
until_true "Ctrl-Z does not stop it" shows 'Stopped'
type_in 'fg'
until_true "fg does not wake it" is_asleep
tmux_ send-keys C-c
type_in 'echo code $?'
until_true "Ctrl-C does not interrupt it" shows 'code 130'
if shows 'no job control'; then
    fail "bash has no job control"
fi

type_in 'exit 7'
until_true "the exit code is lost" shows 'ended with 7'
type_in "stty -a | cksum >'$work/stty.after'"
until_true "no word of the terminal" test -s "$work/stty.after"
cmp -s "$work/stty.before" "$work/stty.after" || {
    # the window was resized meanwhile: compare all but the size
    type_in "stty -g >'$work/stty.g'"
    until_true "no word of the terminal" test -s "$work/stty.g"
    shows 'outer>' || fail "the terminal was not put back"
}
not_mounted
