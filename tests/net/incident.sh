#!/bin/bash
# incident.sh - an incident closes a session's network at once, and gives it back as it was.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap nsenter
# shellcheck source=tests/support/world.sh
. "$(dirname "$0")/../support/world.sh"
command -v pasta >/dev/null || command -v slirp4netns >/dev/null || skip "there is no pasta and no slirp4netns here"
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
given_workspace
chmod 755 "$work"
given_world example.test=203.0.113.2

"$CCFS" -w "$raw" run --session online --network internet -- sh -c 'echo on >on; exec sleep 1000' >/dev/null 2>&1 &
online=$!
until_true "it does not begin" test -s "$raw/Projects/on"
expect 0 status --json
root=$(sed -n 's/.*"root_pid":\([0-9]*\),"began".*/\1/p' <<<"$out")
reaches() { # TARGET: from the session's own network
    nsenter -t "$root" -n python3 "$here/support/reach.py" "$1"
}
[[ $(reaches tcp:203.0.113.2:80) == *open ]] || fail "the session has no network: nothing can be tried"

expect 0 incident --output "$work/incident.tar.gz"
said 'network cut'
for target in tcp:203.0.113.2:80 udp:203.0.113.2:53 tcp:192.168.77.2:80; do
    [[ $(reaches "$target") == *closed ]] || fail "$target is still reached"
done
python3 "$here/support/reach.py" tcp:203.0.113.2:80 | grep -q open || fail "this machine's own network is cut, too"

expect 0 incident --thaw
said 'network as before'
[[ $(reaches tcp:203.0.113.2:80) == *open && $(reaches tcp:192.168.77.2:80) == *closed ]] ||
    fail "the network is not what it was"
kill "$online"
wait "$online" || true

# --- one with an allowlist: it does not get to its proxy, and then it does ---
if command -v squid >/dev/null && command -v openssl >/dev/null && squid -v | grep -q 'enable-ssl-crtd'; then
    echo '{"network": {"defaults": false, "allow": ["example.test"]}}' >"$raw/.ccfs/config.json"
    "$CCFS" -w "$raw" run --session listed --network allowlist -- sh -c 'echo on >listed; exec sleep 1000' \
        >/dev/null 2>&1 &
    listed=$!
    until_true "it does not begin" test -s "$raw/Projects/listed"
    expect 0 status --json
    root=$(sed -n 's/.*"root_pid":\([0-9]*\),"began".*/\1/p' <<<"$out")
    [[ $(reaches tcp:192.0.0.1:3128) == *open ]] || fail "its proxy does not answer: nothing can be tried"
    expect 0 incident --output "$work/listed.tar.gz"
    said 'frozen      listed  sandbox, network cut'
    [[ $(reaches tcp:192.0.0.1:3128) == *closed ]] || fail "its proxy is still reached"
    expect 0 incident --thaw
    [[ $(reaches tcp:192.0.0.1:3128) == *open && $(reaches tcp:203.0.113.2:80) == *closed ]] ||
        fail "the network of the one with an allowlist is not what it was"
    expect 0 status
    [[ $out != *'its proxy ended'* ]] || fail "an incident ends the proxy"
    kill "$listed"
    wait "$listed" || true
    rm "$raw/.ccfs/config.json"
fi

# --- one that has none ---
"$CCFS" -w "$raw" run --session offline --network none -- sh -c 'echo off >off; exec sleep 1000' >/dev/null 2>&1 &
offline=$!
until_true "it does not begin" test -s "$raw/Projects/off"
expect 0 incident --output "$work/offline.tar.gz"
said 'sandbox, no network'
python3 "$here/support/reach.py" tcp:203.0.113.2:80 | grep -q open || fail "this machine's own network is cut"
kill "$offline"
wait "$offline" || true
not_mounted

# --- of a normal user, by that user; and by root, who gets in the way of nobody ---
need setpriv fusermount3
given_owner "$here/support/reach.py" || exit 0
raw=$work/home/workspace
as_owner run --session theirs --network internet -- sh -c 'echo on >on; exec sleep 1000' >/dev/null 2>"$work/err" &
theirs=$!
theirs_began() {
    errs=$(<"$work/err") # for the one who reads that it does not
    [[ -s $raw/Projects/on ]]
}
until_true "a user's session does not begin" theirs_began
expect 0 status --json
root=$(sed -n 's/.*"root_pid":\([0-9]*\),"began".*/\1/p' <<<"$out")
as_owner incident >"$work/out" 2>"$work/err" || fail "a user's incident: $(<"$work/err")"
grep -q 'frozen      theirs  sandbox, network cut' "$work/out" || fail "a user's incident says: $(<"$work/out")"
[[ $(reaches tcp:203.0.113.2:80) == *closed && $(awk '/^State:/ { print $2 }' "/proc/$root/status") == T ]] ||
    fail "a user's session is not held"
expect 0 incident --thaw # by root
[[ $(reaches tcp:203.0.113.2:80) == *open ]] || fail "root does not give it back"
expect 0 incident --output "$work/home/roots.tar.gz"
[[ $(stat -c '%u %a' "$work/home/roots.tar.gz" "$work/home/roots.tar.gz.sha256") == "$owner 600
$owner 600" ]] || fail "the archive is not the owner's alone"
[[ -z $(find "$raw/.ccfs" -not -user "$owner") ]] || fail "root left something of its own"
expect 0 incident --thaw
kill -9 "$root"
wait "$theirs" || true
not_mounted
