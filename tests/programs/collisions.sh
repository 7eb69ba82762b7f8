#!/bin/bash
# collisions.sh - several processes do everything with few names at once; what they did is undone,
# redone and undone, and every bit is as it was each time.  SEED=N: those choices (how they
# interleave is chance); ROUNDS=N: more.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
rounds=${ROUNDS:-6}
operations=${OPERATIONS:-1500}

newest_event() {
    ccfs history --json --limit 1 | sed -n 's/^{"id":\([0-9]*\),.*/\1/p'
}

collide_for() { # SEED
    "$collide" "$mnt/Projects" "$1" 4 "$operations" || fail "collide ended with $?"
}

undo_from() { # EVENT
    ccfs undo "$1-999999999" --yes >"$work/undo.said" 2>&1 ||
        fail "seed $seed: ccfs undo $1-…: $(tail -n 5 "$work/undo.said")"
}

then_is_as() { # MANIFEST WHAT
    manifest "$raw" >"$work/now"
    manifest_same "$1" "$work/now" || fail "seed $seed: not as it was after $2"
}

# With the mount alive, or (every other time) with none.
one_round() { # SEED
    local first
    manifest "$raw" >"$work/before"
    first=$(($(newest_event) + 1))
    collide_for "$1"
    (($1 % 2)) || ccfs umount >/dev/null || fail "ccfs umount"
    manifest "$raw" >"$work/hammered"
    undo_from "$first"
    then_is_as "$work/before" "the undo of #$first and later"
    ccfs redo --yes >"$work/redo.said" 2>&1 ||
        fail "seed $seed: ccfs redo: $(tail -n 5 "$work/redo.said")"
    then_is_as "$work/hammered" "the redo"
    undo_from "$first"
    then_is_as "$work/before" "the undo of what was redone"
    (($1 % 2)) || ccfs mount "$mnt" >/dev/null || fail "ccfs mount"
}

given_workspace
collide=$(test_program collide)
given_mount
say "seed $seed"
collide_for "$seed" # something to begin with
for ((round = 1; round <= rounds; round++)); do
    one_round $((seed + round))
done
say "$rounds rounds, $(newest_event) events: everything is back each time"
