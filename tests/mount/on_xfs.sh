#!/bin/bash
# on_xfs.sh - where whole files can be cloned: what passes through is kept and recorded as elsewhere, and a
# file in many pieces is cloned ahead of whoever writes it next.
source "$(dirname "${BASH_SOURCE[0]}")/../support/session.sh"

need_fuse
need_root
need mkfs.xfs losetup python3

readonly blocks=2048 # every other one of them is a piece
disk=''

end_disk() {
    local code=$?
    cd /
    "$CCFS" -w "$raw" umount >/dev/null 2>&1 || true
    umount "$disk" 2>/dev/null || umount -l "$disk" 2>/dev/null || true
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    end_session_test
}

given_workspace_on_xfs() {
    given_folder
    disk=$work/disk
    mkdir "$disk"
    truncate -s 2G "$work/image"
    mkfs.xfs -q -m reflink=1 "$work/image" || skip "mkfs.xfs does not make a reflink XFS here"
    mount -o loop "$work/image" "$disk" 2>/dev/null || skip "an XFS image cannot be mounted here"
    trap end_disk EXIT
    chmod 711 "$work" # a normal user mounts there, too
    chmod 1777 "$disk"
    raw=$disk/workspace
    given_workspace
    mkdir "$work/mount"
}

# Every other block of the file becomes LETTERs.
overwrite() { # LETTER
    python3 - "$work/mount/Projects/file" "$1" "$blocks" <<'PYTHON'
import os, sys
path, letter, blocks = sys.argv[1:]
file = os.open(path, os.O_WRONLY)
for block in range(0, int(blocks), 2):
    os.pwrite(file, letter.encode() * 4096, block * 4096)
os.close(file)
PYTHON
}

kept() { find "$raw/.ccfs/vault" -type f | wc -l; }

sum() { sha256sum <"$raw/Projects/file"; }

has_kept_more() { # FILES-BEFORE
    (($(kept) > $1))
}

when_kept_ahead() { # FILES-BEFORE
    until_true "nothing was kept ahead of a file in $((blocks / 2)) pieces" has_kept_more "$1"
}

a_file_in_many_pieces_is_cloned_ahead() {
    local first second
    head -c $((blocks * 4096)) /dev/urandom >"$raw/Projects/file"
    first=$(sum)
    expect 0 mount "$work/mount"
    overwrite A
    second=$(sum)

    when_kept_ahead 1 # of the event
    overwrite B
    expect 0 undo 3 --yes # 1 is the mount
    [[ $(sum) == "$second" ]] || fail "the second undo did not bring the first content back"
    expect 0 undo 2 --yes
    [[ $(sum) == "$first" ]] || fail "the old content is not what was cloned"
    expect 0 verify
    expect 0 umount
}

what_passes_through_is_recorded_here_too() {
    TMPDIR=$disk "$(dirname "$CCFS")/tests/mount_passthrough" >"$work/said" 2>&1 ||
        fail "on XFS: $(grep -a 'FAILED\|ERROR\|Error' "$work/said")"
}

given_workspace_on_xfs
a_file_in_many_pieces_is_cloned_ahead
what_passes_through_is_recorded_here_too
echo 'on_xfs: passed'
