#!/bin/bash
# workspace.sh - a workspace is made once, found, and refused where it cannot be.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
given_folder

# there is none yet
for verb in status mount umount history; do
    expect 1 "$verb"
    one_line
    warned "init"
done

# init makes it, twice changes nothing
expect 0 init
said "made the workspace"
for folder in Projects Documentation Research shared imports exports; do
    [[ $(stat -c %a "$raw/$folder") == 755 ]] || fail "$folder is not 0755"
done
[[ $(stat -c %a "$raw/.ccfs") == 700 ]] || fail ".ccfs is not 0700"
echo kept >"$raw/Projects/kept"
before=$(cd "$raw" && find . -path ./.ccfs -prune -o -printf '%p %m %T@\n' | sort)
expect 0 init
said "already"
[[ $before == "$(cd "$raw" && find . -path ./.ccfs -prune -o -printf '%p %m %T@\n' | sort)" ]] ||
    fail "the second init changed something"

# CCFS_WORKSPACE and -w after the verb name it, too
(cd / && CCFS_WORKSPACE=$raw "$CCFS" status | grep -qF "$raw") || fail "CCFS_WORKSPACE"
(cd / && "$CCFS" status -w "$raw" | grep -qF "$raw") || fail "-w behind the verb"
(cd "$work" && "$CCFS" -w workspace status | grep -qF "$raw") || fail "a relative -w"

# what cannot be one
touch "$work/file"
raw=$work/file expect 1 status
one_line
raw=$work/no/where expect 1 init
one_line
raw=/ expect 2 init
one_line
raw=/proc expect 6 init
one_line

# .ccfs that is none
mkdir "$work/odd"
ln -s /tmp "$work/odd/.ccfs"
raw=$work/odd expect 10 init
one_line
raw=$work/odd expect 10 status
one_line
[[ -L $work/odd/.ccfs ]] || fail "the odd .ccfs was touched"

# a journal that is not ours, or newer
cp -a "$raw" "$work/copy"
rm -f "$work/copy/.ccfs/"journal.db*
echo 'these are not the bytes of a database' >"$work/copy/.ccfs/journal.db"
for verb in init status mount; do
    raw=$work/copy expect 10 "$verb"
    one_line
done
grep -q 'not the bytes' "$work/copy/.ccfs/journal.db" || fail "the foreign file was touched"
if command -v sqlite3 >/dev/null; then
    rm -rf "$work/copy"
    cp -a "$raw" "$work/copy"
    sqlite3 "$work/copy/.ccfs/journal.db" 'pragma user_version = 99' >/dev/null
    for verb in status mount; do
        raw=$work/copy expect 1 "$verb"
        one_line
        warned 'upgrade ccfs'
    done
fi
