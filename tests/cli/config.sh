#!/bin/bash
# config.sh - a configuration that is not understood stops everything, with exit 3 and its place.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace

configure() {
    printf '%s\n' "$1" >"$raw/.ccfs/config.json"
    chmod 600 "$raw/.ccfs/config.json"
}

refused() { # TEXT SAYS
    local verb
    configure "$1"
    for verb in mount status; do
        expect 3 "$verb"
        one_line
        warned "$2"
    done
    expect 3 run -- true
    one_line
    not_mounted_quietly
}

not_mounted_quietly() { # status itself is refused here
    [[ ! -e $raw/.ccfs/control.sock ]] || fail "a daemon was started"
}

refused '{"zones":{"exprots":"wo"}}' 'config.json: zones.exprots: unknown key; did you mean "exports"?'
refused '{"zones":{"imports":7}}' 'zones.imports: must be'
refused '{"zones":{"Projects":"rw","Projects/":"ro"}}' 'same folder'
refused '{"zones":{"../elsewhere":"rw"}}' 'outside the workspace'
refused '{"zones":{"/etc":"rw"}}' 'leading /'
refused '{' 'not JSON'

configure '{"writes":"each"}'
chmod 666 "$raw/.ccfs/config.json"
expect 3 mount
one_line
warned 'written by others'

# and one that is understood is obeyed
configure '{"zones":{"imports":"rw","Research":"none","exports":{"mode":"wo","list":false}}}'
mkdir "$raw/exports/secret"
expect 2 run --cd /etc -- true
inside 0 'echo new >/workspace/imports/new && ! ls /workspace/Research && ! ls /workspace/exports'
[[ -e $raw/imports/new ]] || fail "imports is not writable"
