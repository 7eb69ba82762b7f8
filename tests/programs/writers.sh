#!/bin/bash
# writers.sh - a file written through a mapping, and one appended to by several processes at once.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"

given_workspace
mmap_writer=$(test_program mmap_writer)
append_writers=$(test_program append_writers)

write_in_all_ways() {
    head -c 1000000 /dev/zero >mapped
    "$mmap_writer" mapped
    sha256sum mapped
    "$append_writers" appended 4 500
    sort appended | sha256sum
    sort -o appended appended # whose line comes when is chance
}

head -c 3000000 /dev/urandom >"$raw/Research/mapped"
seq 1 20000 >"$raw/Research/appended"
printf 'small' >"$raw/Research/small"
given_mount
same_as_raw write_in_all_ways

"$mmap_writer" "$mnt/Research/mapped"
"$append_writers" "$mnt/Research/appended" 4 200
"$append_writers" "$mnt/Research/small" 2 10
[[ $(wc -l <"$raw/Research/appended") == 20800 ]] || fail "an append is lost"
cmp -s "$mnt/Research/mapped" "$raw/Research/mapped" || fail "the mapping's bytes are not in the file"

then_journal_tells 10
then_journal_has write
then_undo_gives_back
