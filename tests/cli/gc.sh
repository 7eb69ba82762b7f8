#!/bin/bash
# gc.sh - what is beyond a limit goes, with a daemon and without one; verify holds, undo says what went.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need sqlite3
need_fuse
given_workspace
journal=$raw/.ccfs/journal.db
mnt=$work/mnt

destroy() { # NAME...
    local name
    for name in "$@"; do
        echo "content of $name" >"$mnt/Projects/$name"
        rm "$mnt/Projects/$name"
    done
}

removal() { # NAME: the number of the event that removed it
    sqlite3 "file:$journal?mode=ro" "SELECT e.id FROM event e JOIN path p ON p.id = e.path
        WHERE e.op = 6 AND CAST(p.bytes AS TEXT) = 'Projects/$1'"
}

# words
expect 0 gc --help
said "--dry-run"
expect 2 gc --vault-age soon
one_line
expect 2 gc --vault-size much
one_line
expect 2 gc --pack-after cold
one_line
expect 0 gc
said "nothing to drop"

# beside a mount: first only told, then done, and it is an event
expect 0 mount "$mnt"
destroy a b c d
expect 0 gc --dry-run --vault-count 1
said "would drop 3 old contents"
expect 0 status --json
said '"vault_versions":4'
expect 0 gc --vault-count 1 --json
said '"versions":3'
expect 0 verify
said "sound:"
expect 0 history --op gc
said "gc"
expect 0 status
said " of 20.0 GiB"

# what went is told by show and undo, and nothing is half done
expect 0 show "$(removal a)"
said "dropped by gc on"
expect 1 cat Projects/a --at "#$(removal a)"
warned "its old content was dropped by gc on"
expect 4 undo --yes "$(removal a)" "$(removal d)"
[[ $out$errs == *"its old content was dropped by gc on"* ]] || fail "undo does not say what went"
[[ ! -e $mnt/Projects/d ]] || fail "half of an undo was done"
expect 0 undo --yes "$(removal d)"
[[ $(<"$mnt/Projects/d") == "content of d" ]] || fail "what was kept did not come back"
expect 0 status --json
counted=$(grep -o '"vault_bytes":[0-9]*' <<<"$out") # by the daemon, without a look at the vault
expect 0 umount
expect 0 status --json
said "$counted"

# without a daemon
expect 0 mount "$mnt"
destroy e f
expect 0 umount
expect 0 gc --vault-count 1
said "dropped"
expect 0 verify
said "sound:"

# what is cold is packed, and read and brought back like any other (where the filesystem clones, an
# old content costs nothing and stays as it is)
expect 0 mount "$mnt"
seq 1 20000 >"$mnt/Projects/long"
expect 0 umount # else both may be one event
expect 0 mount "$mnt"
seq 20000 40000 | dd of="$mnt/Projects/long" conv=notrunc status=none
overwrite=$("$CCFS" -w "$raw" history --op write --json Projects/long | sed -n 's/^{"id":\([0-9]*\).*/\1/p' | sort -n | tail -1)
sync -f "$mnt/Projects/long"
expect 0 umount
sleep 2
expect 0 gc --dry-run --pack-after 1s
expect 0 gc --pack-after 1s --json
said '"packed":'
if compgen -G "$raw/.ccfs/vault/*/*.zst" >/dev/null; then
    [[ $out =~ \"packed\":[1-9] ]] || fail "gc does not say that it packed"
    zst=$(compgen -G "$raw/.ccfs/vault/*/*.zst" | head -n 1)
    [[ ! -e ${zst%.zst} ]] || fail "what was packed is there twice"
fi
expect 0 verify
said "sound:"
[[ $("$CCFS" -w "$raw" cat Projects/long --at "#$overwrite" | cksum) == "$(seq 1 20000 | cksum)" ]] ||
    fail "cat does not give what was packed"
expect 0 undo --yes "$overwrite"
seq 1 20000 | cmp - "$raw/Projects/long" || fail "undo does not give back what was packed"
expect 0 verify

# floors: the last session is held
"$CCFS" -w "$raw" run -- sh -c 'cd /workspace/shared && echo x >y && rm y' >/dev/null 2>&1 || true
expect 0 gc --vault-count 0 --vault-size 1 --keep-age 1h
said "held back"
expect 0 verify

# config.json
echo '{"retention": {"vault": {"size": "1g", "age": "never"}}}' >"$raw/.ccfs/config.json"
expect 3 gc
one_line
echo '{"retention": {"vault": {"size": "1g", "age": "30d", "pack_after": "none"}, "events": {"age": "none"}, "keep": {"sessions": 2}}}' >"$raw/.ccfs/config.json"
expect 0 gc --dry-run
expect 0 status
said " of 1.0 GiB"
