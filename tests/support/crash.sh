# crash.sh - what the tests that end a daemon in the middle have in common.
#
# Sourced like programs.sh, which it builds on.  A test tells:
#   given_tree SEED             a start state in Projects, written down
#   given_new_tree SEED         the same in a new workspace
#   when_served [NAME=VALUE...] the workspace is mounted by a daemon with these in its environment
#   daemon_pid                  of it
#   when_gone                   whatever is left of the mount is taken away
#   then_start_is_back WHAT     undo of all since gives the start state to the last bit
#   then_no_orphans WHAT        every file of the vault belongs to an event, and ccfs verify is content
# shellcheck shell=bash

# shellcheck source=tests/support/programs.sh
. "$(dirname "${BASH_SOURCE[0]}")/programs.sh"

need sqlite3 flock

need_faults() {
    [[ -n ${CCFS_FAULTS:-} && ${CCFS_FAULTS:-} != 0 ]] ||
        skip "this build has no fault points (cmake -D CCFS_FAULTS=ON)"
}

journal_says() { # SQL
    sqlite3 -readonly "file:$raw/.ccfs/journal.db" "$1"
}

# Small and large files, with holes and without.
given_tree() { # SEED
    [[ -n $work ]] || given_workspace
    load=$(test_program crash_load)
    mkdir -p "$raw/Projects/load"
    "$load" "$raw/Projects/load" "$1" steps 400
    head -c 200000 /dev/urandom >"$raw/Projects/load/a.large"
    manifest "$raw" >"$work/before"
    first=$(journal_says 'SELECT ifnull(max(id), 0) + 1 FROM event')
}

given_new_tree() { # SEED
    chmod -R u+rwX -- "$raw" && rm -rf -- "$raw"
    ccfs init >/dev/null || fail "ccfs init"
    given_tree "$1"
}

# It may die while it starts: that, too, is a place to die.
when_served() { # NAME=VALUE...
    env "$@" "$CCFS" -w "$raw" mount "$mnt" >"$work/mount.said" 2>&1 || true
}

# It writes its number where it holds the lock.
daemon_pid() {
    head -n 1 "$raw/.ccfs/lock" 2>/dev/null
}

daemon_lives() {
    [[ -e $raw/.ccfs/lock ]] && ! flock --nonblock "$raw/.ccfs/lock" true
}

daemon_is_dead() {
    ! daemon_lives
}

daemon_is_killed() {
    kill -9 "$(daemon_pid)" 2>/dev/null || true
    until_true "the killed daemon does not end" daemon_is_dead
}

# Ended by SIGTERM it records what is open; already dead it is only cleared away.
when_gone() {
    until_true "the mount cannot be taken away" take_away
}

take_away() {
    if daemon_lives; then
        kill -TERM "$(daemon_pid)" 2>/dev/null || true
    elif is_mounted; then
        umount "$mnt" 2>/dev/null || umount -l "$mnt" 2>/dev/null || true
    fi
    ! daemon_lives && ! is_mounted
}

# Did the last daemon end in order?
ended_in_order() {
    [[ -n $(journal_says "SELECT value FROM meta WHERE key = 'clean'") ]]
}

then_start_is_back() { # WHAT
    local code=0 ids
    ccfs history --limit 1 >/dev/null || fail "$1: the journal does not recover"
    ids=$(journal_says "SELECT count(*) FROM event WHERE id >= $first AND outcome = 0 AND op < 32
                        AND id NOT IN (SELECT event FROM undone) AND undoes IS NULL")
    if ((ids > 0)); then
        mapfile -t ids < <(journal_says "SELECT id FROM event WHERE id >= $first AND outcome = 0
            AND op < 32 AND id NOT IN (SELECT event FROM undone) AND undoes IS NULL")
        ccfs undo --yes "${ids[@]}" >"$work/undo.said" 2>&1 || code=$?
        ((code == 0)) || fail "$1: the undo ended with $code: $(tail -n 5 "$work/undo.said")"
    fi
    manifest "$raw" >"$work/after"
    manifest_same "$work/before" "$work/after" || fail "$1: not everything came back"
}

then_no_orphans() { # WHAT
    journal_says 'SELECT printf("%016x", id) FROM version ORDER BY 1' >"$work/known"
    find "$raw/.ccfs/vault" -mindepth 2 -printf '%f\n' | sort >"$work/kept"
    comm -13 "$work/known" "$work/kept" >"$work/orphans"
    [[ ! -s $work/orphans ]] || fail "$1: in the vault, but of no event: $(head -n 3 "$work/orphans")"
    ccfs verify >"$work/verified" 2>&1 || fail "$1: ccfs verify: $(head -n 3 "$work/verified")"
}
