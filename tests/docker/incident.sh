#!/bin/bash
# incident.sh - containers are held, cut off and looked at, and can go on as if nothing was.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
export HOME=$work/home
mkdir "$HOME"
given_engine
given_workspace
given_world example.test=203.0.113.2
given_image
readonly value='correct "horse" battery'
"$CCFS" -w "$raw" secret set TOKEN <<<"$value" >/dev/null

paused() { # CONTAINER
    [[ $(docker inspect -f '{{.State.Paused}}' "$1") == true ]]
}
reaches() { # TARGET: from the network of the first session
    local pid
    pid=$(docker inspect -f '{{.State.Pid}}' claude-code-env-net)
    nsenter -t "$pid" -n python3 "$here/support/reach.py" "$1"
}

expect 0 start
expect 0 start --name second
expect 0 exec --detach --secret-env TOKEN -- sh -c 'echo "it says $TOKEN"; exec tail -f /dev/null "$TOKEN"'
in_session 0 sh -c 'echo 1 >/workspace/shared/one'
until_true "nothing is in the log" bash -c 'docker logs claude-code-env 2>&1 | grep -q "it says"'
[[ $(reaches tcp:203.0.113.2:80) == *open ]] || fail "the session has no network: nothing can be tried"

# --- one of them ---
expect 0 incident claude-code-env --output "$work/one.tar.gz"
said 'frozen      claude-code-env  docker, network cut'
said 'ccfs stop'
paused claude-code-env || fail "it is not frozen"
! paused claude-code-env-second || fail "the other one is frozen, too"
[[ $(reaches tcp:203.0.113.2:80) == *closed && $(reaches udp:203.0.113.2:53) == *closed ]] || fail "its network is not cut"
[[ -z $(docker ps -aq -f name=-nft) ]] || fail "the helper is left"
(cd "$work" && sha256sum --quiet -c one.tar.gz.sha256) || fail "the archive's own checksum is wrong"
mkdir "$work/seen"
tar -xzf "$work/one.tar.gz" -C "$work/seen" --strip-components=1
(cd "$work/seen" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums inside are wrong"
for file in incident.json status.json history.jsonl verify.json backup.tar.gz \
    claude-code-env/{inspect,inspect-network,processes,changes}.json claude-code-env/log.txt; do
    [[ -s $work/seen/$file ]] || fail "the archive lacks $file"
done
grep -q '"Paused":true' "$work/seen/claude-code-env/inspect.json" || fail "inspect does not say that it is paused"
grep -q 'tail -f /dev/null \[secret TOKEN\]' "$work/seen/claude-code-env/processes.json" || fail "its processes are not listed"
grep -q shared/one "$work/seen/history.jsonl" || fail "the history is not in it"

# --- without the values of secrets, which were there ---
docker logs claude-code-env 2>&1 | holds "$value" || fail "nothing was tried"
grep -q 'it says \[secret TOKEN\]' "$work/seen/claude-code-env/log.txt" || fail "the log has not lost the secret"
rm "$work/seen/backup.tar.gz"
! grep -rqE 'horse.{1,4} battery' "$work/seen" || fail "a secret is in $(grep -rlE 'horse.{1,4} battery' "$work/seen")"

# --- all of them, and again; then on they go ---
expect 0 incident --json
said '"name":"claude-code-env-second","backend":"docker"'
said '"failures":[]'
paused claude-code-env-second || fail "the other one is not frozen"
expect 0 incident --thaw second
! paused claude-code-env-second || fail "it does not go on"
paused claude-code-env || fail "the other one goes on, too"
expect 0 incident --thaw
said 'goes on     claude-code-env  docker, network as before'
in_session 0 sh -c 'echo 2 >/workspace/shared/two'
[[ $(reaches tcp:203.0.113.2:80) == *open && $(reaches tcp:192.168.77.2:80) == *closed ]] ||
    fail "the network is not what it was"

# --- one with an allowlist: its proxy beside it is cut off with it, and lives on ---
echo '{"network": {"defaults": false, "allow": ["example.test"]}}' >"$raw/.ccfs/config.json"
readonly listed=claude-code-env-listed
expect 0 start --name listed --network allowlist
asks() { # WHAT IT SAYS: the session its proxy
    expect 0 exec --name listed -- sh -c 'curl -sS -m 20 http://example.test/'
    [[ $out == "$1" ]] || fail "it gets something else by its proxy"
}
proxy_reaches() { # ADDRESS: the proxy itself
    docker exec "$listed-proxy" curl -s -o /dev/null -m 2 "http://$1/"
}
asks internet
expect 0 exec --name listed -- sh -c 'curl -sS -m 20 http://other.test/ >/dev/null'
is_refused() {
    expect 0 history --op network --session "$listed"
    [[ $out == *'other.test:80'* ]]
}
until_true "what it was refused is not on record" is_refused
proxy_reaches 203.0.113.2 || fail "the proxy has no network: nothing can be tried"
expect 0 incident listed --output "$work/listed.tar.gz"
said "frozen      $listed  docker, network cut"
paused "$listed" || fail "the one with an allowlist is not frozen"
! proxy_reaches 203.0.113.2 || fail "its proxy is not cut off"
mkdir "$work/listed"
tar -xzf "$work/listed.tar.gz" -C "$work/listed" --strip-components=1
(cd "$work/listed" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums inside are wrong"
for file in inspect inspect-network inspect-proxy processes changes; do
    [[ -s $work/listed/$listed/$file.json ]] || fail "the archive lacks $file.json"
done
grep -q '"path":"other.test:80".*not on the allowlist' "$work/listed/history.jsonl" ||
    fail "what it was refused is not in the history"
expect 0 status
[[ $out != *'its proxy ended'* ]] || fail "an incident ends the proxy"
expect 0 incident --thaw listed
said "goes on     $listed  docker, network as before"
asks internet
! proxy_reaches 192.168.77.2 || fail "the policy is not what it was"
expect 0 incident listed --output "$work/again.tar.gz"
expect 0 stop --name listed
[[ -z $(docker ps -aq -f name=listed-proxy -f name=listed-net) ]] || fail "something is left of a frozen one with a proxy"

# --- a frozen one can be ended; what cannot be done is said, and the rest is ---
docker tag claude-code-container:latest kept:latest
docker rmi claude-code-container:latest >/dev/null
expect 1 incident second --output "$work/without.tar.gz"
said 'frozen      claude-code-env-second  docker, NETWORK OPEN'
warned 'cut the network of claude-code-env-second'
[[ -s $work/without.tar.gz ]] || fail "there is no archive"
expect 0 stop --name second
docker tag kept:latest claude-code-container:latest
expect 0 incident --output "$work/last.tar.gz"
expect 0 stop
not_mounted
