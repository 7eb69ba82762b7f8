#!/bin/bash
# locked.sh - another program holds the journal's database: whoever waits is told for what, and gives up with
# exit 8; when it lets go, all goes on and nothing was lost.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need python3
need_fuse
given_workspace
mnt=$work/mnt
holder=''

hold() {
    python3 - "$raw/.ccfs/journal.db" "$work/held" <<'PY' &
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open(sys.argv[2], "w").close()
time.sleep(100)
PY
    holder=$!
    until_true "nobody holds the database" test -e "$work/held"
    rm "$work/held"
}

let_go() {
    kill "$holder"
    wait "$holder" 2>/dev/null || true
}

# nobody has it mounted
hold
expect 8 history
warned "another program holds .ccfs/journal.db locked"
let_go
expect 0 history

# beside a daemon, whose queue waits meanwhile
expect 0 mount "$mnt"
hold
echo text >"$mnt/Projects/file"
expect 8 history
warned "waiting for the daemon to write the journal"
warned "another program holds .ccfs/journal.db locked"
[[ $(<"$mnt/Projects/file") == text ]] || fail "the mount does not answer"
let_go
expect 0 history
said "Projects/file"
expect 0 umount
