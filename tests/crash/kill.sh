#!/bin/bash
# kill.sh - the daemon is killed at random moments of a mixed load, and at every fault point while
# every kind of operation passes it.  After each: nothing that was destroyed is lost, the vault holds
# nothing of nobody, and the undo gives the start state to the last bit.
#
# KILLS=N random kills (default 4), POINTS=N of the fault points' passages (default 14, "all"),
# SEED=N, NAMES='POINT...'.
# shellcheck source=tests/support/crash.sh
. "$(dirname "$0")/../support/crash.sh"

kills=${KILLS:-4}
points=${POINTS:-14}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
say "seed $seed"

given_tree "$seed"

at_random_moments() {
    local i ms
    for ((i = 0; i < kills; i++)); do
        # each kill is looked at with all of the journal: it must stay short
        ((i == 0 || i % 20)) || given_new_tree $((seed + i))
        ((i == 0 || i % 100)) || say "$i kills at random moments so far"
        ms=$((RANDOM % 1200 + 30))
        when_served
        "$load" "$mnt/Projects/load" $((seed + i)) 3 5 &
        local loader=$!
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        daemon_is_killed
        wait "$loader" || true
        when_gone
        then_start_is_back "kill $i after $ms ms"
        then_no_orphans "kill $i after $ms ms"
    done
    say "$kills kills at random moments: nothing lost"
}

# One passage of one point: the story is told up to there.
at_point() { # POINT:N ; 1: the story ended without passing it
    local passed=0
    when_served CCFS_FAULT="$1"
    "$load" "$mnt/Projects/load" "$seed" story 2>/dev/null || true
    when_gone
    ended_in_order || passed=1
    then_start_is_back "kill at $1"
    then_no_orphans "kill at $1"
    ((passed))
}

read -r -d '' -a names <<<"${NAMES:-intake_reserved begin_filled intake_pending intake_done intake_finish
    intake_finished created renamed write_kept write_applied block_kept swap_made swapped vault_copied
    vault_moved vault_synced writer_committed writer_moved_tail fail_discarded vault_linked
    end_filled}" || true

at_every_point() {
    local name n done=0 missing=()
    for name in "${names[@]}"; do
        for ((n = 1; ; n++)); do
            at_point "$name:$n" || break
            done=$((done + 1))
        done
        ((n > 1)) || missing+=("$name")
    done
    say "$done kills at ${#names[@]} points: nothing lost${missing:+ (never passed: ${missing[*]})}"
}

at_some_points() {
    local i name n
    for ((i = 0; i < points; i++)); do
        name=${names[i % ${#names[@]}]}
        n=$((i < ${#names[@]} ? 1 + RANDOM % 3 : 1 + RANDOM % 40))
        at_point "$name:$n" || true
    done
    say "$points kills at points: nothing lost"
}

at_random_moments
if [[ -n ${CCFS_FAULTS:-} && $CCFS_FAULTS != 0 ]]; then
    if [[ $points == all ]]; then
        at_every_point
    else
        at_some_points
    fi
else
    say "SKIPPED: kills at fault points, which this build has not (cmake -D CCFS_FAULTS=ON)"
fi
