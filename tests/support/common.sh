# common.sh - what every script begins with: which ccfs is tried, and whether it can be tried here.
#
# Sourced by session.sh and programs.sh, with the program ccfs as $1 or in $CCFS.
# shellcheck shell=bash

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly here repository=${here%/tests}
CCFS=$(realpath -- "${1:-${CCFS:-$repository/build/ccfs}}")
export CCFS
unset CCFS_WORKSPACE

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [[ -z ${out:-} ]] || printf -- '--- stdout\n%s\n' "$out" >&2
    [[ -z ${errs:-} ]] || printf -- '--- stderr\n%s\n' "$errs" >&2
    exit 1
}

skip() {
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

need() { # TOOL...
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
}

need_fuse() {
    [[ -c /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse is not there, or not open to this user"
}

need_root() {
    ((EUID == 0)) || skip "needs root"
}

# Waits until COMMAND succeeds: on a loaded machine that takes as long as it takes, within reason.
until_true() { # WHAT COMMAND...
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@"; do
        ((SECONDS < end)) || fail "$what"
        sleep 0.1
    done
}
