#!/bin/bash
# destroy.sh - the workspace itself goes: by its name only, with a backup where one is wished, and not
# at all where the backup cannot be made.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
given_folder
export DOCKER_HOST=unix://$work/no-engine HOME=$work/home
mkdir "$HOME"

archives() {
    find "$HOME" -name 'claude-workspace-*.tar.gz' | wc -l
}

# destroy on a terminal, where ANSWER... are typed; what it showed is in $out
typed() { # CODE ANSWER...
    local want=$1 code=0
    shift
    python3 - "$CCFS" "$raw" "$@" >"$work/out" <<'END' || code=$?
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "-w", sys.argv[2], "destroy"])
answers, shown = sys.argv[3:], b""
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if shown.endswith((b"name: ", b"[Y/n] ")) and answers:
        os.write(fd, (answers.pop(0) + "\n").encode())
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
    out=$(<"$work/out")
    ((code == want)) || fail "destroy on a terminal ended with $code, not $want"
}

# --- scripts ---
given_workspace
echo mine >"$raw/Projects/mine"
expect 4 destroy
warned '--yes-destroy'
expect 4 destroy --yes-destroy other --backup
expect 2 destroy --yes-destroy workspace --backup --no-backup
[[ $(archives) == 0 && -e $raw/Projects/mine ]] || fail "the wrong name does something"
ln -s "$raw/Projects" "$work/inside" # where no backup may be
HOME=$work/inside expect 2 destroy --yes-destroy workspace --backup
warned 'nothing was deleted, because the backup was not made'
[[ -e $raw/Projects/mine ]] || fail "it is deleted without its backup"
expect 0 destroy --yes-destroy workspace --backup
said 'is gone'
[[ ! -e $raw && $(archives) == 1 ]] || fail "it goes without a backup"
"$CCFS" restore-backup "$HOME"/claude-workspace-*.tar.gz "$raw" >/dev/null
[[ $(<"$raw/Projects/mine") == mine && -e $raw/.ccfs/journal.db ]] || fail "the backup is not whole"
expect 0 destroy --yes-destroy workspace
[[ ! -e $raw && $(archives) == 1 ]] || fail "a script gets a backup that it did not ask for"

# --- what is mounted in its folder lies elsewhere: nothing goes, there and here ---
if ((EUID == 0)) && unshare -m true 2>/dev/null; then
    given_workspace
    mkdir "$work/elsewhere"
    echo precious | tee "$work/elsewhere/file" >"$raw/Documentation/here"
    # shellcheck disable=SC2016
    code=0
    errs=$(unshare -m sh -c 'mount --bind "$3" "$2/shared" && exec "$1" -w "$2" destroy --yes-destroy workspace' \
        - "$CCFS" "$raw" "$work/elsewhere" 2>&1) || code=$?
    ((code == 8)) || fail "destroy of a folder with a mount in it ended with $code"
    warned 'something is mounted in'
    [[ -e $work/elsewhere/file && -e $raw/Documentation/here ]] || fail "it deletes what is mounted, or half of all"
    expect 0 destroy --yes-destroy workspace
fi

# --- what an agent does to stay: folders without rights, and deeper than anybody has descriptors ---
given_workspace
mkdir -p "$raw/Projects/$(printf 'd/%.0s' {1..1500})"
mkdir -p "$raw/Projects/locked/in"
touch "$raw/Projects/locked/in/file"
chmod 500 "$raw/Projects/locked/in"
chmod 000 "$raw/Projects/locked"
expect 4 backup "$work/deep.tar.gz"
warned 'the backup is not whole'
tar -tzf "$work/deep.tar.gz" >"$work/list"
grep -q 'Projects/d/d/d' "$work/list" || fail "what is not too deep is not in the backup"
expect 1 incident --output "$work/incident.tar.gz"
warned 'the backup is not whole'
tar -tzf "$work/incident.tar.gz" >"$work/list"
grep -q 'backup.tar.gz$' "$work/list" || fail "an agent keeps the backup out of an incident"
expect 4 destroy --yes-destroy workspace --backup
[[ -e $raw/Projects/d ]] || fail "it is deleted without a whole backup"
if ((EUID == 0)) && id games >/dev/null 2>&1; then
    cp "$CCFS" "$work/ccfs"
    chmod 755 "$work"
    chown -R games: "$raw"
    mkdir "$work/theirs"
    mv "$raw" "$work/theirs/workspace"
    chown games: "$work/theirs"
    theirs() {
        env -i PATH="$PATH" HOME="$work/theirs" setpriv --reuid games --regid games --clear-groups \
            "$work/ccfs" -w "$work/theirs/workspace" "$@"
    }
    errs=$(theirs backup 2>&1) && fail "what cannot be read is taken for packed"
    warned 'the backup is not whole: 2 files and folders'
    theirs destroy --yes-destroy workspace >/dev/null || fail "an agent holds its workspace"
    [[ ! -e $work/theirs/workspace ]] || fail "something is left"
else
    expect 0 destroy --yes-destroy workspace
fi

# --- a hostile name ---
raw=$work/$'a\33[31mb'
given_workspace
expect 0 destroy --yes-destroy $'a\33[31mb'
[[ $out != *$'\33'* && ! -e $raw ]] || fail "the workspace's name reaches the terminal"
raw=$work/workspace

# --- on a terminal it is offered ---
if command -v python3 >/dev/null; then
    rm "$HOME"/claude-workspace-*
    given_workspace
    typed 4 other
    [[ $out != *backup* ]] || fail "it offers a backup before it knows that it is meant"
    typed 0 workspace ''
    [[ ! -e $raw && $(archives) == 1 && $out == *'Make a backup first'* ]] || fail "Enter is not yes: $out"
    rm "$HOME"/claude-workspace-*
    given_workspace
    typed 0 workspace x n
    [[ ! -e $raw && $(archives) == 0 ]] || fail "n is not no"
fi
