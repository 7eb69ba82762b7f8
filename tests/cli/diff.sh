#!/bin/bash
# diff.sh - what an event, a session or the last minutes changed; as patch(1) reads it.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need diff patch
given_workspace
mnt=$work/mnt
expect 0 mount "$mnt"
cd "$mnt/Projects"

seq 1 30 >list
printf 'gone\n' >gone
printf 'name\n' >old
printf 'same\n' >same
head -c 5000 /dev/urandom >picture
mkdir folder
cp -r . "$work/before"
sleep 0.1
then=$(date +%Y-%m-%dT%H:%M:%S.%N)
sleep 0.1
sed -i 's/^7$/seven/' list # another file takes its place
first=$(newest rename)
printf 'end\n' >>list
append=$(newest write)
rm gone
mv old new
printf 'more\n' >>new
head -c 6000 /dev/urandom >picture
printf 'made\n' >folder/made
chmod 600 same
printf 'temporary\n' >temporary
rm temporary
printf 'other\n' >../Documentation/other

# everything since: a patch that makes the one tree the other
expect 0 diff --since "$then"
said $'# changed Projects/list'
said $' 6\n-7\n+seven\n 8'
said '+end'
[[ $out != *'# deleted Projects/list'* ]] || fail "a file that was saved by a rename is told as two"
said '# deleted Projects/gone'
said '# renamed Projects/old → Projects/new'
said '# created Projects/folder/made'
said '# changed Projects/same  mode 0644 → 0600'
said '# changed Projects/picture  not text  4.9 KiB → 5.9 KiB'
said '+++ b/Documentation/other'
[[ $out != *temporary* ]] || fail "what came and went is shown"

# by a path, an event, a range
expect 0 diff --since "$then" Projects/folder
[[ $out == *'+made'* && $out != *seven* ]] || fail "a path"
expect 0 diff "#$append"
[[ $out == *'+end'* && $out != *seven* ]] || fail "one event: $out"
expect 0 diff "$first-$append" Projects/list
said '+end'
"$CCFS" -w "$raw" diff "#$append" Projects/list >"$work/patch"
(cd "$work/before" && sed -i 's/^7$/seven/' list && patch -p2 -s <"$work/patch") || fail "no patch"
cmp "$work/before/list" list || fail "patched to something else"
expect 1 diff '#99999999'
one_line
expect 2 diff Projects/a Projects/b
one_line

# JSON: a line a thing
expect 0 diff --since "$then" --json
[[ $(grep -c '^{"change":' <<<"$out") == $(wc -l <<<"$out") ]] || fail "not a line a thing"
said '"change":"renamed"'
said '"binary":true'

# without a choice: what was done last in one go
sleep 2.1
printf 'last\n' >last
expect 0 diff
[[ $out == *'+last'* && $out != *seven* ]] || fail "the last burst"

# a session, by its number
if "$CCFS" -w "$raw" run -- true >/dev/null 2>&1; then
    "$CCFS" -w "$raw" run -- sh -c 'echo in session >/workspace/Projects/session' 2>"$work/summary" || fail "run"
    session=$(sed -n 's/^session \([0-9]*\) .*/\1/p' "$work/summary")
    expect 0 diff --session "$session"
    [[ $out == *'+in session'* && $out != *last* ]] || fail "a session"
fi

# a terminal gets no control characters, and the pager is words, not a shell's line
printf 'a\033[31mb\n' >$'hos\033[2Jtile'
if command -v script >/dev/null; then
    shown=$(PAGER=cat script -qec "NO_COLOR=1 '$CCFS' -w '$raw' diff --since '$then' Projects" /dev/null)
    [[ $shown == *'+a\x1b[31mb'* && $shown == *'hos\x1b[2Jtile'* ]] || fail "the terminal was told: $shown"
    (cd "$work" && PAGER='touch paged;true>injected' script -qec "'$CCFS' -w '$raw' diff" /dev/null) >/dev/null
    [[ ! -e $work/injected ]] || fail "the pager went through a shell"
    [[ -e $work/paged\;true\>injected ]] || fail "the pager did not run"
    PAGER=$work/none script -qec "'$CCFS' -w '$raw' diff" /dev/null >"$work/shown"
    grep -q hos "$work/shown" || fail "a pager that is missing swallows the diff"
fi

# what cannot be told is named, the rest is shown
printf 'here\n' >told
printf 'one\n' >lost
sleep 0.1
printf 'two\n' >>lost
lost=$(newest write)
printf 'there\n' >>told
cd "$work"
expect 0 umount
sleep 0.1
printf 'outside\n' >"$raw/Projects/lost"
expect 1 diff "$lost-$((lost + 9))"
said '# not known: '
said '+there'
