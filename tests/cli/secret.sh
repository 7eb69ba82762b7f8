#!/bin/bash
# secret.sh - what is kept for sessions: where, for whom, and that its value shows up nowhere.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need python3
given_folder
export HOME=$work/home
mkdir "$HOME"
given_workspace
readonly value=correct-horse-battery

keep() { # NAME: value on stdin
    local code=0
    "$CCFS" -w "$raw" secret set "$1" >"$work/out" 2>"$work/err" || code=$?
    out=$(<"$work/out") errs=$(<"$work/err")
    return "$code"
}

refuses() { # CODE TEXT NAME: value on stdin
    local code=0
    keep "$3" || code=$?
    ((code == $1)) || fail "secret set $3 ended with $code, not $1"
    one_line
    warned "$2"
}

shows_nothing() {
    [[ $out$errs != *"$value"* ]] || fail "the value is shown"
}

expect 0 secret list
said 'no secrets; to keep one'

# --- kept, replaced, listed, removed ---
keep TOKEN <<<"$value" || fail "a value is not kept"
said 'kept TOKEN'
shows_nothing
store=$(echo "$HOME"/.config/ccfs/secrets/workspace-*)
[[ -d $store ]] || fail "where is it?"
[[ $(stat -c %a "$HOME/.config/ccfs/secrets" "$store" "$store/TOKEN") == $'700\n700\n600' ]] || fail "others can look into it"
[[ $(<"$store/TOKEN") == "$value" && $(stat -c %s "$store/TOKEN") == "${#value}" ]] || fail "it is kept otherwise than given"
! grep -rqF "$value" "$raw" || fail "the value is in the workspace"
keep TOKEN <<<"$value-2" || fail "a value is not replaced"
said 'replaced TOKEN'
printf 'one\ntwo\n' | keep LINES || fail "two lines are not kept"
[[ $(wc -l <"$store/LINES") == 2 ]] || fail "a text lost its last newline"
expect 0 secret list
[[ $out == 'LINES '*$'\n''TOKEN '*new ]] || fail "the list is $out"
shows_nothing
expect 0 secret list --json
said '{"name":"TOKEN","bytes":23,"changed":'
[[ $(ls -A "$store") == $'LINES\nTOKEN' ]] || fail "something is left beside them"
expect 0 secret remove LINES
expect 1 secret remove LINES
warned 'has no secret LINES'

# --- each workspace its own ---
"$CCFS" -w "$work/other" init >/dev/null
[[ $("$CCFS" -w "$work/other" secret list) == 'no secrets;'* ]] || fail "another workspace has it too"

# --- what is wrong is said, in one line, without the value ---
expect 2 secret set TOKEN "$value"
one_line
warned 'a value is never an argument'
shows_nothing
expect 2 secret set
warned 'wants the secret'
expect 2 secret sell TOKEN
expect 2 secret list TOKEN
for name in a/b ../TOKEN '' 1TOKEN 'TO KEN' .new TOKÉN "$(printf 'N%.0s' {1..100})"; do
    refuses 2 'cannot name a secret' "$name" <<<"$value"
done
refuses 2 'the value is empty' EMPTY </dev/null
refuses 2 'the value is empty' EMPTY <<<''
refuses 2 'the value is empty' EMPTY <&-
refuses 2 'larger than 64 KiB' LARGE < <(head -c 65537 /dev/zero | tr '\0' x)
head -c 65536 /dev/zero | tr '\0' x | keep LARGEST || fail "64 KiB are not kept"
expect 0 secret remove LARGEST
[[ $(ls -A "$store") == TOKEN ]] || fail "a refused value left something behind"

# --- what others could have read is not given to anybody ---
chmod 640 "$store/TOKEN"
expect 7 secret list
one_line
chmod 600 "$store/TOKEN"
chmod 755 "$store"
expect 7 secret list
chmod 700 "$store"
mv "$store/TOKEN" "$work/elsewhere"
ln -s "$work/elsewhere" "$store/TOKEN"
expect 1 secret list
rm "$store/TOKEN"

# --- not where the agent would find it ---
(
    export HOME=$work/other
    raw=$work/other
    code=0
    keep TOKEN <<<"$value" || code=$?
    ((code == 4)) || fail "a secret is kept in the workspace"
    ! grep -rqF "$value" "$work/other" || fail "it was, for a moment"
)

# --- typed: not shown, and the terminal is as it was, also after Ctrl-C ---
cat >"$work/type.py" <<'PY'
import os, pty, signal, sys, termios, time

def run(keys):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    said = b""
    while b"not shown" not in said:
        said += os.read(fd, 1000)
    before_echo = True
    while before_echo:  # it asks once it shows nothing
        before_echo = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
        time.sleep(0.01)
    os.write(fd, keys)
    try:
        while True:
            more = os.read(fd, 1000)
            if not more:
                break
            said += more
    except OSError:
        pass
    return said.decode(), os.waitpid(pid, 0)[1]

said, status = run(b"typed-secret\n")
assert status == 0 and "typed-secret" not in said and "kept TYPED" in said, (said, status)
said, status = run(b"half\x03")
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, (said, status)
said, status = run(b"\n")
assert os.WEXITSTATUS(status) == 2 and "empty" in said, (said, status)
said, status = run(b"x" * 4200 + b"\n")
assert os.WEXITSTATUS(status) == 2 and "on stdin" in said, (said, status)
PY
python3 "$work/type.py" "$CCFS" -w "$raw" secret set TYPED || fail "typing a value"
[[ $(<"$store/TYPED") == typed-secret ]] || fail "what was typed is kept otherwise"

# --- with the workspace they go ---
expect 0 destroy --yes-destroy workspace
[[ -z $(ls -A "$store") ]] || fail "the workspace is gone, its secrets are not"
