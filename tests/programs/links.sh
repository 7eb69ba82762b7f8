#!/bin/bash
# links.sh - files whose other names lie outside the workspace, as package stores and local clones
# make them: what is deleted and overwritten in the mount comes back, even when those are gone.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need git

without_link_counts() {
    sed -E '/^entry/s/^(.*\t[^d] .* [0-9]+) [0-9]+ /\1 - /'
}

given_workspace
repository_clone "$work/source"
git clone --quiet --local -- "$work/source" "$raw/Projects/clone" # its objects are hard links
mkdir -p "$work/store"
head -c 5000000 /dev/urandom >"$work/store/large"
printf 'module\n' >"$work/store/small"
chmod 0751 "$work/store/small"
setfattr -n user.note -v kept "$work/store/small" 2>/dev/null || true
touch -d '2025-05-05 05:05:05.555555555' "$work/store/large" "$work/store/small"
cp -al "$work/store" "$raw/Research/store"
cp -al "$work/store" "$raw/shared/store" # two names inside, one outside
[[ $(stat -c %h "$raw/Research/store/small") == 3 ]] || skip "no hard links here"
given_mount

rm -rf "$mnt/Projects/clone"
printf 'mine\n' >"$mnt/Research/new" && mv "$mnt/Research/new" "$mnt/Research/store/large"
rm -r "$mnt/Research/store"
rm "$mnt/shared/store/small"
rm -rf "$work/source" "$work/store"

then_journal_tells 100
mv "$work/before" "$work/before.links"
without_link_counts <"$work/before.links" | grep -v '^link ' >"$work/before"
manifest() { # the outer names are gone, so counts and groups cannot be the same
    (cd "$1" && manifest_entries && manifest_contents && manifest_xattrs) | without_link_counts
}
then_undo_gives_back
