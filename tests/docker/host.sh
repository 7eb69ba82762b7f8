#!/bin/bash
# host.sh - which Engine: --docker-host of each verb, else the configuration's, DOCKER_HOST, the
# context in use.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_engine_and_workspace
readonly ours=unix://$engine nowhere=unix://$work/nowhere
export HOME=$work/home DOCKER_CONFIG=$work/contexts
mkdir -p "$HOME" "$DOCKER_CONFIG/contexts/meta/abc"
unset DOCKER_CONTEXT
end_with_engine() {
    local code=$?
    export DOCKER_HOST=$ours
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    end_docker_test
}
trap end_with_engine EXIT

# --- the option of each verb, against an environment that leads nowhere ---
export DOCKER_HOST=$nowhere
on_ours() { # VERB ARG...: only with the option
    local verb=$1
    shift
    expect 5 "$verb" "$@"
    warned 'no Docker Engine listens on'
    expect 0 "$verb" --docker-host "$ours" "$@"
}
on_ours image list
on_ours start --name host
on_ours exec --name host -- true
on_ours shell --name host </dev/null
on_ours claude --name host -- --version
on_ours logs --name host
on_ours stats --name host --json
on_ours restart --name host
on_ours stop --name host
on_ours reset --name host
on_ours run --backend docker -- true
expect 0 doctor --docker-host "$ours"
said 'Docker Engine'
said 'the image claude-code-container:latest is this ccfs'
expect 1 doctor --docker-host "$nowhere"
expect 2 start --docker-host tcp://192.0.2.1:2375
one_line
expect 2 image list --docker-host ssh://somewhere
one_line

# --- DOCKER_HOST ---
DOCKER_HOST=$ours expect 0 image list --json
said claude-code-container
DOCKER_HOST=$engine expect 0 image list # a path without a scheme

# --- the configuration goes before it, and is meant by image too ---
echo "{\"container\": {\"host\": \"$engine\"}}" >"$raw/.ccfs/config.json"
chown 1000:1000 "$raw/.ccfs/config.json"
expect 0 run --backend docker -- true
expect 0 image list --json
said claude-code-container
expect 5 image list --docker-host "$nowhere"
rm "$raw/.ccfs/config.json"

# --- contexts: by the environment's name, by the settings', and one that there is not ---
unset DOCKER_HOST
printf '{"Name":"here","Endpoints":{"docker":{"Host":"%s"}}}\n' "$ours" >"$DOCKER_CONFIG/contexts/meta/abc/meta.json"
DOCKER_CONTEXT=here expect 0 image list --json
said claude-code-container
echo '{"currentContext":"here"}' >"$DOCKER_CONFIG/config.json"
expect 0 image list --json
said claude-code-container
DOCKER_HOST=$nowhere expect 5 image list # which goes before a context
DOCKER_CONTEXT=elsewhere expect 3 image list
one_line
printf '{"Name":"here","Endpoints":{"docker":{"Host":"tcp://192.0.2.1:2375"}}}\n' >"$DOCKER_CONFIG/contexts/meta/abc/meta.json"
expect 2 image list
one_line
rm "$DOCKER_CONFIG/config.json"

# --- clean and destroy, the last of the verbs ---
export DOCKER_HOST=$nowhere
on_ours clean
expect 0 destroy --docker-host "$ours" --yes-destroy workspace
[[ ! -e $raw ]] || fail "destroy left it"
