#!/bin/bash
# faults.sh - the Engine is not there, not ours, dies, or is full of other things; and ccfs is killed
# while it starts.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
given_workspace
chown -R 1000:1000 "$raw"

nothing_runs() {
    [[ -z $(docker ps -q) ]]
}

# --- no Engine; one on another machine; one that is not ours to use ---
export DOCKER_HOST=unix://$work/docker.sock
expect 5 start
one_line
warned 'no Docker Engine listens'
expect 5 run --backend docker -- true
expect 2 start --docker-host tcp://192.0.2.1:2375
one_line
given_engine
given_image
not_mounted

# --- a killed start leaves nothing running, and the next one cleans up ---
for delay in 0.05 0.3 0.6 0.9 1.2 1.6; do
    "$CCFS" -w "$raw" start --foreground >/dev/null 2>&1 &
    start=$!
    sleep "$delay"
    kill -9 "$start" 2>/dev/null || true
    wait "$start" 2>/dev/null || true
    until_true "killed after $delay s it leaves something running" nothing_runs
done
expect 0 start
in_session 0 true
expect 0 stop
not_mounted

# --- the subnet is taken ---
expect 0 clean
given_image
ip link add taken type veth peer name taken-peer
ip addr add 172.28.0.77/24 dev taken
ip link set taken up
expect 0 start
[[ $(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' claude-net) == 172.28.1.0/24 ]] ||
    fail "it takes a subnet that is taken"
expect 0 stop
grep -q '172.28.0.0/24 is taken' "$raw/.ccfs/daemon.log" || fail "it does not say so"

# --- the Engine dies: the session ends, its journal is whole ---
expect 0 start
in_session 0 sh -c 'echo kept >/workspace/shared/kept'
kill -9 "$engine_job"
wait "$engine_job" 2>/dev/null || true
for pid in $(pgrep -f "containerd.*$work/docker-run" || true); do
    kill -9 "$pid" 2>/dev/null || true
done
rm -f "$work/docker.pid" "$work/docker-run/docker.pid"
expect 5 exec -- true
start_engine
expect 0 stop
until_true "a container survives" nothing_runs
expect 0 history --session claude-code-env
said shared/kept
expect 0 verify
