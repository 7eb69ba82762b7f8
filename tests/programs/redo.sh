#!/bin/bash
# redo.sh - an undo is taken back, and what it had undone is there again, bit for bit; that is taken
# back too.  With the mount alive and with none.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"

then_is_as() { # MANIFEST WHAT
    manifest "$raw" >"$work/now"
    manifest_same "$1" "$work/now" || fail "not as it was: $2"
}

work_on_files() {
    cd "$mnt/Research"
    rm -r tree
    mkdir -p new/deep/er
    echo made >new/deep/er/file
    ln new/deep/er/file new/link
    mv notes renamed
    echo more >>renamed
    : >large
    chmod 600 small
    touch -d 2001-01-01 small
    ln -s small new/pointer
    cd /
}

redo_both_ways() {
    local redone
    ccfs undo --path Research --yes >"$work/said" || fail "undo ends with $?"
    grep -q 'The way back: ccfs redo$' "$work/said" || fail "undo does not tell the way back"
    then_is_as "$work/before" "after the undo"
    ccfs redo --dry-run >"$work/said" || fail "redo --dry-run ends with $?"
    then_is_as "$work/before" "after a dry run"
    ccfs redo --yes >"$work/said" || fail "redo ends with $?"
    redone=$(sed -n 's/.*The way back: ccfs redo \([0-9]*\)$/\1/p' "$work/said")
    then_is_as "$work/worked" "after the redo"
    ccfs redo --yes | grep -q '^nothing to redo' || fail "a redo is redone"
    then_is_as "$work/worked" "after a redo of nothing"
    ccfs redo "$redone" --yes >/dev/null || fail "redo $redone ends with $?"
    then_is_as "$work/before" "after the redo of the redo"
    ccfs redo --yes >/dev/null || fail "the last redo ends with $?"
    then_is_as "$work/worked" "after the undo was redone once more"
}

given_workspace
mkdir -p "$raw/Research/tree/a/b"
seq 1 1000 >"$raw/Research/tree/a/b/numbers"
echo notes >"$raw/Research/notes"
head -c 300000 /dev/urandom >"$raw/Research/large"
echo small >"$raw/Research/small"
given_mount
work_on_files
manifest "$raw" >"$work/worked"
redo_both_ways
ccfs redo 1 --yes 2>"$work/said" && fail "event 1 is no undo, and was redone"
grep -q 'is no undo' "$work/said" || fail "redo 1 does not say why not"
ccfs umount >/dev/null || fail "ccfs umount"
redo_both_ways
echo 'changed by hand' >"$raw/Research/renamed"
ccfs undo --path Research --yes >/dev/null 2>&1 && fail "an outside change was overwritten"
say "undone and redone, with the mount alive and with none"
