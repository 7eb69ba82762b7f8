#!/bin/bash
# cat.sh - what a file held at an earlier time, through renames and deletions; the right bytes or none.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace
mnt=$work/mnt
expect 0 mount "$mnt"

held() { # PATH WHEN TEXT
    expect 0 cat "$1" --at "$2"
    [[ $out == "$3" ]] || fail "$1 at $2 held: $out"
}

# a file that is written, renamed with its folder, written again, and deleted
mkdir "$mnt/Projects/site"
printf 'one\n' >"$mnt/Projects/site/page"
sleep 0.1
then=$(date +%Y-%m-%dT%H:%M:%S.%N)
sleep 0.1
printf 'two\n' >"$mnt/Projects/site/page"
second=$(newest write)
mv "$mnt/Projects/site" "$mnt/Projects/web"
renamed=$(newest rename)
printf 'three\n' >>"$mnt/Projects/web/page"
third=$(newest write)
rm "$mnt/Projects/web/page"
removed=$(newest unlink)
printf 'another\n' >"$mnt/Projects/web/page"
held Projects/web/page now another
held Projects/web/page "#$removed" $'two\nthree'
held Projects/web/page "#$third" two
held Projects/site/page "#$renamed" two
held Projects/site/page "#$second" ''
held Projects/site/page "$then" one
held "$mnt/Projects/site/page" "$then" one
held "$raw/./Projects//site/page" "$then" one
expect 1 cat Projects/web/page --at "$then"
one_line
[[ -z $out ]] || fail "something was printed"
expect 1 cat Projects/web --at now
one_line
warned 'folder'

# what was undone happened nevertheless
expect 0 undo "$third-$(newest write)" --yes
held Projects/web/page "#$third" two

# binary, to the last byte; a large file that is kept block by block
head -c 3000000 /dev/urandom >"$work/big"
cp "$work/big" "$mnt/Projects/big"
printf 'X' | dd of="$mnt/Projects/big" bs=1 seek=1500000 conv=notrunc status=none
changed=$(newest write)
"$CCFS" -w "$raw" cat Projects/big --at "#$changed" | cmp - "$work/big" || fail "other bytes"
truncate -s 1000 "$mnt/Projects/big"
cut=$(newest truncate)
"$CCFS" -w "$raw" cat Projects/big --at "#$changed" | cmp - "$work/big" || fail "other bytes"
[[ $("$CCFS" -w "$raw" cat Projects/big --at "#$cut" | wc -c) == 3000000 ]] || fail "another size"

# on a terminal nothing of it draws
printf 'a\033[31mb\tc\\d\n' >"$mnt/Projects/colour"
if command -v script >/dev/null; then
    shown=$(script -qec "'$CCFS' -w '$raw' cat Projects/colour --at now" /dev/null)
    [[ $shown == *'a\x1b[31mb'$'\t''c\d'* ]] || fail "the terminal was told: $shown"
fi
expect 0 cat Projects/colour --at now
[[ $out == $'a\033[31mb\tc\\d' ]] || fail "a pipe gets other bytes"

# what was changed outside is not taken for what was there
printf 'inside\n' >"$mnt/Projects/note"
printf 'INSIDE\n' >"$mnt/Projects/note"
note=$(newest write)
held Projects/note "#$note" ''
expect 0 umount
sleep 0.1
printf 'outside\n' >"$raw/Projects/note"
expect 1 cat Projects/note --at '#3'
one_line
[[ -z $out ]] || fail "something was printed"

# wrong words
expect 2 cat Projects/note
one_line
expect 2 cat Projects/note --at sometime
one_line
expect 1 cat Projects/note --at '#99999999'
one_line
