#!/bin/bash
# git.sh - clone, commit, branch, merge, gc, fsck, and a history that is deleted: as on a plain folder.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need git

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=tester GIT_AUTHOR_EMAIL=tester@example.invalid
export GIT_COMMITTER_NAME=tester GIT_COMMITTER_EMAIL=tester@example.invalid
export GIT_AUTHOR_DATE='2026-01-02T03:04:05Z' GIT_COMMITTER_DATE='2026-01-02T03:04:05Z'

work_with_git() {
    git clone --quiet --no-hardlinks "$work/source" clone
    cd clone
    echo 'one more line' >>README.md
    git mv LICENSE LICENCE
    git commit --quiet -am 'Edit and rename'
    git checkout --quiet -b side HEAD~1
    echo side >side
    git add side
    git commit --quiet -m 'A side branch'
    git checkout --quiet -
    git merge --quiet --no-edit -m 'Merge it' side
    git repack -adq --threads=1
    git gc --quiet --prune=now
    git fsck --full --strict --no-progress
    git status --porcelain
    git rev-parse HEAD 'HEAD^{tree}'
    git log --format='%H %s' -n 3
    git count-objects -v | grep -E '^(count|in-pack|packs|garbage)'
    # The index holds inode numbers and times, a reflog and pack names may differ: git's word is above.
    rm -rf .git
}

given_workspace
repository_clone "$work/source"
repository_clone "$raw/Projects/mine"
given_mount
same_as_raw work_with_git

# A clone that was there before, its objects and its work deleted.
git -C "$mnt/Projects/mine" gc --quiet --prune=now
rm -rf "$mnt/Projects/mine/.git/objects" "$mnt/Projects/mine/journal"
git -C "$mnt/Projects/mine" fsck >/dev/null 2>&1 && fail "git finds nothing wrong without its objects"

then_journal_tells 500
then_journal_has rename
then_undo_gives_back
git -C "$raw/Projects/mine" fsck --full --strict --no-progress || fail "the repository is not whole"
[[ -z $(git -C "$raw/Projects/mine" status --porcelain) ]] || fail "the work tree is not clean"
