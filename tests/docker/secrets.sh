#!/bin/bash
# secrets.sh - a container has its workspace's secrets in memory; the Engine never shows them.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
engine_options=(--debug) # it logs what it is asked for
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
export HOME=$work/home
mkdir "$HOME"
given_engine
given_workspace
given_image
readonly value=correct-horse-battery

"$CCFS" -w "$raw" secret set TOKEN <<<"$value" >/dev/null
printf 'one\ntwo\n' | "$CCFS" -w "$raw" secret set LINES >/dev/null
head -c 65536 /dev/zero | tr '\0' y | "$CCFS" -w "$raw" secret set LARGE >/dev/null
mine="$(id -u)"

engine_tells_nothing() {
    local id
    for id in $(docker ps -aq); do
        docker inspect "$id" | lacks "$value" || fail "inspect shows it"
        docker logs "$id" 2>&1 | lacks "$value" || fail "the container's log shows it"
        ! docker top "$id" 2>/dev/null | holds "$value" || fail "top shows it"
        docker diff "$id" | lacks secrets/ || fail "it was in the container's layer"
    done
    grep -q 'level=debug' "$work/docker.log" || fail "the Engine logs too little to tell"
    ! grep -qF "$value" "$work/docker.log" || fail "the Engine's own log shows it"
    # at rest: what the Engine keeps of containers, layers apart
    ! grep -rqaF "$value" "$work/docker/containers" "$work/docker-run" 2>/dev/null || fail "the Engine's files hold it"
}

# --- the request does not have it ---
expect 0 start --print
said '/run/secrets'
[[ $out != *"$value"* ]] || fail "start --print shows it"

# --- files in memory, the session user's alone ---
expect 0 start
in_session 0 cat /run/secrets/TOKEN
[[ $out == "$value" ]] || fail "the file says otherwise"
in_session 0 sh -c 'stat -c "%a %u %n" /run/secrets /run/secrets/*'
[[ $out == "500 $mine /run/secrets
400 $mine /run/secrets/LARGE
400 $mine /run/secrets/LINES
400 $mine /run/secrets/TOKEN" ]] || fail "they belong to others, or are open to them"
in_session 0 sh -c 'wc -c </run/secrets/LARGE; grep " /run/secrets " /proc/self/mounts'
[[ $out == $'65536\ntmpfs /run/secrets tmpfs rw,nosuid,nodev,noexec,'* ]] || fail "they are not in memory, or not whole: $out"
in_session 0 sh -c 'ls -A /workspace /workspace/*'
[[ $out != *secret* && $out != *TOKEN* ]] || fail "they are in the workspace"

# --- variables where that is asked for ---
in_session 0 sh -c 'echo "[$TOKEN]"'
[[ $out == '[]' ]] || fail "it is a variable unasked"
expect 0 exec --secret-env TOKEN --secret-env LINES -- sh -c 'echo "[$TOKEN][$LINES]$1"' sh rest
[[ $out == "[$value]"$'[one\ntwo]rest' ]] || fail "the variables are $out"
expect 1 exec --secret-env NOTHING -- true
warned 'this session has no secret NOTHING'
expect 7 exec --secret-env TOKEN -- sh -c 'exit 7'
expect 127 exec --secret-env TOKEN -- no-such-program
expect 0 exec --detach --secret-env TOKEN -- sh -c 'echo "detached with ${#TOKEN}"; exec sleep 1000'
until_true "the detached command says nothing" bash -c 'docker logs claude-code-env 2>&1 | grep -q "detached with '"${#value}"'"'
engine_tells_nothing
for process in /proc/[0-9]*; do # of the host's own: ccfs, its daemon, the Engine and its helpers
    tr '\0' '\n' <"$process/cgroup" 2>/dev/null | grep -q /docker/ && continue
    ! grep -qaF "$value" "$process/cmdline" "$process/environ" 2>/dev/null ||
        fail "a process of the host shows it: $(tr '\0' ' ' <"$process/cmdline")"
done
expect 0 logs
[[ $out != *"$value"* ]] || fail "ccfs logs shows it"

# --- the daemon dies: they are still there ---
kill -9 "$(daemon_pid)"
until_true "the mount does not come back" "$CCFS" -w "$raw" exec -- sh -c 'echo again >/workspace/shared/again 2>/dev/null'
in_session 0 cat /run/secrets/TOKEN
[[ $out == "$value" ]] || fail "they went with the daemon"

# --- one command in a container of its own; the configuration's variables ---
echo '{"secrets": {"env": ["TOKEN"]}}' >"$raw/.ccfs/config.json"
expect 0 run --backend docker -- sh -c 'cat /run/secrets/TOKEN; echo "[$TOKEN]"'
[[ $out == "$value[$value]" ]] || fail "run has $out"
echo '{"secrets": {"env": ["NOTHING"]}}' >"$raw/.ccfs/config.json"
expect 1 start --name other
warned 'no secret NOTHING; first: ccfs secret set NOTHING'
[[ -z $(docker ps -aq -f name=env-other) ]] || fail "what could not start is left"
rm "$raw/.ccfs/config.json"

# --- afterwards they are gone, and nothing kept them ---
expect 0 stop
[[ -n $(docker ps -aq) ]] || fail "the ended container is not kept"
docker export "$(docker ps -aq)" | lacks "$value" || fail "the ended container has it"
engine_tells_nothing
expect 0 history --json
[[ $out != *"$value"* ]] || fail "the history shows it"
expect 0 backup "$work/backup.tar.gz" --with-journal
gzip -dc "$work/backup.tar.gz" | lacks "$value" || fail "the backup has it"
! grep -rqaF "$value" "$raw" || fail "the workspace has it"

# --- an Engine that manages a swarm: its own secret of the same name goes before ours ---
ip link add swarm type veth peer name swarm-peer # an address that is not the loopback's
ip addr add 10.99.0.1/24 dev swarm
ip link set swarm up
docker swarm init --advertise-addr 10.99.0.1 --listen-addr 10.99.0.1 >"$work/swarm" 2>&1 || skip_swarm=1
if [[ -z ${skip_swarm:-} ]]; then
    printf '%s' "$value-of-the-swarm" | docker secret create TOKEN - >/dev/null
    printf '%s' "$value-there-only" | docker secret create THERE_ONLY - >/dev/null
    printf '%s' "$value-unasked" | docker secret create UNASKED - >/dev/null
    echo '{"secrets": {"env": ["THERE_ONLY"]}}' >"$raw/.ccfs/config.json"
    expect 0 start
    in_session 0 sh -c 'cat /run/secrets/TOKEN; echo "[$THERE_ONLY]"; ls /run/secrets; wc -l </run/secrets/LINES'
    [[ $out == "$value-of-the-swarm[$value-there-only]"$'\nLARGE\nLINES\nTHERE_ONLY\nTOKEN\n2' ]] ||
        fail "the swarm's secrets are not what the session has: $out"
    [[ -z $(docker service ls -q) ]] || fail "the service that read them is left"
    until_true "its container is left" bash -c '[[ -z $(docker ps -aq -f label=com.docker.swarm.service.name) ]]'
    engine_tells_nothing
    expect 0 exec --detach -- sh -c 'echo "it prints $THERE_ONLY"'
    until_true "nothing is in the log" bash -c 'docker logs claude-code-env 2>&1 | grep -q "it prints"'
    expect 0 incident --output "$work/incident.tar.gz"
    mkdir "$work/seen"
    tar -xzf "$work/incident.tar.gz" -C "$work/seen" --strip-components=1
    grep -qxE '.* it prints \[secret THERE_ONLY\]' "$work/seen/claude-code-env/log.txt" || fail "the log has not lost the secret"
    ! grep -rqaF "$value" "$work/seen" || fail "an incident's archive has it"
    expect 0 stop
    docker swarm leave --force >/dev/null
    expect 1 start
    warned 'no secret THERE_ONLY'
    rm "$raw/.ccfs/config.json"
    expect 0 start
    in_session 0 cat /run/secrets/TOKEN
    [[ $out == "$value" ]] || fail "without a swarm, ours is not used"
    expect 0 stop
else
    printf 'not tried: no swarm can be made here: %s\n' "$(tail -n 1 "$work/swarm")"
fi
