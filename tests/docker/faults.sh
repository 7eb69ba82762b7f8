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

# --- an Engine that is not open to this user ---
if given_owner "$here/support/reach.py"; then
    chmod 660 "$engine"
    code=0
    errs=$(as_owner start --docker-host "$engine" 2>&1) || code=$?
    ((code == 7)) || fail "without permission on the socket: exit $code"
    one_line
    warned 'is not open to you'
fi

# --- an image that is older, and one that is not ours ---
relabel() { # LABEL
    docker create --name relabelled --network none claude-code-container >/dev/null
    docker commit -c "LABEL $1" relabelled claude-code-container:latest >/dev/null
    docker rm relabelled >/dev/null
}
relabel io.ccfs.version=0.0.1
expect 0 start
warned 'the image was made by ccfs 0.0.1'
expect 0 stop
relabel io.ccfs.part=other
expect 4 start
one_line
warned 'was not made by ccfs'
docker image rm -f claude-code-container >/dev/null
given_image

# --- a start that is killed leaves nothing running, whenever; the next one cleans up ---
exists() { # NAME
    docker inspect -f . "$1" >/dev/null 2>&1
}
is_mounted() {
    ! no_mount
}
killed_when() { # WHAT COMMAND...
    local what=$1 start
    shift
    "$CCFS" -w "$raw" start --foreground --network allowlist >/dev/null 2>&1 &
    start=$!
    until "$@" || ! kill -0 "$start" 2>/dev/null; do
        sleep 0.01
    done
    kill -9 "$start" || fail "start ended by itself before $what"
    wait "$start" 2>/dev/null || true
    until_true "killed at $what it leaves something running" nothing_runs
    until_true "killed at $what it leaves its mount" no_mount
}
killed_when 'its beginning' true
killed_when 'the mount' is_mounted
for part in -net -nft -proxy ''; do
    killed_when "the making of claude-code-env$part" exists "claude-code-env$part"
done
expect 0 stop
[[ -z $(docker ps -aq -f name=net -f name=nft -f name=proxy) ]] || fail "stop does not clean up"
for delay in 0.3 0.6 0.9 1.2 1.6; do
    killed_when "$delay s" sleep "$delay"
done
expect 0 start
in_session 0 true
expect 0 stop
not_mounted

# the same for the one that waits for it
cleaned_up() {
    "$CCFS" -w "$raw" stop >/dev/null 2>&1 && nothing_runs && no_mount
}
for delay in 0.1 0.5 1; do
    "$CCFS" -w "$raw" start >/dev/null 2>&1 &
    start=$!
    sleep "$delay"
    kill -9 "$start" 2>/dev/null || true
    wait "$start" 2>/dev/null || true
    until_true "killed after $delay s, stop does not end it" cleaned_up
done

# --- two at once, that need the same network ---
docker network rm claude-net >/dev/null
starts=()
for name in one two; do
    "$CCFS" -w "$raw" start --name "$name" >"$work/$name" 2>&1 &
    starts+=($!)
done
for start in "${starts[@]}"; do
    wait "$start" || fail "two at once: $(cat "$work/one" "$work/two")"
done
for name in one two; do
    expect 0 exec --name "$name" -- true
    expect 0 stop --name "$name"
done

# --- the network, or its bridge, is somebody else's ---
docker network rm claude-net >/dev/null
docker network create claude-net >/dev/null
expect 4 start
warned 'that ccfs did not make'
docker network rm claude-net >/dev/null
ip link add claude0 type veth peer name claude0-peer
expect 1 start
warned 'claude0'
ip link del claude0
nothing_runs || fail "without a network something runs"
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
log_says '172.28.0.0/24 is taken'

# --- the workspace's disk is full: what does not fit is refused; with room the session goes on ---
mkdir "$work/small"
mount -t tmpfs -o size=64m,mode=755 none "$work/small"
full() { # ARG...
    "$CCFS" -w "$work/small/workspace" "$@"
}
full init >/dev/null
chown -R 1000:1000 "$work/small/workspace"
full start --name full >/dev/null 2>&1 || fail "no session on a small disk"
full exec --name full -- sh -c '
    cd /workspace
    echo before >shared/kept
    dd if=/dev/zero of=shared/much bs=1M count=100 2>/tmp/said && exit 1
    grep -q "No space left" /tmp/said' >"$work/out" 2>&1 || fail "on a full disk: $(<"$work/out")"
# nothing is changed any more once the journal itself has no room: only more of it helps
mount -o remount,size=128m "$work/small"
goes_on() {
    full exec --name full -- sh -c '
        cd /workspace
        rm -f shared/much && echo after >>shared/kept && cat shared/kept' >"$work/out" 2>&1
}
until_true "there is room again, and the session does not go on" goes_on
[[ $(<"$work/out") == $'before\nafter' ]] || fail "on a full disk: $(<"$work/out")"
full stop --name full >/dev/null
full verify >/dev/null || fail "a full disk spoils the journal"
umount "$work/small"

# --- the Engine dies: what it ran is ended by us, and the journal is whole ---
expect 0 start
in_session 0 sh -c 'echo kept >/workspace/shared/kept'
"$CCFS" -w "$raw" run --backend docker --session alone -- sleep 1000 2>"$work/alone" &
run=$!
runs_alone() {
    docker top claude-code-env-alone 2>/dev/null | grep -q 'sleep 1000'
}
until_true "it does not run" runs_alone
agents=$(docker inspect -f '{{.State.Pid}}' claude-code-env claude-code-env-alone)
kill -9 "$engine_job"
wait "$engine_job" 2>/dev/null || true
agents_ended() {
    local pid
    for pid in $agents; do
        ! kill -0 "$pid" 2>/dev/null || return 1
    done
}
until_true "an agent outlives its Engine's death" agents_ended
code=0
wait "$run" || code=$?
((code == 5)) || fail "run without its Engine: exit $code: $(<"$work/alone")"
grep -q 'the Docker Engine went away' "$work/alone" || fail "run does not say why it ended: $(<"$work/alone")"
until_true "the mount outlives the Engine's death" no_mount
expect 5 exec -- true
log_says 'the Docker Engine has let go of claude-code-env, so'
for pid in $(pgrep -f "containerd.*$work/docker-run" || true); do
    kill -9 "$pid" 2>/dev/null || true
done
rm -f "$work/docker.pid" "$work/docker-run/docker.pid"
start_engine
expect 0 stop
until_true "a container survives" nothing_runs
expect 0 history --session claude-code-env
said shared/kept
expect 0 verify
