#!/bin/bash
# endings.sh - however a session ends: the command gone, unmounted, drained, the right exit code.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
given_workspace

# by itself
inside 0 'true'
warned 'nothing changed'
[[ $errs != *$'\n'*$'\n'* ]] || fail "more than one line for nothing"
inside 42 'exit 42'
inside 137 'kill -KILL $$'
expect 127 run -- nosuchprogram
expect 126 run -- /etc/passwd
not_mounted

# stdout is the command's alone
inside 0 'echo data; echo x >file'
[[ $out == data ]] || fail "stdout holds more than the command's"
warned 'created 1'
warned 'ccfs undo --session'

# what it left running goes with it
marker=$((70000 + RANDOM))
inside 0 "sleep $marker & setsid sleep $marker & exit 0"
! pgrep -fx "sleep $marker" >/dev/null || fail "something is left running"

start() { # begins a session that lasts, sets $session to its process
    rm -f "$raw/Projects/started"
    "$CCFS" -w "$raw" run -- sh -c "echo x >started; exec sleep $marker" >"$work/out" 2>"$work/err" &
    session=$!
    until_true "the session did not begin" test -e "$raw/Projects/started"
}

nothing_left() {
    ! pgrep -fx "sleep $marker" >/dev/null
}

for signal in INT TERM HUP QUIT; do
    start
    kill -s "$signal" "$session" 2>/dev/null || fail "the session is gone"
    code=0
    wait "$session" || code=$?
    ((code == 128 + $(kill -l "$signal"))) || fail "SIG$signal gave exit $code"
    nothing_left || fail "after SIG$signal something is left running"
    not_mounted
    grep -q 'ccfs undo --session' "$work/err" || fail "no summary after SIG$signal"
done

# killed outright: the kernel and the daemon clean up
start
kill -KILL "$session"
wait "$session" 2>/dev/null || true
until_true "something is left running after SIGKILL" nothing_left
until_true "the mount stayed after SIGKILL" no_mount

# the daemon is killed: nothing goes on without its mount
for _ in 1 2 3 4 5; do
    start
    mountpoint=$(mountpoint_now)
    kill -KILL "$(daemon_pid)"
    code=0
    wait "$session" || code=$?
    ((code == 1)) || fail "without its mount the session ended with $code"
    nothing_left || fail "it went on without its mount"
    not_mounted
    ! grep -qF " $mountpoint " /proc/self/mounts || fail "the dead mount stayed"
done

# many at once share a mount, which goes with the last
for i in 1 2 3 4; do
    "$CCFS" -w "$raw" run -- sh -c "echo $i >many.$i; sleep 0.$i" >/dev/null 2>"$work/err.$i" &
    jobs[i]=$!
done
for i in 1 2 3 4; do
    wait "${jobs[i]}" || fail "session $i of four ended with $?: $(<"$work/err.$i")"
    [[ -e $raw/Projects/many.$i ]] || fail "session $i wrote nothing"
done
not_mounted

# a mount that a person made stays
expect 0 mount
inside 0 'true'
[[ -n $(mountpoint_now) ]] || fail "the session unmounted what it had not mounted"
expect 0 umount
