#!/bin/bash
# missing.sh - what a machine lacks is named, with the way to get it; nothing runs half protected.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap unshare
given_workspace

# without bubblewrap
code=0
errs=$(PATH=$work "$CCFS" -w "$raw" run -- true 2>&1) || code=$?
((code == 5)) || fail "without bwrap: exit $code"
one_line
warned 'apt-get install bubblewrap'
not_mounted

need_root

in_namespace() { # CODE SETUP ARG...
    local want=$1 setup=$2 code=0
    shift 2
    errs=$(unshare -m sh -c "$setup"'; exec "$@"' sh "$CCFS" -w "$raw" "$@" 2>&1) || code=$?
    ((code == want)) || fail "$setup: exit $code, not $want"
    one_line
}

in_namespace 5 'mount -t tmpfs none /dev && touch /dev/null' mount
warned '/dev/fuse'
in_namespace 5 'mount -t tmpfs none /dev && touch /dev/null' run -- true
not_mounted

# user namespaces forbidden: in one that may have no children
code=0
errs=$(unshare -U -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh \
    "$CCFS" -w "$raw" run -- true 2>&1) || code=$?
((code == 7)) || fail "without user namespaces: exit $code"
one_line
warned 'sysctl user.max_user_namespaces'
not_mounted
