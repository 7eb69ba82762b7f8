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
