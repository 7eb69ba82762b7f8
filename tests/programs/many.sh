#!/bin/bash
# many.sh - 10,000 files are created, changed, deleted, and come back.  With LONG=1 in the
# environment 1,000,000 entries, and the daemon's memory is told.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
count=${COUNT:-10000}
[[ -z ${LONG:-} ]] || count=1000000

# 100 entries in each folder.
make_tree() { # DIR
    local folders=$((count / 100)) i
    for ((i = 0; i < folders; i++)); do
        printf '%s/%03d/%05d\0' "$1" $((i / 100)) "$i"
    done | xargs -0 mkdir -p
    for ((i = 0; i < count - folders - (folders + 99) / 100; i++)); do
        printf '%s/%03d/%05d/file %d\0' "$1" $((i / 100 / 100)) $((i / 100)) "$i"
    done | xargs -0 touch
}

memory_kib() {
    local pid
    pid=$(ccfs status --json | grep -o '"pid":[0-9][0-9]*' | head -n 1 | cut -d: -f2)
    awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
}

given_workspace
make_tree "$raw/Research/old"
printf 'words' | tee "$raw"/Research/old/000/00000/file* >/dev/null
given_mount
say "daemon: $(memory_kib) KiB at the start"

make_tree "$mnt/Projects/new"
[[ $(find "$raw/Projects/new" | wc -l) == $(find "$raw/Research/old" | wc -l) ]] ||
    fail "not all of the new files are there"
say "daemon: $(memory_kib) KiB after $count creations"
rm -rf "$mnt/Projects/new"
say "daemon: $(memory_kib) KiB after their deletion"
rm -rf "$mnt/Research/old"
[[ ! -e $raw/Research/old ]] || fail "rm left something"
say "daemon: $(memory_kib) KiB after $count more deletions"

then_journal_tells $((3 * count))
then_undo_gives_back
