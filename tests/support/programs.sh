# programs.sh - what the tests that run real programs in a mount have in common.
#
# Sourced with the program ccfs as $1 or in $CCFS.  A test tells:
#   given_mount                 a workspace of its own, mounted: $raw is the folder, $mnt the mount
#   same_as_raw FUNCTION        runs it in a plain folder and in the mount: the results are equal
#   then_journal_tells COUNT    at least so many events, every line JSON, ids rising
#   then_undo_gives_back        everything since given_mount is undone: equal to the last bit
# It ends with 77 and a reason where it cannot run; nothing stays mounted, no folder stays behind.
# shellcheck shell=bash

# shellcheck source=tests/support/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/support/manifest.sh
. "$here/support/manifest.sh"

say() {
    printf '%s\n' "$*"
}

work=''
raw=''
mnt=''

ccfs() {
    "$CCFS" -w "$raw" "$@"
}

is_mounted() {
    grep -qF " $mnt " /proc/self/mounts
}

end() {
    local code=$?
    trap - EXIT
    cd /
    if [[ -n $mnt ]] && is_mounted; then
        ccfs umount >/dev/null 2>&1 || ccfs umount --lazy >/dev/null 2>&1 ||
            fusermount3 -uz "$mnt" 2>/dev/null || true
    fi
    if ((code != 0 && code != 77)) && [[ -n ${KEEP:-} ]]; then
        say "kept: $work"
    elif [[ -n $work ]]; then
        chmod -R u+rwX -- "$work" 2>/dev/null || true
        rm -rf -- "$work" || code=1
    fi
    exit "$code"
}

given_workspace() {
    need_fuse
    work=$(mktemp -d "${TMPDIR:-/tmp}/ccfs-programs.XXXXXX")
    raw=$work/workspace
    mnt=$work/mount
    trap end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ccfs init >/dev/null || fail "ccfs init"
}

# Takes the state that the undo must give back.
given_mount() {
    [[ -n $work ]] || given_workspace
    manifest "$raw" >"$work/before"
    ccfs mount "$mnt" >/dev/null || fail "ccfs mount"
    is_mounted || fail "ccfs mount returned, and nothing is mounted"
}

# Runs FUNCTION with a fresh folder as its current folder, once raw and once in the mount; compares
# what it left and what it said on stdout.
same_as_raw() { # FUNCTION
    mkdir "$work/plain" "$mnt/Projects/work"
    (cd "$work/plain" && "$1") >"$work/plain.said" || fail "$1 fails in a plain folder"
    (cd "$mnt/Projects/work" && "$1") >"$work/mount.said" || fail "$1 fails in the mount"
    manifest_same "$work/plain.said" "$work/mount.said" || fail "$1 says something else in the mount"
    manifest_of_results "$work/plain" >"$work/plain.results"
    manifest_of_results "$mnt/Projects/work" >"$work/mount.results"
    manifest_same "$work/plain.results" "$work/mount.results" ||
        fail "$1 leaves something else in the mount"
    manifest_of_results "$raw/Projects/work" >"$work/raw.results"
    manifest_same "$work/mount.results" "$work/raw.results" ||
        fail "the mount shows something else than the folder behind it"
}

# When the last mount began: what is done in a mount outside of `ccfs run` has no session.
mounted_since() {
    ccfs history --json --limit 1 --op mount | sed -n 's/.*"time":"\([^"]*\)".*/\1/p'
}

events_are_json() { # FILE
    if command -v jq >/dev/null; then
        jq -es 'all(.[]; has("id") and has("op") and has("path") and has("actor")) and
                ([.[].id] | . == sort)' "$1" >/dev/null
    elif command -v python3 >/dev/null; then
        python3 -c 'import json, sys
ids = [json.loads(line)["id"] for line in open(sys.argv[1])]
sys.exit(ids != sorted(ids))' "$1"
    else
        ! grep -vq '^{"id":[0-9]*,.*}$' "$1"
    fi
}

then_journal_tells() { # COUNT
    local count
    ccfs history --json --limit 0 >"$work/events" || fail "ccfs history --json"
    events_are_json "$work/events" || fail "the history is no JSON Lines, oldest first"
    count=$(wc -l <"$work/events")
    ((count >= $1)) || fail "the journal tells $count events, there must be $1 or more"
    ! grep -q '"outcome":"open"' "$work/events" || fail "the history shows a write that has not ended"
    say "journal: $count events"
}

then_journal_has() { # OP : at least one event
    grep -q "\"op\":\"$1\"" "$work/events" || fail "the journal tells of no $1"
}

# With the mount alive, or (MOUNTED=no) with none.
then_undo_gives_back() {
    local since began=$SECONDS
    cd /
    since=$(mounted_since)
    [[ -n $since ]] || fail "the history does not tell when the mount began"
    if [[ ${MOUNTED:-yes} == no ]]; then
        ccfs umount >/dev/null || fail "ccfs umount"
    fi
    ccfs undo --since "$since" --yes >"$work/undo.said" 2>&1 ||
        fail "ccfs undo --since $since: $(tail -n 5 "$work/undo.said")"
    if is_mounted; then
        (cd "$mnt" && find . -print0 | sort -z) >"$work/seen.mount"
        (cd "$raw" && find . -path ./.ccfs -prune -o -print0 | sort -z) >"$work/seen.raw"
        cmp -s "$work/seen.mount" "$work/seen.raw" ||
            fail "after the undo the mount lists other names than the folder behind it"
    fi
    manifest "$raw" >"$work/after"
    manifest_same "$work/before" "$work/after" || fail "the undo did not give everything back"
    say "undo: everything is back as it was ($((SECONDS - began)) s)"
}

# A program of tests/programs/src, built by the build or on the spot.
test_program() { # NAME
    local built=${CCFS_TEST_BIN:-}/tp_$1
    if [[ ! -x $built ]]; then
        need cc
        built=$work/tp_$1
        cc -O1 -D_GNU_SOURCE -I"$repository" -pthread -o "$built" "$here/programs/src/$1.c" ||
            fail "tests/programs/src/$1.c does not compile"
    fi
    printf '%s\n' "$built"
}

# This repository as something to work on: its own clone, or what lies here, committed.
repository_clone() { # DIR
    if git -C "$repository" rev-parse --git-dir >/dev/null 2>&1; then
        git clone --quiet --no-hardlinks -- "$repository" "$1"
        return
    fi
    mkdir -- "$1"
    tar -C "$repository" --exclude=./.git --exclude='./build*' --exclude=./deps -cf - . | tar -C "$1" -xf -
    git -C "$1" init --quiet
    git -C "$1" add .
    git -C "$1" -c user.name=tester -c user.email=tester@example.invalid commit --quiet -m start
}
