#!/bin/bash
# tour.sh - shows, on a workspace of its own in a temporary folder, what ccfs is for, and checks each
# step: an agent works, another one destroys, the history tells it, one command takes it back, and
# every path, content, mode, time, link and attribute is compared with the state before.
#
# Usage: tour.sh [CCFS]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
# shellcheck source=tests/support/manifest.sh
. "$repository/tests/support/manifest.sh"
CCFS=$(realpath -- "${1:-${CCFS:-$repository/build/ccfs}}")
unset CCFS_WORKSPACE
work=''

bold='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

columns=$(tput cols 2>/dev/null || true)
[[ $columns -ge 75 ]] || columns=105
((columns -= 5)) # its words are indented

# --- what one sees ----------------------------------------------------------------------------

step=0
chapter() { # TITLE
    step=$((step + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}

tell() { # TEXT
    printf '%s\n' "$*" | fold -s -w 92 | sed 's/^/   /; s/ *$//'
}

ok() { # WHAT WAS PROVED
    printf '   %sok%s  %s\n' "$green" "$plain" "$*"
}

fail() {
    printf '\n%sThe tour stops here:%s %s\n' "$red" "$plain" "$*" >&2
    exit 1
}

indented() {
    sed 's/^/     /'
}

# Shows a command as a user would type it, and runs it; its output is indented.
shown() { # ccfs-arguments...
    printf '\n   %s$ ccfs %s%s\n' "$bold" "$*" "$plain"
    ccfs "$@" 2>&1 | indented
    return "${PIPESTATUS[0]}"
}

# --- what is done -----------------------------------------------------------------------------

ccfs() {
    COLUMNS=$columns "$CCFS" -w "$workspace" "$@"
}

is_mounted() {
    ccfs status --json 2>/dev/null | grep -q '"mountpoint":"'
}

end() {
    local code=$?
    trap - EXIT
    cd /
    if [[ -n $work ]]; then
        ccfs umount --lazy >/dev/null 2>&1 || true
        chmod -R u+rwX -- "$work" 2>/dev/null || true
        rm -rf -- "$work"
    fi
    exit "$code"
}

check() { # COMMAND... -- MESSAGE : fails with it
    local command=()
    while [[ $1 != -- ]]; do
        command+=("$1")
        shift
    done
    "${command[@]}" || fail "$2"
}

state_of_workspace() {
    manifest "$workspace"
}

clone_this_repository() { # DIR
    if git -C "$repository" rev-parse --git-dir >/dev/null 2>&1; then
        git clone --quiet --no-hardlinks -- "$repository" "$1"
        # what is not committed yet is part of what is shown
        cp -- "$here/checksum.c" "$1/tests/tour/" 2>/dev/null || true
        return
    fi
    mkdir -- "$1"
    tar -C "$repository" --exclude=./.git --exclude='./build*' --exclude=./deps -cf - . | tar -C "$1" -xf -
    git -C "$1" init --quiet && git -C "$1" add .
    git -C "$1" -c user.name=you -c user.email=you@example.invalid commit --quiet -m start
}

given_files() {
    cd "$workspace"
    clone_this_repository Projects/ccfs
    printf 'order,amount\n1001,20.50\n1002,3.10\n' >imports/orders.csv
    cp "$here/work" "$here/attack" imports/
    seq 1 3000 >Documentation/long.txt
    printf '# The plan\n\n1. work\n2. rest\n' >Documentation/plan.md
    printf 'old letters\n' >Documentation/archive.txt
    mkdir -p Documentation/archive/2024/empty
    printf 'a good year\n' >Documentation/archive/2024/summary.md
    head -c 3145728 /dev/urandom >Research/samples.bin
    seq -f 'row %g' 1 500 >Research/results.csv
    printf 'first\n' >Research/a.txt
    printf 'second\n' >Research/b.txt
    printf 'started\n' >Research/log.txt
    ln -s samples.bin Research/link
    printf 'two names\n' >Research/one
    ln Research/one Research/twin
    printf 'a pair\n' >shared/pair-one
    ln shared/pair-one shared/pair-two
    mkdir shared/empty
    printf 'I was a file\n' >shared/was-a-file
    setfattr -n user.author -v 'you' Documentation/plan.md 2>/dev/null || true
    printf 'for you alone\n' >exports/summary.txt
    chmod 0600 Documentation/long.txt
    chmod 0751 Documentation/archive
    find Documentation Research shared -depth -exec touch -h -d '2025-03-04 05:06:07.123456789' {} +
    cd /
}

last_session() {
    ccfs history --json --limit 0 | grep -o '"session":[0-9][0-9]*' | tail -n 1 | cut -d: -f2
}

# Runs one of the two agents; its words are shown.
session() { # NAME
    local code=0
    printf '\n   %s$ ccfs run --session %s -- sh imports/%s%s\n' "$bold" "$1" "$1" "$plain"
    ccfs run --session "$1" --cd /workspace -- sh "/workspace/imports/$1" >"$work/$1.said" 2>"$work/$1.summary" ||
        code=$?
    indented <"$work/$1.said"
    indented <"$work/$1.summary"
    ((code == 0)) || fail "the session '$1' ended with $code"
    is_mounted && fail "the session is over, and the workspace still mounted"
    return 0
}

compare() { # BEFORE WHAT
    state_of_workspace >"$work/now"
    manifest_same "$1" "$work/now" || fail "$2: the workspace differs, see above"
}

# --- the tour ---------------------------------------------------------------------------------

[[ -x $CCFS ]] || fail "$CCFS is not there: ./setup.sh build makes it"
[[ -c /dev/fuse ]] || fail "there is no /dev/fuse here: as root, modprobe fuse"
work=$(mktemp -d "${TMPDIR:-/tmp}/ccfs-tour.XXXXXX")
workspace=$work/workspace
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

printf '%sA tour of ccfs.%s  It takes a few seconds and leaves nothing behind.\n' "$bold" "$plain"

chapter 'A workspace with your work in it'
shown init || fail "ccfs init"
given_files
state_of_workspace >"$work/at-first"
tell "In Projects there is now a clone of this repository, in Documentation and Research are" \
    "files of all kinds, in imports what an agent may read but not change: $(grep -c '^entry' "$work/at-first")" \
    "files and folders in all. You work in this folder as in any other."

chapter 'An agent works on it, in a sandbox'
tell 'It sees the workspace as /workspace and nothing else of yours; each change that it makes is' \
    'recorded before it happens.'
session work
check test -x "$workspace/Projects/ccfs/out/checksum" -- "the session built nothing"
check grep -q 'orders.csv' "$workspace/exports/checksums.txt" -- "nothing arrived in exports"
first=$(last_session)
state_of_workspace >"$work/before"
ok 'what it built, edited and wrote is in your folder; nothing is mounted any more'

chapter 'Another one is hostile'
tell 'It destroys whatever it can reach, and tries to get further.'
read_only=$(cat "$workspace"/imports/*)
session attack
second=$(last_session)
check test "$second" -gt "$first" -- "the attack has no session of its own in the history"
check test ! -e "$workspace/Projects/ccfs" -- "the attack deleted nothing"
check test "$(cat "$workspace"/imports/*)" = "$read_only" -- "imports was changed"
ok 'the project, its git history and the plan are gone; imports is untouched, exports was not read'

chapter 'What happened?'
shown history --session "$second" --limit 0 || fail "ccfs history"
ccfs history --session "$second" --json --limit 0 >"$work/events"
denied=$(grep -c '"outcome":"denied"' "$work/events" || true)
check test "$denied" -ge 6 -- "only $denied refusals are in the history"
for op in unlink rmdir write truncate rename chmod utimens symlink create mkdir; do
    check grep -q "\"op\":\"$op\"" "$work/events" -- "the history tells of no $op"
done
event=$(grep '"op":"write"' "$work/events" | grep '"path":"Documentation/plan.md"' | head -n 1 |
    grep -o '^{"id":[0-9]*' | cut -d: -f2 || true)
check test -n "$event" -- "the history does not tell that the plan was overwritten"
tell '' 'One event in full:'
shown show "$event" >"$work/shown" || fail "ccfs show $event"
grep -v 'child of' "$work/shown" # its parents on this machine
ok "$(wc -l <"$work/events") events, $denied of them refusals"

chapter 'Take it back'
shown undo --session "$second" --yes || fail "ccfs undo --session $second"
compare "$work/before" "after the undo of the attack"
git -C "$workspace/Projects/ccfs" -c safe.directory='*' fsck --full --no-progress --no-dangling ||
    fail "git finds the project damaged"
ok "$(grep -c '^entry' "$work/now") paths compared with the state before the attack: content, mode, owner,"
printf '       time (in ns), links and attributes are the same, of folders too; git fsck is content\n'

chapter 'And the first session too'
shown undo --session "$first" --yes || fail "ccfs undo --session $first"
compare "$work/at-first" "after the undo of the first session"
ok 'the workspace is what it was before any agent came'

printf '\n%sThat was it.%s What was done: two sessions, %s recorded events, two undos, every bit back.\n' \
    "$bold" "$plain" "$(ccfs history --json --limit 0 | wc -l)"
printf 'Next: ./setup.sh run opens a shell in a session on your own workspace.\n'
