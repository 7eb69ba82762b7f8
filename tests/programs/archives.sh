#!/bin/bash
# archives.sh - tar, cp -a and rsync -aHAX carry everything a file has: links, holes, modes, times,
# attributes, names of any bytes.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need tar rsync

given_tree() { # DIR : one of everything
    mkdir -p "$1/deep/er" "$1/empty" "$1/closed"
    head -c 300000 /dev/urandom >"$1/deep/er/random"
    printf 'x' >"$1/one"
    ln "$1/one" "$1/deep/the same"
    ln -s ../one "$1/deep/to one"
    ln -s /nowhere/at/all "$1/dangling"
    truncate -s 3M "$1/hole"
    printf 'end' | dd of="$1/hole" bs=1 seek=2000000 conv=notrunc status=none
    mkfifo "$1/pipe"
    : >"$1/$(printf 'new\nline \001 \377 \342\202\254')"
    : >"$1/$(printf 'n%.0s' {1..255})"
    chmod 0640 "$1/one"
    chmod 0500 "$1/closed"
    setfattr -n user.note -v 'kept' "$1/one" 2>/dev/null || true
    setfacl -m u:1234:r "$1/deep/er/random" 2>/dev/null || true
    find "$1" -depth -exec touch -h -d '2025-02-03 04:05:06.123456789' {} +
}

through_tar() {
    cp -a "$work/tree" tree
    tar --xattrs --acls --sparse -cf tree.tar tree
    mkdir unpacked
    tar --xattrs --acls -xpf tree.tar -C unpacked
    rsync -aHAX tree/ synced/
    rsync -aHAX --delete --inplace "$work/tree/deep/" synced/
    cp -a --sparse=always tree/hole hole2
    cp --reflink=auto tree/deep/er/random copy
    tar -tf tree.tar | wc -l
    rm tree.tar # it tells the times of its folders, which differ
}

given_workspace
given_tree "$work/tree"
cp -a "$work/tree" "$raw/Research/tree"
given_mount
same_as_raw through_tar

# Times and owners too: what came out in the mount is what went in.
for copy in tree unpacked/tree; do
    manifest "$work/tree" >"$work/in"
    manifest "$mnt/Projects/work/$copy" >"$work/out"
    manifest_same "$work/in" "$work/out" || fail "$copy is not what was copied"
done

rsync -a --delete "$work/tree/empty/" "$mnt/Research/tree/"
[[ -z $(ls -A "$raw/Research/tree") ]] || fail "rsync --delete left something"
then_journal_tells 60
for op in symlink link mkdir chmod utimens; do
    then_journal_has "$op"
done
then_undo_gives_back
