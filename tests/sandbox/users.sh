#!/bin/bash
# users.sh - a normal user's session, and root's session on a normal user's workspace.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need_root
need bwrap setpriv fusermount3
[[ $(stat -c %a /dev/fuse) == *[67] ]] || skip "/dev/fuse is root's alone"

given_folder
chmod 755 "$work"
# fusermount3 wants a user with a name: any that every system has, for a moment
owner=$(id -u games) && other=$(id -u man) || skip "there is no user games, or no user man"
mkdir "$work/home"
cp "$CCFS" "$work/ccfs"
chown -R "$owner:$owner" "$work/home"
raw=$work/home/workspace

as_owner() {
    env -i HOME="$work/home" PATH="$PATH" setpriv --reuid "$owner" --regid "$owner" --clear-groups "$@"
}

as_owner "$work/ccfs" -w "$raw" run -- sh -c 'echo mine >file' 2>"$work/err" || fail "$(<"$work/err")"
grep -q 'made the workspace' "$work/err" || fail "the first session did not make the workspace"
grep -q 'created 1' "$work/err" || fail "the session recorded nothing"
[[ $(stat -c %u "$raw/Projects/file") == "$owner" ]] || fail "the file is not the owner's"

all_owners() {
    [[ -z $(find "$raw" -not -user "$owner" -print -quit) ]] ||
        fail "not the owner's: $(find "$raw" -not -user "$owner" | head -n 3)"
}
all_owners

# root on it: acts as its owner, and leaves nothing of root's
expect 0 run -- sh -c 'echo more >>file; echo new >new'
warned 'created 1'
all_owners
expect 0 mount
status=/proc/$(daemon_pid)/status
grep -qE "^Uid:\s+$owner\s+$owner\s+$owner\s+$owner$" "$status" || fail "the daemon is not the owner"
grep -qE '^CapEff:\s+0000000000200000$' "$status" || fail "the daemon kept more than CAP_SYS_ADMIN"
expect 0 history
expect 0 umount
all_owners
as_owner "$work/ccfs" -w "$raw" status >/dev/null || fail "the owner is locked out"

# a link to what only root may read is not read for its owner
mkdir -p "$work/home/.config/ccfs"
printf '{"secret_of_root":1}\n' >"$work/root.json"
chmod 600 "$work/root.json"
ln -s "$work/root.json" "$work/home/.config/ccfs/config.json"
code=0
said_by=$(HOME=$work/home "$CCFS" -w "$raw" status 2>&1) || code=$?
[[ $said_by != *secret_of_root* ]] || fail "root read its own file for somebody else"

# somebody else's workspace is refused
code=0
errs=$(env -i PATH="$PATH" HOME=/ setpriv --reuid "$other" --regid "$other" --clear-groups \
    "$work/ccfs" -w "$raw" status 2>&1) || code=$?
((code == 7)) || fail "another user got exit $code"
one_line
