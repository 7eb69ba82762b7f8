#!/bin/bash
# full.sh - a disk that is full, a quota that is used up, a device that fails: operations are refused,
# nothing is lost, and when there is room again all goes on.
# shellcheck source=tests/support/crash.sh
. "$(dirname "$0")/../support/crash.sh"

PATH=$PATH:/usr/sbin:/sbin
seed=${SEED:-$RANDOM}
say "seed $seed"

# ---- an error where it hurts, at every step that can have one

readonly errors=(vault_copy vault_block vault_move vault_link vault_sync intake_sync write rename
    truncate writer_commit)

# Two passages fail, the disk is well again: the undo takes back what was done all the same.
when_errors_are_injected() {
    local point
    if [[ -z ${CCFS_FAULTS:-} || $CCFS_FAULTS == 0 ]]; then
        say "SKIPPED: injected errors, which this build has not (cmake -D CCFS_FAULTS=ON)"
        return
    fi
    given_tree "$seed"
    for point in "${errors[@]}"; do
        when_served "CCFS_FAIL=$point:5:2:2"
        daemon_lives || fail "EIO of $point at the start: $(<"$work/mount.said")"
        "$load" "$mnt/Projects/load" "$seed" story
        "$load" "$mnt/Projects/load" "$seed" steps 200
        daemon_lives || fail "EIO of $point ends the daemon"
        until_it_takes "$mnt/Projects/load/again"
        when_gone
        then_start_is_back "EIO of $point"
        then_no_orphans "EIO of $point"
    done
    say "${#errors[@]} kinds of EIO: refused, nothing lost, and on it goes"
}

# The writer tries again each second.
until_it_takes() { # FILE
    until_true "there is room again, and nothing is taken" takes "$1"
}

takes() { # FILE
    { echo again >"$1"; } 2>/dev/null
}

# ---- no room

small=''

end_full() {
    local code=$?
    cd /
    if [[ -n $small ]]; then
        when_gone
        umount "$small" 2>/dev/null || umount -l "$small" 2>/dev/null || true
    fi
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    end
}

given_small_disk() { # FILESYSTEM SIZE [MOUNT-OPTION]
    local image=$work/small.img
    small=$work/small
    mkdir -p "$small"
    rm -f "$image"
    truncate -s "$2" "$image"
    "mkfs.$1" -q "$image" >/dev/null
    if ! mount -o "loop${3:+,$3}" "$image" "$small" 2>/dev/null; then
        small=''
        return 1
    fi
    trap end_full EXIT
    raw=$small/workspace
    ccfs init >/dev/null
}

disk_is_done_with() {
    umount "$small"
    small=''
    rm -f "$work/small.img"
}

fill() { # FILE
    head -c 2G /dev/zero >>"$1" 2>/dev/null || true
}

# What was just removed, and what the journal has kept aside, comes free a moment later.
fill_until_full() { # WHAT FILE
    until_true "$1: it is not full" filled "$2"
}

filled() { # FILE
    fill "$1"
    ! { head -c 1M /dev/zero >"$mnt/Projects/load/more"; } 2>/dev/null
}

then_imports_refuse() { # WHAT
    { echo no >"$mnt/imports/refused"; } 2>/dev/null && fail "$1: imports can be written"
    true
}

then_the_refusal_is_recorded() { # WHAT
    [[ $(ccfs history --outcome denied --json imports/refused) == *'"denied"'* ]] ||
        fail "$1: a refusal is not on record"
}

# Who stores is answered, however full it is: nobody waits for somebody to make room.
load_is_answered() { # WHAT SEED PROCESSES SECONDS
    timeout 120 "$load" "$mnt/Projects/load" "$2" "$3" "$4" || fail "$1: the daemon does not answer"
}

# A load on a full disk: whatever it gets or does not get, nothing that was there is lost.
then_a_full_disk_loses_nothing() { # WHAT FILLER
    given_tree "$seed"
    when_served
    "$load" "$mnt/Projects/load" "$seed" steps 100
    fill_until_full "$1" "$2"
    load_is_answered "$1" $((seed + 1)) 2 2
    daemon_lives || fail "$1: the daemon ended: $(tail -n 3 "$raw/.ccfs/daemon.log")"
    then_imports_refuse "$1"
    then_the_refusal_is_recorded "$1"
    rm -f "$2"
    until_it_takes "$mnt/Projects/load/again"
    "$load" "$mnt/Projects/load" $((seed + 2)) steps 100
    when_gone
    then_start_is_back "$1"
    then_no_orphans "$1"

    # Full, and killed while it is.  A full disk is slow between the link in the vault and the rename;
    # where there are fault points it is so for sure.
    when_served ${CCFS_FAULTS:+CCFS_PAUSE=vault_linked:1500}
    "$load" "$mnt/Projects/load" $((seed + 3)) 2 1 &
    local loader=$!
    sleep 0.3
    fill "$2"
    sleep 0.3
    daemon_is_killed
    wait "$loader" || true
    when_gone
    rm -f "$2"
    then_start_is_back "$1, and a kill"
    then_no_orphans "$1, and a kill"
    say "$1: nothing lost, and on it goes"
}

when_the_disk_is_full() {
    local filesystem
    for filesystem in ext4 xfs btrfs; do
        if ! command -v "mkfs.$filesystem" >/dev/null || ! given_small_disk "$filesystem" 330M; then
            say "SKIPPED: a small $filesystem cannot be made or mounted here"
            continue
        fi
        then_a_full_disk_loses_nothing "full $filesystem" "$small/filler"
        disk_is_done_with
    done
}

# A project quota on the workspace, or one on a btrfs' own files: the disk has room, the folder has not.
given_xfs_quota() {
    command -v xfs_quota mkfs.xfs && given_small_disk xfs 400M prjquota &&
        xfs_quota -x -c "project -s -p $raw 42" -c 'limit -p bhard=80m 42' "$small"
}

given_btrfs_quota() {
    command -v btrfs mkfs.btrfs && given_small_disk btrfs 400M &&
        btrfs quota enable "$small" && btrfs qgroup limit 80M "$small"
}

when_a_quota_is_used_up() {
    local filesystem
    for filesystem in xfs btrfs; do
        if "given_${filesystem}_quota" >/dev/null 2>&1; then
            then_a_full_disk_loses_nothing "used-up quota on $filesystem" "$raw/.ccfs/filler"
        else
            say "SKIPPED: no quota on $filesystem here"
        fi
        [[ -z $small ]] || disk_is_done_with
    done
}

given_workspace
when_errors_are_injected
if ((EUID == 0)); then
    when_the_disk_is_full
    when_a_quota_is_used_up
else
    say "SKIPPED: full disks, which need root for a loop mount"
fi
