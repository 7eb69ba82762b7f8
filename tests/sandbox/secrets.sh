#!/bin/bash
# secrets.sh - a session has its workspace's secrets as files in memory, and nobody else has them.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
given_folder
export HOME=$work/home
mkdir "$HOME"
given_workspace
readonly value=correct-horse-battery

# --- without secrets there is no place for them ---
inside 0 '! ls /run/secrets'

"$CCFS" -w "$raw" secret set TOKEN <<<"$value" >/dev/null
printf 'one\ntwo\n' | "$CCFS" -w "$raw" secret set LINES >/dev/null

# --- as files: in memory, one's own, read-only ---
inside 0 'cat /run/secrets/TOKEN'
[[ $out == "$value" ]] || fail "the file says otherwise"
inside 0 'stat -c "%a %u %n" /run/secrets /run/secrets/*; id -u'
[[ $out == $'500 1000 /run/secrets\n400 1000 /run/secrets/LINES\n400 1000 /run/secrets/TOKEN\n1000' ]] ||
    fail "they belong to others, or are open to them"
inside 0 'grep " /run/secrets " /proc/self/mounts'
[[ $out == 'tmpfs /run/secrets tmpfs ro,nosuid,nodev,'* ]] || fail "they are not in memory: $out"
inside 0 '! echo x 2>/dev/null >/run/secrets/TOKEN && ! rm -f /run/secrets/TOKEN 2>/dev/null &&
    ! touch /run/secrets/new 2>/dev/null && cat /run/secrets/TOKEN'
[[ $out == "$value" ]] || fail "a session can change them"
inside 0 'ls -A /workspace /workspace/*'
[[ $out != *secret* && $out != *TOKEN* ]] || fail "they are in the workspace"

# --- as variables only where that is asked for ---
inside 0 'echo "[$TOKEN]"'
[[ $out == '[]' ]] || fail "it is a variable unasked"
expect 0 run --secret-env TOKEN --secret-env LINES -- sh -c 'echo "[$TOKEN][$LINES]"'
[[ $out == "[$value]"$'[one\ntwo]' ]] || fail "the variables are $out"
echo '{"secrets": {"env": ["TOKEN"]}}' >"$raw/.ccfs/config.json"
inside 0 'echo "[$TOKEN][$LINES]"'
[[ $out == "[$value][]" ]] || fail "the configuration's variable is $out"
expect 1 run --secret-env NOTHING -- true
warned 'no secret NOTHING; first: ccfs secret set NOTHING'
expect 2 run --secret-env a/b -- true
printf 'a\0b' | "$CCFS" -w "$raw" secret set BINARY >/dev/null
expect 1 run --secret-env BINARY -- true
warned 'holds a NUL'
inside 0 'wc -c </run/secrets/BINARY'
[[ $out == 3 ]] || fail "a NUL is lost in the file"
echo '{"secrets": {"env": ["1X"]}}' >"$raw/.ccfs/config.json"
expect 3 run -- true
warned 'secrets.env.1:'
rm "$raw/.ccfs/config.json"

# --- while it runs: nobody on the host is told, by ps or by an environment ---
"$CCFS" -w "$raw" run --secret-env TOKEN -- sh -c 'echo started >started; exec sleep 1000' >/dev/null 2>&1 &
run=$!
until_true "it does not start" test -e "$raw/Projects/started"
sleeper=$(pgrep -f '^sleep 1000$' -n)
seen=0
for process in /proc/[0-9]*; do
    [[ ${process#/proc/} != "$sleeper" ]] || continue
    if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | holds "$value"; then
        fail "ps shows it: $(tr '\0' ' ' <"$process/cmdline" | cut -c 1-60)"
    fi
    if grep -qaF "TOKEN=$value" "$process/environ" 2>/dev/null; then
        fail "the environment of $(<"$process/comm") shows it"
    fi
    seen=$((seen + 1))
done
((seen > 3)) || fail "no process was looked at"
grep -qaF "TOKEN=$value" "/proc/$sleeper/environ" || fail "the command itself has it not: nothing was tried"
kill "$run"
wait "$run" || true
! grep -qF ' /run/secrets ' /proc/self/mounts || fail "the mount is seen outside"

# --- the agent puts it on command lines of its own: they are recorded without it ---
"$CCFS" -w "$raw" run --session careless --secret-env TOKEN -- sh -c '
    sh -c ": >first" sh "$TOKEN"
    until [ -e go ]; do sleep 0.1; done
    sh -c ": >second; : " "--token=$TOKEN"' >/dev/null 2>&1 &
run=$!
until_true "it does not start" test -e "$raw/Projects/first"
"$CCFS" -w "$raw" secret set TOKEN <<<"another-$value-now" >/dev/null # the session still has the one before
"$CCFS" -w "$raw" secret set LATER <<<'was-set-while-it-runs' >/dev/null
touch "$raw/Projects/go"
wait "$run" || fail "it did not end well"
expect 0 run -- sh -c ': >third' sh was-set-while-it-runs
for file in first second; do
    expect 0 history "Projects/$file" --json
    said '[secret TOKEN]'
done
expect 0 history Projects/third --json
said '[secret LATER]'
expect 0 history
[[ $out != *"$value"* && $out != *was-set-while* ]] || fail "the history shows it"

# --- and afterwards: no history, no backup, no file of the workspace ---
expect 0 history --json
[[ $out != *"$value"* ]] || fail "the history shows it"
expect 0 backup "$work/backup.tar.gz" --with-journal
gzip -dc "$work/backup.tar.gz" | lacks "$value" || fail "the backup has it"
! grep -rqaF "$value" "$raw" || fail "the workspace has it"
not_mounted
