#!/bin/bash
# conflicts.sh - what was changed outside is left or replaced as its owner says, and what later events stand
# in the way is taken along; with the mount alive and with none.  Exit 4 whenever something is left.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"

ends_with() { # CODE COMMAND...
    local want=$1 code=0
    shift
    "$@" >"$work/out" 2>"$work/err" || code=$?
    ((code == want)) || fail "$* ends with $code, not $want: $(cat "$work/out" "$work/err")"
}

tells() { # FILE TEXT
    grep -qF -- "$2" "$work/$1" || fail "it does not say \"$2\": $(cat "$work/$1")"
}

holds() { # FILE TEXT
    [[ $(cat "$raw/Research/$1") == "$2" ]] || fail "$1 holds $(cat "$raw/Research/$1"), not $2"
}

an_edited_file() {
    local since
    sleep 1
    since=$(date +%Y-%m-%dT%H:%M:%S)
    echo agent >"$mnt/Research/plan"
    echo agent >"$mnt/Research/notes"
    [[ $1 == alive ]] || ccfs umount >/dev/null
    echo hand >"$raw/Research/plan"

    ends_with 4 ccfs undo --path Research --yes
    tells err "nothing was undone"
    tells err "changed outside ccfs"
    tells err "leave it: --skip-conflicts    replace it (a copy is kept): --force"
    holds plan hand
    holds notes agent
    ends_with 4 ccfs undo --path Research --yes
    ccfs history --op external --json --since "$since" >"$work/out"
    (($(wc -l <"$work/out") == 1)) || fail "the change outside is not on record once: $(<"$work/out")"
    ends_with 0 ccfs history --since "$since"
    tells out "changed outside ccfs"

    ends_with 4 ccfs undo --path Research --skip-conflicts --dry-run
    holds notes agent
    ends_with 4 ccfs undo --path Research --skip-conflicts --yes
    tells err "1 thing is left as it is"
    tells out "done: 1 put back"
    holds plan hand
    holds notes notes
    ends_with 4 ccfs undo --path Research --skip-conflicts --yes

    ends_with 0 ccfs undo --path Research --force --yes
    holds plan plan
    ends_with 0 ccfs redo --yes
    holds plan hand
    ends_with 0 ccfs undo --path Research --force --yes
    holds plan plan
}

a_chain() {
    local made
    mkdir "$mnt/Research/new"
    ccfs history --json --op mkdir --limit 1 >"$work/events"
    made=$(sed 's/^{"id":\([0-9]*\),.*/\1/' "$work/events")
    echo later >"$mnt/Research/new/file"
    [[ $1 == alive ]] || ccfs umount >/dev/null
    ends_with 4 ccfs undo "$made" --yes
    tells err "#$made mkdir"
    tells err "undo that too: --with-dependents"
    ends_with 0 ccfs undo "$made" --with-dependents --yes
    [[ ! -e $raw/Research/new ]] || fail "the folder is still there"
}

# Its events have nothing to do any more, but belong to the choice: they are not in the way of it.
a_file_in_a_folders_place() {
    local since
    echo first >"$mnt/Research/entry"
    sleep 1
    since=$(date +%Y-%m-%dT%H:%M:%S)
    rm "$mnt/Research/entry"
    mkdir "$mnt/Research/entry"
    echo agent >"$mnt/Research/entry/file"
    ends_with 0 ccfs undo --since "$since" --path Research --yes
    ends_with 0 ccfs redo --yes
    [[ $1 == alive ]] || ccfs umount >/dev/null
    rm -r "$raw/Research/entry"
    echo hand >"$raw/Research/entry"
    ends_with 4 ccfs undo --since "$since" --path Research --yes
    holds entry hand
    ends_with 0 ccfs undo --since "$since" --path Research --force --yes
    holds entry first
    ends_with 0 ccfs redo --yes
    holds entry hand
}

given_workspace
mkdir -p "$raw/Research"
for name in plan notes; do
    echo "$name" >"$raw/Research/$name"
done
given_mount
an_edited_file alive
a_chain alive
an_edited_file ended
ccfs mount "$mnt" >/dev/null || fail "ccfs mount"
a_chain ended
ccfs mount "$mnt" >/dev/null || fail "ccfs mount"
a_file_in_a_folders_place alive
a_file_in_a_folders_place ended
say "left, replaced and taken along, with the mount alive and with none"
