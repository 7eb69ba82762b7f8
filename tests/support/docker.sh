# docker.sh - a Docker Engine of the test's own: its socket, its data, its network.
#
# Sourced behind session.sh, before anything else.  The test runs in namespaces of its own, so that
# the Engine's bridges and rules are nobody else's, and nothing of it outlives the test.
#
#   given_engine    starts it: $engine is its socket, DOCKER_HOST says so
#   given_image     puts ccfs's image into it: made once for a build folder, without a registry
#   given_engine_and_workspace   both, and a workspace of the user 1000: $raw
#   nothing_runs    no container does
#   in_session CODE COMMAND...   ccfs exec -- COMMAND...
# shellcheck shell=bash

need_fuse
need_root
need dockerd docker debootstrap npm nft
# the machine's own network, in which what the image is made of is fetched
[[ -n ${CCFS_IN_WORLD:-} ]] || exec 19</proc/self/ns/net
# shellcheck source=tests/support/world.sh
. "$(dirname "${BASH_SOURCE[0]}")/world.sh"

engine=''
[[ -v engine_options ]] || engine_options=() # further ones of dockerd
readonly image_cache=${CCFS_TEST_BIN:-$repository/build/tests}/docker-image

given_engine() {
    local enough
    enough=$(df -Pk "${TMPDIR:-/tmp}" | awk 'NR == 2 { print ($4 > 6000000) }')
    [[ $enough == 1 ]] || skip "an Engine of its own needs 6 GB in ${TMPDIR:-/tmp}"
    ip link set lo up
    engine=$work/docker.sock
    export DOCKER_HOST=unix://$engine
    start_engine
    trap end_docker_test EXIT
}

start_engine() {
    dockerd --data-root "$work/docker" --exec-root "$work/docker-run" -H "unix://$engine" \
        -p "$work/docker.pid" "${engine_options[@]}" >>"$work/docker.log" 2>&1 &
    engine_job=$!
    for ((i = 0; i < 600; i++)); do
        docker info >/dev/null 2>&1 && return
        kill -0 "$engine_job" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "$work/docker.log" >&2
    skip "no Docker Engine starts here"
}

end_docker_test() {
    local code=$? id
    trap - EXIT
    if [[ -n $engine ]]; then
        for id in $(docker ps -aq 2>/dev/null); do
            docker rm -f "$id" >/dev/null 2>&1 || true
        done
        kill "$engine_job" 2>/dev/null || true
        wait "$engine_job" 2>/dev/null || true
        # what an Engine that was killed had mounted, in this namespace
        awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | tac |
            xargs -r -n 1 umount -l 2>/dev/null || true
    fi
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    end_session_test
}

# Debian by debootstrap and Claude Code by npm take minutes: kept in the build folder.
given_image() {
    local lock sum root saved=$image_cache/image.tar
    sum=$(cksum <"$repository/launcher/docker/image/packages")
    root=$image_cache/root-${sum%% *}
    mkdir -p "$image_cache"
    exec {lock}>"$image_cache/lock"
    flock "$lock"
    if [[ ! -e $saved || $CCFS -nt $saved && -n $(find "$repository/launcher/docker" -newer "$saved" -path '*/image*') ]]; then
        make_image "$root" "$saved"
    fi
    flock -u "$lock"
    exec {lock}>&-
    docker image inspect claude-code-container:latest >/dev/null 2>&1 ||
        docker load -q -i "$saved" >/dev/null || fail "the kept image cannot be loaded"
}

make_image() { # ROOT SAVED
    local outside=(nsenter --net=/proc/self/fd/19)
    [[ -e $1/etc/debian_version ]] || {
        rm -rf -- "$image_cache"/root*
        "${outside[@]}" debootstrap --variant=minbase \
            --include="$(paste -sd, "$repository/launcher/docker/image/packages")" \
            bookworm "$1" >"$image_cache/log" 2>&1 || {
            rm -rf -- "$1"
            skip "debootstrap gets no Debian here"
        }
    }
    "${outside[@]}" "$CCFS" image build --root "$1" >"$image_cache/log" 2>&1 || skip "npm gets no Claude Code here"
    docker save -o "$2.new" claude-code-container:latest
    mv -- "$2.new" "$2"
}

given_engine_and_workspace() {
    given_folder
    chmod 755 "$work"
    given_engine
    given_image
    given_workspace
    chown -R 1000:1000 "$raw"
}

nothing_runs() {
    [[ -z $(docker ps -q) ]]
}

in_session() { # CODE COMMAND...
    local want=$1
    shift
    expect "$want" exec -- "$@"
}

# Who keeps a session says why it ended when all of it is cleaned up.
logged() { # TEXT [WORKSPACE]
    grep -qF -- "$1" "${2:-$raw}/.ccfs/daemon.log"
}
log_says() { # TEXT [WORKSPACE]
    until_true "the log lacks: $1" logged "$@"
}
