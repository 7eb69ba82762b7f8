#!/bin/bash
# unfinished.sh - an undo that is killed half-way: status says so, and it is finished, or taken back, or the
# next mount finishes it.
# shellcheck source=tests/support/crash.sh
. "$(dirname "$0")/../support/crash.sh"
need_faults

is_as() { # MANIFEST WHAT
    manifest "$raw" >"$work/now"
    manifest_same "$1" "$work/now" || fail "not as it was: $2"
}

tells() { # COMMAND... : its output has $text
    "$@" >"$work/said" 2>&1 || true
    grep -qF -- "$text" "$work/said" || fail "$* does not say \"$text\": $(<"$work/said")"
}

given_work() {
    mkdir -p "$raw/Research/tree/deep"
    seq 1 500 >"$raw/Research/tree/deep/numbers"
    echo notes >"$raw/Research/notes"
    given_mount
    rm -r "$mnt/Research/tree"
    echo more >>"$mnt/Research/notes"
    mkdir "$mnt/Research/new"
    echo new >"$mnt/Research/new/file"
    ccfs umount >/dev/null
    manifest "$raw" >"$work/worked"
}

cut_off() { # STEP
    local code=0
    (CCFS_FAULT=undo_step:$1 ccfs undo --path Research --yes) >/dev/null 2>&1 || code=$?
    ((code == 137)) || fail "the undo was not killed at step $1: $code"
    text="is not finished" tells ccfs status
    ccfs status --json | grep -q '"unfinished_undo":{"event":' || fail "status --json does not tell"
}

given_workspace
given_work
for step in 5 8; do
    cut_off "$step"
    ccfs history >/dev/null || fail "history"
    text="is not finished" tells ccfs status
    ccfs undo --abort >/dev/null || fail "undo --abort ends with $?"
    is_as "$work/worked" "after an undo that was taken back"
    text="no undo is unfinished" tells ccfs undo --abort
    ccfs verify >/dev/null || fail "verify after --abort"
    ccfs undo --path Research --yes >/dev/null || fail "undo ends with $?"
    is_as "$work/before" "after the undo"
    ccfs redo --yes >/dev/null || fail "redo ends with $?"
    is_as "$work/worked" "after the redo"

    cut_off "$step"
    ccfs undo --resume >/dev/null || fail "undo --resume ends with $?"
    is_as "$work/before" "after an undo that went on"
    ccfs redo --yes >/dev/null || fail "redo ends with $?"

    cut_off "$step"
    ccfs mount "$mnt" >/dev/null || fail "ccfs mount"
    is_as "$work/before" "after a mount that finished it"
    text="unfinished_undo\":null" tells ccfs status --json
    ccfs redo --yes >/dev/null || fail "redo ends with $?"
    ccfs umount >/dev/null
    is_as "$work/worked" "after the last redo"
done
say "cut off, and finished, taken back, or finished by the next mount"
