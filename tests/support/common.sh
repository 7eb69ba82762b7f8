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
