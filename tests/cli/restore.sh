#!/bin/bash
# restore.sh - a file or a folder as it was, in place or beside; nobody else's work goes.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace
mnt=$work/mnt
expect 0 mount "$mnt"

tree() { # DIR: names, modes, times of files, contents
    (cd "$1" && find . -mindepth 1 -printf '%p %y %m %l\n' | sort && find . -type f -exec md5sum {} + | sort)
}

# a project that is worked on, damaged, and worked around
mkdir -p "$mnt/Projects/site/css"
printf 'page\n' >"$mnt/Projects/site/page"
printf 'plan\n' >"$mnt/Projects/site/plan"
printf 'css\n' >"$mnt/Projects/site/css/main"
ln -s page "$mnt/Projects/site/index"
chmod 640 "$mnt/Projects/site/plan"
printf 'mine\n' >"$mnt/Projects/other"
sleep 0.1
then=$(date +%Y-%m-%dT%H:%M:%S.%N)
sleep 0.1
before=$(tree "$mnt/Projects/site")
printf 'PAGE, longer\n' >"$mnt/Projects/site/page"
rm -r "$mnt/Projects/site/css"
mv "$mnt/Projects/site/plan" "$mnt/Documentation/plan" 2>/dev/null
mv "$mnt/Projects/site/index" "$mnt/Projects/site/start"
printf 'new\n' >"$mnt/Projects/site/new"
printf 'moved in\n' >"$mnt/Projects/incoming"
mv "$mnt/Projects/incoming" "$mnt/Projects/site/incoming"
printf 'mine, later\n' >"$mnt/Projects/other"
after=$(tree "$mnt/Projects")

# beside: everything, nothing is touched, nothing is overwritten
expect 0 restore Projects/site --at "$then" --to "$work/copy"
said 'written to'
[[ $(tree "$work/copy") == "$before" ]] || fail "the copy differs: $(diff <(tree "$work/copy") - <<<"$before")"
[[ $(tree "$mnt/Projects") == "$after" ]] || fail "restoring beside changed the workspace"
expect 4 restore Projects/site --at "$then" --to "$work/copy"
one_line
printf 'precious\n' >"$work/file"
expect 4 restore Projects/site/page --at "$then" --to "$work/file"
[[ $(<"$work/file") == precious ]] || fail "a file was overwritten"
ln -s "$work/nowhere" "$work/link"
expect 4 restore Projects/site/page --at "$then" --to "$work/link"
[[ ! -e $work/nowhere ]] || fail "a symlink was followed"
expect 0 restore Projects/site/page --at "$then" --to "$mnt/Projects/page.old" --json
said '"restored":1'
[[ $(<"$mnt/Projects/page.old") == page ]] || fail "inside the workspace"
expect 2 restore Projects/site --at "$then" --to "$work/x" --force
one_line
expect 2 restore Projects/site/page --at "$then" --to "$raw/.ccfs/vault/page"
one_line
[[ ! -e $raw/.ccfs/vault/page ]] || fail "something was written between what the journal keeps"
expect 1 restore Projects/site/page --at "$then" --to "$work/nowhere/page"
warned "$work/nowhere/page: No such file"

# in place: planned, then as an undo, and back by a redo
expect 0 restore Projects/site --at "$then" --dry-run
said 'Projects/site'
expect 2 restore Projects/site --at "$then"
one_line
expect 0 restore Projects/site --at "$then" --yes
[[ $(tree "$mnt/Projects/site") == "$before" ]] ||
    fail "it is not as it was: $(diff <(tree "$mnt/Projects/site") - <<<"$before")"
[[ $(<"$mnt/Projects/other") == 'mine, later' ]] || fail "somebody else's work was taken back"
[[ $(<"$mnt/Projects/incoming") == 'moved in' ]] || fail "what had been moved in is lost"
[[ $(<"$mnt/Projects/page.old") == page ]] || fail "the copy went"
expect 0 redo --yes
[[ $(tree "$mnt/Projects/site") != "$before" && $(<"$mnt/Projects/site/page") == 'PAGE, longer' ]] ||
    fail "the restore cannot be taken back"

# saved by a rename over it, and then removed
printf 'old\n' >"$mnt/Projects/saved"
sleep 0.1
old=$(date +%Y-%m-%dT%H:%M:%S.%N)
sleep 0.1
for text in new newer; do
    printf '%s\n' "$text" >"$mnt/Projects/.saved"
    mv "$mnt/Projects/.saved" "$mnt/Projects/saved"
done
rm "$mnt/Projects/saved"
expect 0 restore Projects --at "$old" --yes
[[ $(<"$mnt/Projects/saved") == old && ! -e $mnt/Projects/.saved ]] || fail "what an editor saved and somebody removed"
expect 0 redo --yes
[[ ! -e $mnt/Projects/saved && ! -e $mnt/Projects/.saved ]] || fail "that cannot be taken back"

# before an undo: what that undid is there again, and the way back is the one that is told
printf 'draft\n' >"$mnt/Projects/draft"
chmod 600 "$mnt/Projects/draft"
sleep 0.1
final=$(date +%Y-%m-%dT%H:%M:%S.%N)
sleep 0.1
expect 0 undo "$(newest chmod)" --yes
[[ $(stat -c %a "$raw/Projects/draft") != 600 ]] || fail "the undo did nothing"
expect 0 restore Projects/draft --at "$final" --yes
[[ $(stat -c %a "$raw/Projects/draft") == 600 ]] || fail "it is not as it was before the undo"
way=${out##*The way back: ccfs }
# shellcheck disable=SC2086
expect 0 $way --yes
[[ $(stat -c %a "$raw/Projects/draft") != 600 ]] || fail "'$way' is no way back"

# one file of it; the rest stays as it is
expect 0 restore Projects/site/page --at "$then" --yes
[[ $(<"$mnt/Projects/site/page") == page && -e $mnt/Projects/site/new ]] || fail "one file"
expect 0 restore Projects/site/page --at now --yes
said 'nothing to restore'

# what was changed outside stops it
printf 'agent\n' >"$mnt/Projects/note"
sleep 0.1
noted=$(newest create)
printf 'agent again\n' >"$mnt/Projects/note"
note=$(newest truncate)
expect 0 umount
sleep 0.1
printf 'user\n' >"$raw/Projects/note"
expect 4 restore Projects/note --at "#$note" --yes
[[ $(<"$raw/Projects/note") == user ]] || fail "the user's own change was overwritten"
expect 0 cat Projects/note --at "#$note"
[[ $out == agent ]] || fail "the old content is not told"
((noted < note)) || fail "the numbers do not rise"

# wrong words
expect 2 restore Projects/note
one_line
expect 2 restore . --at 1h --yes
one_line
expect 1 restore Projects/none --at now --to "$work/none"
one_line
[[ ! -e $work/none ]] || fail "something was written"
