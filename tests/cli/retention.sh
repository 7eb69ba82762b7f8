#!/bin/bash
# retention.sh - the vault stays within its budget by itself; what a running session did is held, and
# when there is no room for more, it is refused and still there; a cut-off or ended session makes room.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need sqlite3
need_fuse
given_workspace
mnt=$work/mnt
readonly budget=$((16 << 20))

given_files() { # FOLDER COUNT: of a MiB each, all different
    local i
    mkdir -p "$raw/shared/$1"
    for ((i = 1; i <= $2; i++)); do
        head -c 1048576 /dev/urandom >"$raw/shared/$1/$i"
    done
}

vault_bytes() {
    "$CCFS" -w "$raw" status --json | sed -n 's/.*"vault_bytes":\([0-9]*\).*/\1/p'
}

echo '{"retention": {"vault": {"size": "16m"}}}' >"$raw/.ccfs/config.json"

# outside a session the oldest make room for the newest: nothing is refused
given_files many 40
expect 0 mount "$mnt"
for ((i = 1; i <= 40; i++)); do
    rm "$mnt/shared/many/$i" || fail "removal $i was refused though others could have gone"
done
(($(vault_bytes) <= budget)) || fail "the vault is beyond its budget: $(vault_bytes)"
expect 0 verify
said "sound:"
expect 0 history --op gc
said "gc"
expect 0 umount

# a session: its own old contents are held, so there is an end
given_files held 24
inside 1 'cd /workspace/shared/held && rm -f 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24'
warned "No space left on device"
left=$(find "$raw/shared/held" -type f | wc -l)
((left >= 8 && left < 24)) || fail "$left files are left"
expect 0 verify
said "sound:"

# all of it comes back
expect 0 undo --session "$(sqlite3 "file:$raw/.ccfs/journal.db?mode=ro" 'SELECT max(id) FROM session')" --yes
[[ $(find "$raw/shared/held" -type f | wc -l) == 24 ]] || fail "not everything came back"
