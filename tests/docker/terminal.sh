#!/bin/bash
# terminal.sh - a person's terminal, and a session's in its container.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
# shellcheck source=tests/support/terminal.sh
. "$(dirname "$0")/../support/terminal.sh"
given_engine_and_workspace
given_terminal end_docker_test

expect 0 start
outer_shell 100
type_in "stty -a | tail -n +2 | cksum >'$work/stty.before'"

# a shell with job control, in the size of ours
type_in "'$CCFS' -w '$raw' shell; echo ended with \$?"
until_true "no shell" shows '/workspace/Projects'
type_in 'echo size $(stty size)'
until_true "the size is wrong" shows 'size 30 100'
resize 90
type_in 'sleep 1001'
until_true "what is typed does not run" pgrep -fx 'sleep 1001' >/dev/null
tmux_ send-keys C-c
type_in 'echo code $?'
until_true "Ctrl-C does not interrupt it" shows 'code 130'
type_in 'exit 9'
until_true "its exit code is lost" shows 'ended with 9'
type_in "stty -a | tail -n +2 | cksum >'$work/stty.after'"
until_true "no prompt" test -s "$work/stty.after"
cmp -s "$work/stty.before" "$work/stty.after" || fail "the terminal is not as it was"

# the terminal closes: the session stays
type_in "'$CCFS' -w '$raw' shell"
sleep 1
tmux_ kill-server
in_session 0 true

# the terminal closes on one command in a container of its own: nobody waits for it, it ends
tmux_ new-session -d -x 100 -y 30 "'$CCFS' -w '$raw' run --backend docker --session closed -- sleep 1000"
runs_closed() {
    docker top claude-code-env-closed 2>/dev/null | grep -q 'sleep 1000'
}
until_true "it does not run" runs_closed
tmux_ kill-server
closed_ended() {
    [[ -z $(docker ps -aq -f name=env-closed) ]]
}
until_true "a command outlives its terminal" closed_ended
expect 0 history --session closed

# Claude Code without a key says so itself: to one question, and in its own screen
slowly_shows() { # REGEX
    sleep 1
    tmux_ capture-pane -p -J | grep -qiE -- "$1"
}
tmux_ new-session -d -x 100 -y 40 "'$CCFS' -w '$raw' run --backend docker -- claude -p hello; sleep 1000"
until_true "Claude Code does not say that it has no key" slowly_shows 'log ?in|api key'
tmux_ kill-server

# what it asks for at its first start needs the internet, so it is answered before
"$CCFS" -w "$raw" exec -- sh -c 'cat >~/.claude.json' <<'END'
{"hasCompletedOnboarding": true, "theme": "dark", "projects": {"/workspace/Projects": {"hasTrustDialogAccepted": true}}}
END
until_true "the other terminal does not end" bash -c "! tmux -S '$socket' ls 2>/dev/null"
tmux_ new-session -d -x 110 -y 40 "'$CCFS' -w '$raw' claude; echo ended with \$?; sleep 1000"
until_true "Claude Code does not open its screen" slowly_shows '^❯'
type_in hello
until_true "Claude Code does not say that it has no key in its own screen" slowly_shows 'run /login|api key'
twice_interrupted() {
    tmux_ send-keys C-c
    sleep 0.3
    tmux_ send-keys C-c
    slowly_shows 'ended with'
}
until_true "Ctrl-C does not end it" twice_interrupted
expect 0 stop
