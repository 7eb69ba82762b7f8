#!/bin/bash
# owner.sh - a normal user with access to the Engine: sessions work under their id, and end where only
# root could go on.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
given_engine
given_image
given_owner "$here/support/reach.py" || skip "this machine lets no normal user mount"
chown "root:$owner" "$engine"
chmod 660 "$engine"

mine() { # CODE ARG...
    local want=$1 code=0 verb=$2
    shift 2
    as_owner "$verb" --docker-host "$engine" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    out=$(<"$work/out")
    errs=$(<"$work/err")
    ((code == want)) || fail "ccfs $verb $* ended with $code, not $want"
}

# the Engine, which is root, must see the mount
mine 3 start
one_line
warned allow_other
nothing_runs || fail "without allow_other something runs"

cp /etc/fuse.conf "$work/fuse.conf" 2>/dev/null || true
echo user_allow_other >>"$work/fuse.conf"
mount --bind "$work/fuse.conf" /etc/fuse.conf
echo '{"allow_other": true}' >"$work/home/workspace/.ccfs/config.json"
chown "$owner" "$work/home/workspace/.ccfs/config.json"
mine 0 start
mine 0 exec -- sh -c 'id -u; touch /workspace/Projects/made ~/too && grep CapEff /proc/self/status'
said "$owner"
said $'CapEff:\t0000000000000000'
[[ $(stat -c %u "$work/home/workspace/Projects/made") == "$owner" ]] || fail "what it makes is not its owner's"
as_owner history --session claude-code-env >"$work/out"
grep -q Projects/made "$work/out" || fail "it is not in the history"

# the daemon dies: only root could give the container its mount again
daemon=$(as_owner status --json | sed -n 's/.*"mount":{[^}]*"pid":\([0-9]*\).*/\1/p')
kill -9 "$daemon"
until_true "a session outlives its mount" nothing_runs
log_says 'its mount is lost' "$work/home/workspace"
mine 0 restart
mine 0 exec -- true
mine 0 stop
until_true "stop leaves something running" nothing_runs
