#!/bin/bash
# power.sh - the power goes at random instants of a load that destroys files, some fsynced.  What was
# promised to survive did, what did not is known as such, and no wrong byte comes back.
#
# CUTS=N for each filesystem and mode (default 2), FILES=N (default 300), SEED=N, DISKS='ext4 xfs'.
# shellcheck source=tests/support/power.sh
. "$(dirname "$0")/../support/power.sh"

wanted=${CUTS:-2}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
say "seed $seed"
RANDOM=$((seed % 32768))

# Five cuts a run at most: the load is over in some four seconds.
cut_run() { # FILESYSTEM DURABILITY CUTS SEED
    local i ms loader
    given_disk "$1" "$2"
    "$load" run "$mnt/Projects" "$files" "$work/ledger" "$4" 30000 &
    loader=$!
    for ((i = 0; i < $3; i++)); do
        ms=$((RANDOM % (3500 / $3) + 100))
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        when_power_goes
    done
    wait "$loader" || fail "the load itself failed"
    disk_is_done_with
    for ((i = 0; i < $3; i++)); do
        then_nothing_is_lost "$i"
    done
}

for filesystem_wanted in ${DISKS:-ext4 xfs}; do
    for durability_wanted in strict relaxed; do
        for ((done = 0; done < wanted; done += each)); do
            each=$((wanted - done < 5 ? wanted - done : 5))
            cut_run "$filesystem_wanted" "$durability_wanted" "$each" $((seed + done))
        done
    done
done
say "$wanted power losses each: nothing lost that was promised, no wrong byte"
