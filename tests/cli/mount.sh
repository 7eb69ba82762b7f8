#!/bin/bash
# mount.sh - mounted when the call returns, refused where it must be, cleaned up after a kill.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace
mnt=$work/mnt

is_mounted() {
    grep -qF " $mnt " /proc/self/mounts
}

# ready when it returns
expect 0 mount "$mnt"
is_mounted || fail "mount returned too early"
echo text >"$mnt/Projects/file"
[[ $(<"$raw/Projects/file") == text ]] || fail "the file did not arrive"
[[ ! -e $mnt/.ccfs ]] || fail ".ccfs is visible"
expect 0 status
said "$mnt"

# one daemon for a workspace
expect 8 mount
one_line
expect 8 mount "$work/other"
one_line

# a mounted workspace holds no other one
raw=$mnt/Projects expect 6 init
one_line

# busy while something is open there
(
    cd "$mnt/Projects"
    expect 8 umount
    one_line
)
expect 0 umount
not_mounted
expect 1 umount
one_line
warned 'not mounted'

# where it must not be
expect 2 mount "$raw/Projects/inside"
one_line
[[ ! -e $raw/Projects/inside ]] || fail "a folder was made in the workspace"
expect 2 mount "$work"
one_line
mkdir "$work/full"
touch "$work/full/file"
expect 8 mount "$work/full"
one_line
expect 2 mount "$work/full/file"
one_line
expect 8 mount /proc
one_line
not_mounted

# a killed daemon leaves a dead mount: umount, or the next mount, cleans it up
expect 0 mount "$mnt"
kill -9 "$(daemon_pid)"
until_true "the mount still answers" bash -c "! stat '$mnt' >/dev/null 2>&1"
expect 0 umount
! is_mounted || fail "the dead mount is still there"
expect 0 mount "$mnt"
kill -9 "$(daemon_pid)"
until_true "the mount still answers" bash -c "! stat '$mnt' >/dev/null 2>&1"
expect 0 mount "$mnt"
[[ $(<"$mnt/Projects/file") == text ]] || fail "the new mount does not answer"
expect 0 umount

# also while the kernel still knows what its folder looked like
expect 0 mount "$mnt"
pid=$(daemon_pid)
touch "$mnt/Projects/late"
stat "$mnt" >/dev/null
kill -9 "$pid"
until_true "the daemon is still there" bash -c "! kill -0 $pid 2>/dev/null"
expect 0 mount "$mnt"
[[ $(<"$mnt/Projects/file") == text ]] || fail "the new mount does not answer"
expect 0 umount

# in the foreground it ends by a signal
"$CCFS" -w "$raw" mount --foreground "$mnt" &
daemon=$!
until_true "the foreground mount did not come" is_mounted
kill -TERM "$daemon"
wait "$daemon" || fail "the foreground mount ended with $?"
! is_mounted || fail "the mount stayed"

# one that is for sessions ends by itself when none begins
"$CCFS" -w "$raw" mount --foreground --ends-with-sessions "$mnt" &
daemon=$!
until_true "the mount for sessions did not come" is_mounted
wait "$daemon" || fail "the mount without a session ended with $?"
! is_mounted || fail "the mount without a session stayed"
