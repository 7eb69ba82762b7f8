#!/bin/bash
# build.sh - the image as a registry's bases, our Dockerfile, apt and npm make it, what a person sees
# meanwhile, and a session in it.
#
# The registry is the test's own, with bases made by debootstrap; apt and npm are reached through a
# proxy that leads to them only.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
# shellcheck source=tests/support/terminal.sh
. "$(dirname "$0")/../support/terminal.sh"
need node curl
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || skip "there is no list of trusted certificates here"
npm_folder=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
given_folder
chmod 755 "$work"

given_bases() { # into $image_cache: base.tar and node.tar
    local lock root=$image_cache/base
    mkdir -p "$image_cache"
    exec {lock}>"$image_cache/lock"
    flock "$lock"
    if [[ ! -e $image_cache/node.tar ]]; then
        rm -rf -- "$root"
        nsenter --net=/proc/self/fd/19 debootstrap --variant=minbase bookworm "$root" \
            >"$image_cache/log" 2>&1 || skip "debootstrap gets no Debian here"
        rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
        tar -C "$root" -cf "$image_cache/base.tar" .
        mkdir -p "$root/usr/lib/node_modules"
        cp "$(readlink -f "$(command -v node)")" "$root/usr/bin/node"
        cp -a "$npm_folder" "$root/usr/lib/node_modules/npm"
        ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
        # whom this machine trusts, so does npm in there
        install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/trusted.crt"
        tar -C "$root" -cf "$image_cache/node.new" .
        rm -rf -- "$root"
        mv "$image_cache/node.new" "$image_cache/node.tar"
    fi
    flock -u "$lock"
    exec {lock}>&-
}

engine_options=(--registry-mirror http://127.0.0.1:5000)
given_bases
given_engine
helper() { # SCRIPT WORD...
    local ready word script=$1
    shift
    exec {ready}< <(exec python3 "$here/support/$script" "$@")
    read -r -t 120 -u "$ready" word || true
    [[ ${word:-} == ready ]] || fail "$script does not start"
}
helper registry.py 5000 "library/debian:bookworm-slim=$image_cache/base.tar" \
    "library/node:22-bookworm-slim=$image_cache/node.tar,NODE_EXTRA_CA_CERTS=/trusted.crt"
registry=$!
bridge=$(ip -4 -o addr show docker0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
helper forward.py "$bridge" 3128 19 deb.debian.org registry.npmjs.org
export http_proxy=http://$bridge:3128 https_proxy=http://$bridge:3128 HTTPS_PROXY=http://$bridge:3128
for wanted in http://deb.debian.org/debian/dists/bookworm/InRelease \
    https://registry.npmjs.org/@anthropic-ai%2fclaude-code; do
    curl -sf -o /dev/null "$wanted" || skip "$wanted is out of reach"
done
! curl -sf -o /dev/null http://example.com/ || fail "the test's proxy leads elsewhere"

# --- the whole, in lines ---
given_workspace
chown -R 1000:1000 "$raw"
expect 0 image build --from registry --verbose
said 'made claude-code-container:latest with Claude Code'
for line in 'pulling debian:bookworm-slim' 'pulling debian:bookworm-slim: 100%' 'pulling node:22-bookworm-slim' \
    'building the image'; do
    warned "$line"
done
docker history --no-trunc claude-code-container >"$work/history"
! grep -q "$bridge" "$work/history" || fail "the proxy's address is in the image"
expect 0 image list --json
said '"name":"claude-code-container:latest"'

# --- it is what a session needs ---
expect 0 start
[[ $errs != *'was made by'* ]] || fail "a new image is called old"
in_session 0 claude --version
said 'Claude Code'
in_session 1 sh -c 'find / -xdev -type f -perm /6000 2>/dev/null | grep .'
in_session 0 sh -c 'git config user.email; id -un; command -v rg nft squid jq curl'
said dev@container.local
expect 0 restart --network allowlist
expect 0 stop

# --- on a terminal: a bar; and Ctrl-C ends it ---
docker image rm -f claude-code-container debian:bookworm-slim node:22-bookworm-slim >/dev/null
docker system prune -af >/dev/null
given_terminal end_docker_test
outer_shell 100
type_in "'$CCFS' -w '$raw' image build --from registry"
until_true "there is no bar" shows 'pulling debian:bookworm-slim [#'
tmux_ send-keys C-c
type_in 'echo ended with $?'
until_true "Ctrl-C does not end it" shows 'ended with 130'
! docker image inspect claude-code-container >/dev/null 2>&1 || fail "half an image has its name"

# --- a registry that does not have it ---
kill "$registry"
docker image rm -f debian:bookworm-slim node:22-bookworm-slim >/dev/null 2>&1 || true
expect 1 image build --from registry
warned 'ccfs: Docker: '
