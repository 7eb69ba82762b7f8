#!/bin/bash
# undo_nothing.sh - what was set to what it was is undone without a question, and promises no way
# back; through the daemon and without one.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace
mnt=$work/mnt
file=Projects/file

mode_is() { # MODE
    [[ $(stat -c %a "$raw/$file") == "$1" ]] || fail "the mode is $(stat -c %a "$raw/$file"), not $1"
}

undone_without_change() { # EVENT
    expect 0 undo "$1" --dry-run
    said "nothing has to change"
    expect 0 undo "$1"
    said "nothing had to change"
    [[ $out != *"way back"* ]] || fail "a way back is promised"
    expect 0 redo "$(newest undo)" --yes
    said "nothing to redo"
    expect 0 undo "$1" --yes
    said "nothing to undo"
}

# Sets first and again.
given_a_mode_that_was_set_again() {
    chmod 600 "$mnt/$file"
    first=$(newest chmod)
    chmod 600 "$mnt/$file"
    again=$(newest chmod)
    [[ $first != "$again" ]] || fail "the second chmod is not on record"
}

expect 0 mount "$mnt"
echo text >"$mnt/$file"
chmod 640 "$mnt/$file"

# through the daemon
given_a_mode_that_was_set_again
undone_without_change "$again"
mode_is 600
expect 0 undo "$first" --yes
said "The way back: ccfs redo"
mode_is 640

# the first alone: the second has nothing to say against it
given_a_mode_that_was_set_again
expect 0 undo "$first" --yes
mode_is 640
undone_without_change "$again"
mode_is 640

# without one, for programs too
given_a_mode_that_was_set_again
expect 0 umount
expect 0 undo "$again" --json --dry-run
said '"items":[],"conflicts":[],"skipped":[],"applied":false'
undone_without_change "$again"
expect 0 undo "$first" --yes
said "The way back: ccfs redo"
mode_is 640

# attributes
expect 0 mount "$mnt"
if setfattr -n user.note -v one "$mnt/$file" 2>/dev/null; then
    first=$(newest setxattr)
    setfattr -n user.note -v one "$mnt/$file"
    undone_without_change "$(newest setxattr)"
    expect 0 undo "$first" --yes
    said reset
    [[ -z $(getfattr --only-values -n user.note "$raw/$file" 2>/dev/null) ]] || fail "it is still there"
fi
expect 0 umount
not_mounted
