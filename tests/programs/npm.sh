#!/bin/bash
# npm.sh - a real package with its dependencies is installed, node_modules is deleted, and comes back.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need npm node timeout

install() {
    timeout 240 npm install --no-audit --no-fund --no-update-notifier --loglevel=error \
        --cache "$work/npm-cache" express@4
}

given_workspace
mkdir "$work/plain"
cd "$work/plain"
echo '{"name": "try", "version": "1.0.0", "private": true}' >package.json
install >/dev/null 2>"$work/npm.said" ||
    skip "npm cannot install here: $(head -n 1 "$work/npm.said")"
cd /

# In the mount, from the cache just filled: the same tree.
echo '{"name": "try", "version": "1.0.0", "private": true}' >"$raw/Projects/package.json"
ccfs mount "$mnt" >/dev/null
cd "$mnt/Projects"
install >/dev/null || fail "npm install fails in the mount"
node -e 'const app = require("express")(); if (typeof app.listen !== "function") process.exit(1)' ||
    fail "what was installed does not load"
for folder in "$work/plain" "$mnt/Projects"; do
    # npm's own lock in node_modules tells the time
    manifest_of_results "$folder" >"$work/results.$(basename "$folder")"
done
manifest_same "$work/results.plain" "$work/results.Projects" ||
    fail "npm install leaves something else in the mount"
cd /
ccfs umount >/dev/null || fail "ccfs umount"

# A second mount: everything goes, and comes back.
given_mount
rm -rf "$mnt/Projects/node_modules"
[[ ! -e $raw/Projects/node_modules ]] || fail "node_modules is still there"
then_journal_tells 1000
then_journal_has rmdir
then_undo_gives_back
cd "$raw/Projects"
node -e 'require("express")()' || fail "what was brought back does not load"
