#!/bin/bash
# doctor.sh - the policy of sessions that run, looked at again from inside; and names of an allowlist
# that nobody knows, which are said and hinder nothing.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
# shellcheck source=tests/support/world.sh
. "$(dirname "$0")/../support/world.sh"

command -v pasta >/dev/null || command -v slirp4netns >/dev/null || skip "there is no pasta and no slirp4netns here"
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
given_workspace
chmod 755 "$work"
export DOCKER_HOST=unix://$work/no-engine
given_world known.test=203.0.113.2

given_session() { # RUN-OPTION...
    "$CCFS" -w "$raw" run "$@" -- sh -c 'echo >/workspace/shared/runs; exec sleep 1000' >/dev/null 2>"$work/session" &
    session=$!
    until_true "no session" test -e "$raw/shared/runs"
}
end_session() {
    kill "$session"
    wait "$session" 2>/dev/null || true
    rm "$raw/shared/runs"
}
namespace() { # of the session's network
    local pid
    pid=$(pgrep -f 'sleep 1000' | tail -1)
    nsenter --net="/proc/$pid/ns/net" "$@"
}

given_session
expect 0 doctor
said 'the network policy is in force, and what must be closed is'
expect 0 doctor --json
said '"check":"network","verdict":"ok"'

# a hole in the rules, and no rules at all
namespace nft insert rule inet ccfs outward ip daddr 192.168.77.77 accept
expect 1 doctor
said 'FAIL'
said 'a machine on a private network (192.168.77.77, port 80) is not refused'
namespace nft delete table inet ccfs
expect 1 doctor
said 'no network policy is in force'
[[ $out != *'is not refused'* ]] || fail "it probes where nothing is refused"
end_session

given_session --network none
expect 0 doctor
said 'it has no way out of its own'
end_session

if given_owner "$here/support/reach.py"; then
    as_owner run -- sh -c 'echo >/workspace/shared/runs; exec sleep 1000' >/dev/null 2>&1 &
    session=$!
    until_true "no session of a normal user" test -e "$work/home/workspace/shared/runs"
    for who in as_owner as_root; do
        "$who" doctor >"$work/out" 2>&1 || true
        grep -q 'what must be closed is' "$work/out" || fail "$who: $(<"$work/out")"
    done
    kill "$session"
    wait "$session" 2>/dev/null || true
fi

# --- names ---
echo '{"network": {"mode": "allowlist", "defaults": false, "allow": ["known.test", "*.mispelled.test"]}}' >"$raw/.ccfs/config.json"
expect 0 doctor
said 'warn  network.allow: no name server knows mispelled.test'
[[ $out != *'knows known.test'* ]] || fail "a name that exists is called dead"
if command -v squid >/dev/null && squid -v | grep -q 'enable-ssl-crtd'; then
    run_warns() { # as far as it is known by then
        expect 0 run -- true
        [[ $errs == *'network.allow: no name server knows mispelled.test'* ]]
    }
    until_true "run does not warn" run_warns
    [[ $(grep -c 'network.allow' <<<"$errs") == 1 ]] || fail "it says too much"
fi

# a server that knows nobody, and one that does not answer, say nothing
echo '{"network": {"mode": "allowlist", "defaults": false, "allow": ["a.test", "b.test"]}}' >"$raw/.ccfs/config.json"
expect 0 doctor
[[ $out != *'no name server knows'* ]] || fail "it believes a server that knows nobody"
printf 'nameserver 203.0.113.4\n' >"$work/resolv.conf"
expect 0 doctor
[[ $out != *'no name server knows'* ]] || fail "silence is taken for an answer"
