# power.sh - power losses, without losing power.
#
# On a reflink XFS in an image file lies the image of the disk under test, mounted by loop.  Cloning
# that image at an instant is what a disk would hold had the power gone then: what was still in
# memory is not in it.  The clone is mounted, its journal recovers, and power_check.py looks.
#
#   given_disk ext4|xfs relaxed|strict   a workspace on a disk of its own, mounted
#   when_power_goes                      a cut, at once: cut.N.img, and its moment in cut.N.at
#   then_nothing_is_lost N               looks at cut N
# shellcheck shell=bash

# shellcheck source=tests/support/programs.sh
. "$(dirname "${BASH_SOURCE[0]}")/programs.sh"

PATH=$PATH:/usr/sbin:/sbin
((EUID == 0)) || skip "loop mounts need root"
need mkfs.ext4 mkfs.xfs python3 losetup

outer=''
disk=''
cuts=0
files=${FILES:-300}

end_power() {
    local code=$? dir
    cd /
    [[ -z $mnt ]] || ! is_mounted || ccfs umount >/dev/null 2>&1 || ccfs umount --lazy >/dev/null 2>&1 || true
    for dir in "$work/clone" "$work/disk" "$work/outer"; do
        umount "$dir" 2>/dev/null || umount -l "$dir" 2>/dev/null || true
    done
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    end
}

mount_disk() { # IMAGE DIR
    local options=loop
    [[ $filesystem != xfs ]] || options=loop,nouuid
    mount -o "$options" "$1" "$2"
}

given_outer() {
    [[ -z $outer ]] || return 0
    need_fuse
    work=$(mktemp -d "${TMPDIR:-/tmp}/ccfs-power.XXXXXX")
    trap end_power EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$work/outer" "$work/disk" "$work/clone" "$work/mount"
    truncate -s 3G "$work/outer.img"
    mkfs.xfs -q -m reflink=1 "$work/outer.img" || skip "mkfs.xfs does not make a reflink XFS here"
    mount -o loop "$work/outer.img" "$work/outer" || skip "an image cannot be mounted by loop here"
    outer=$work/outer
}

given_disk() { # FILESYSTEM DURABILITY
    filesystem=$1
    durability=$2
    given_outer
    disk=$outer/disk.img
    raw=$work/disk/workspace
    mnt=$work/mount
    rm -f "$outer"/*.img
    truncate -s 400M "$disk"
    "mkfs.$filesystem" -q "$disk"
    mount_disk "$disk" "$work/disk"
    ccfs init >/dev/null
    printf '{"durability":"%s"}' "$durability" >"$raw/.ccfs/config.json"
    load=$(test_program power_load)
    "$load" prepare "$raw/Projects" "$files"
    ccfs mount "$mnt" >/dev/null
    rm -f "$work/ledger" "$work"/cut.*
    cuts=0
}

disk_is_done_with() {
    ccfs umount >/dev/null
    umount "$work/disk"
}

when_power_goes() {
    local at
    at=$(date +%s%N)
    cp --reflink=always "$disk" "$outer/cut.$cuts.img"
    echo "$at" >"$work/cut.$cuts"
    cuts=$((cuts + 1))
}

# The journal shall not think that the system is still the same one, nor look for the other mount.
disguise() { # ROOT
    rm -f "$1/.ccfs/mountpoint" "$1/.ccfs/control.sock"
    sqlite3 "$1/.ccfs/journal.db" "UPDATE meta SET value = 'before the power loss' WHERE key = 'boot'"
}

then_nothing_is_lost() { # N
    local root=$work/clone/workspace code=0
    mount_disk "$outer/cut.$1.img" "$work/clone"
    disguise "$root"
    "$CCFS" -w "$root" history --limit 1 >/dev/null 2>"$work/recovery" ||
        fail "cut $1: the journal does not recover: $(tail -n 3 "$work/recovery")"
    # relaxed, a deletion may have reached the disk before its event
    [[ $durability == relaxed ]] || "$CCFS" -w "$root" verify >"$work/verified" 2>&1 ||
        fail "cut $1: ccfs verify: $(head -n 3 "$work/verified")"
    python3 "$here/support/power_check.py" "$root" "$(<"$work/cut.$1")" "$work/ledger" "$files" \
        "$durability" "$CCFS" >"$work/checked" || code=$?
    say "$filesystem, $durability, cut $1: $(head -n 1 "$work/checked")"
    if ((code)); then
        head -n 20 "$work/checked" "$work/recovery" >&2
        [[ -z ${KEEP_CUT:-} ]] || cp --sparse=always "$outer/cut.$1.img" "$KEEP_CUT"
        fail "$filesystem, $durability, cut $1"
    fi
    umount "$work/clone"
    rm -f "$outer/cut.$1.img"
}
