#!/bin/bash
# life.sh - sessions in containers from start to clean, what they did, and what survives what.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
given_engine

# --- what is missing is named ---
given_workspace
chown -R 1000:1000 "$raw"
expect 5 start
warned 'ccfs image build'
expect 1 exec -- true
warned 'does not run; first: ccfs start'
expect 0 stop
said 'did not run'
given_image
expect 0 image list --json
said '"name":"claude-code-container:latest"'

# --- a session that deletes everything, and the way back ---
mkdir -p "$raw/Projects/app/src"
for i in 1 2 3; do
    seq "$i" 500 >"$raw/Projects/app/src/$i.txt"
done
ln "$raw/Projects/app/src/1.txt" "$raw/Projects/app/hard"
chown -R 1000:1000 "$raw/Projects"
(cd "$raw/Projects" && tar -cf - . | sha256sum) >"$work/before"
expect 0 start
in_session 0 sh -c 'rm -rf /workspace/Projects/* && ls /workspace/Projects | wc -l'
said 0
container=$(docker inspect -f '{{.Id}}' claude-code-env)
expect 0 history --session claude-code-env --json
[[ $out == *"\"container\":\"$container\""* ]] || fail "no event names the container"
said '/rm"'
expect 0 undo --session claude-code-env --yes
(cd "$raw/Projects" && tar -cf - . | sha256sum) >"$work/after"
cmp -s "$work/before" "$work/after" || fail "undo did not bring everything back"

# --- several at once, told apart; one of a name ---
expect 8 start
warned 'runs already'
expect 0 start --name second --network none
expect 0 exec --name second -- sh -c 'echo 2 >/workspace/shared/two; ls /sys/class/net'
[[ $out == lo ]] || fail "network none is not none: $out"
in_session 0 sh -c 'echo 1 >/workspace/shared/one'
expect 0 history --session claude-code-env-second
said shared/two
[[ $out != *shared/one* ]] || fail "the sessions are mixed up"
in_session 7 sh -c 'exit 7'
in_session 127 no-such-program
in_session 126 /etc/passwd
expect 0 stop --name second

# --- what it says, and what it uses ---
expect 0 exec --detach -- sh -c 'echo "said in the background"; echo and wrong >&2'
has_said() {
    expect 0 logs
    [[ $out == *'said in the background'* && $errs == *'and wrong'* ]]
}
until_true "the logs lack what was said in the background" has_said
expect 0 stats --json
said '"memory_limit":'
expect 0 exec --cd shared -- pwd
[[ $out == /workspace/shared ]] || fail "--cd goes to $out"

# --- the daemon dies: everything fails until it is back, and then goes on, mediated ---
kill -9 "$(daemon_pid)"
until_true "the mount does not come back" \
    "$CCFS" -w "$raw" exec -- sh -c 'echo again >/workspace/shared/again 2>/dev/null'
expect 0 history --session claude-code-env
said shared/again
expect 0 stop
not_mounted
[[ -z $(docker ps -q) ]] || fail "something runs after stop"

# --- the keeper dies: its containers die too, and the next start cleans up ---
expect 0 start
keeper=$(pgrep -f -- "-w $raw start --foreground")
kill -9 "$keeper"
until_true "the containers outlive their keeper" bash -c '[[ -z $(docker ps -q) ]]'
until_true "the mount outlives its session" no_mount
expect 0 restart
in_session 0 true

# --- one command in a container of its own ---
expect 0 run --backend docker --session once -- sh -c 'echo 3 >three; id -u'
[[ $out == 1000 ]] || fail "run says $out"
warned 'created 1'
expect 7 run --backend docker -- sh -c 'cat; exit 7'
expect 127 run --backend docker -- no-such-program
[[ -z $(docker ps -aq -f name=env-run)$(docker ps -aq -f name=env-once) ]] || fail "run leaves containers behind"
echo piped | "$CCFS" -w "$raw" run --backend docker -- cat >"$work/piped" 2>/dev/null
[[ $(<"$work/piped") == piped ]] || fail "stdin does not arrive"
"$CCFS" -w "$raw" run --backend docker --session killed -- sleep 1000 2>/dev/null &
run=$!
until_true "it does not start" bash -c 'docker top claude-code-env-killed | grep -q "sleep 1000"'
kill -TERM "$run"
code=0
wait "$run" || code=$?
((code == 143)) || fail "run ended with $code"
[[ -z $(docker ps -aq -f name=killed) ]] || fail "SIGTERM leaves its containers"

# --- killed from outside ---
docker kill claude-code-env >/dev/null
until_true "its keeper does not notice" no_mount
until_true "the holder outlives its agent" nothing_runs

# --- out of memory is said ---
echo '{"container": {"memory": "64m"}}' >"$raw/.ccfs/config.json"
expect 0 start
in_session 137 python3 -c 'x = bytearray(512 << 20)'
expect 0 stop
rm "$raw/.ccfs/config.json"

# --- two starts at once: one wins, one is told ---
codes=()
for i in 1 2; do
    "$CCFS" -w "$raw" start >"$work/race.$i" 2>&1 &
done
for job in $(jobs -p); do
    [[ $job != "$engine_job" ]] || continue
    code=0
    wait "$job" || code=$?
    codes+=("$code")
done
[[ "${codes[*]}" == '0 8' || "${codes[*]}" == '8 0' ]] || fail "two starts: ${codes[*]}: $(cat "$work"/race.*)"
expect 0 reset
[[ -z $(docker ps -aq -f 'name=^/claude-code-env(-net|-nft)?$') ]] || fail "reset leaves containers"

# --- a name or a network that is somebody else's ---
docker run -d --network none --name claude-code-env claude-code-container sleep 1000 >/dev/null
expect 4 start
warned 'that ccfs did not make'
docker rm -f claude-code-env >/dev/null
expect 0 clean
[[ -z $(docker ps -aq)$(docker images -q)$(docker network ls -q -f name=claude-net) ]] || fail "clean leaves something"
[[ -d $raw/Projects/app/src ]] || fail "clean took the workspace along"

# --- and the workspace itself ---
expect 4 destroy --yes-destroy somethingelse
[[ -d $raw ]] || fail "the wrong name destroyed it"
expect 0 destroy --yes-destroy workspace
[[ ! -e $raw ]] || fail "destroy left it"
