#!/bin/bash
# news.sh - a session is ended from outside, or its memory runs out: it ends, or goes on, and a line
# says what happened.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_engine_and_workspace

given_session() {
    : >"$raw/.ccfs/daemon.log"
    expect 0 start
}

# --- killed from outside ---
given_session
docker kill claude-code-env >/dev/null
log_says 'claude-code-env: the Engine was asked to end it (signal 9)'
log_says 'claude-code-env ended, with exit code 137'
until_true "something survives" nothing_runs
expect 1 exec -- true
warned 'does not run; first: ccfs start'

# --- its holder: the network is gone, so the session ends ---
given_session
docker rm -f claude-code-env-net >/dev/null
log_says 'claude-code-env-net was ended from outside'
until_true "the session goes on without its network" nothing_runs

# --- paused, and other containers, which are nobody's news ---
given_session
docker run -d --rm --name claude-code-env-other --network none claude-code-container sleep 1000 >/dev/null
docker kill claude-code-env-other >/dev/null
docker pause claude-code-env >/dev/null
log_says 'claude-code-env is paused'
docker unpause claude-code-env >/dev/null
log_says 'claude-code-env is no longer paused'
! logged claude-code-env-other || fail "it tells of another container"
in_session 0 true
expect 0 stop
log_says 'the Engine was asked to end it (signal 15)'

# --- memory ---
echo '{"container": {"memory": "64m"}}' >"$raw/.ccfs/config.json"
given_session
in_session 137 python3 -c 'x = bytearray(512 << 20)'
log_says 'claude-code-env: memory ran out, and a process of it was killed; more: container.memory'
in_session 0 true
expect 0 stop
expect 137 run --backend docker -- python3 -c 'x = bytearray(512 << 20)'
warned 'memory ran out, and a process of it was killed; more: container.memory'
rm "$raw/.ccfs/config.json"

# --- one command in a container of its own ---
"$CCFS" -w "$raw" run --backend docker --session alone -- sleep 1000 2>"$work/alone" &
run=$!
until_true "it does not start" bash -c 'docker top claude-code-env-alone 2>/dev/null | grep -q "sleep 1000"'
docker kill claude-code-env-alone >/dev/null
code=0
wait "$run" || code=$?
((code != 0)) || fail "a killed run ends with 0"
grep -q 'claude-code-env-alone: the Engine was asked to end it (signal 9)' "$work/alone" || fail "run does not say it: $(<"$work/alone")"
not_mounted
