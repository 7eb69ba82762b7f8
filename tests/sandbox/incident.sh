#!/bin/bash
# incident.sh - what runs is held, all that is known of it is kept, and it can go on as if nothing was.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap python3 sha256sum tar
given_folder
export HOME=$work/home
mkdir "$HOME"
given_workspace
readonly value='correct "horse" battery'

states_below() { # PID: of it and all that came from it
    local pid child
    for pid in "$@"; do
        awk '/^State:/ { print $2 }' "/proc/$pid/status"
        for child in $(pgrep -P "$pid"); do
            states_below "$child"
        done
    done
}
root_of() { # NAME
    "$CCFS" -w "$raw" status --json | python3 -c '
import json, sys
print([s["root_pid"] for s in json.load(sys.stdin)["sessions"] if s["name"] == sys.argv[1]][0])' "$1"
}
counts() { # NAME: the session goes on counting
    local before
    before=$(<"$raw/Projects/$1")
    sleep 0.5
    [[ $(<"$raw/Projects/$1") != "$before" ]]
}
unpack() { # ARCHIVE: its files are in $work/seen
    rm -rf "$work/seen"
    mkdir "$work/seen"
    tar -xzf "$1" -C "$work/seen" --strip-components=1 || fail "the archive cannot be read"
    (cd "$work/seen" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums inside are wrong"
    (cd "$(dirname "$1")" && sha256sum --quiet -c "$(basename "$1").sha256") || fail "the archive's own checksum is wrong"
}

"$CCFS" -w "$raw" secret set TOKEN <<<"$value" >/dev/null
begin() { # NAME: counts, with children that hold a secret
    "$CCFS" -w "$raw" run --session "$1" --secret-env TOKEN -- sh -c '
        python3 -c "import time; time.sleep(1000)" "$TOKEN" &
        n=0; while :; do n=$((n + 1)); echo $n >'"$1"'.new; mv '"$1.new $1"'; done' >/dev/null 2>&1 &
    until_true "session $1 does not begin" test -s "$raw/Projects/$1"
}
begin night
night=$!
begin day
day=$!

# --- one of them, by name ---
expect 0 incident night --output "$work/night.tar.gz"
said 'frozen      night  sandbox, '
said 'ccfs incident --thaw'
said 'ccfs undo --session 1'
! counts night || fail "it is not frozen"
until_true "the other one is frozen, too" counts day
[[ $(states_below "$(root_of night)" | sort -u | grep -v Z) == T ]] || fail "not all of its processes are stopped"
unpack "$work/night.tar.gz"
for file in incident.json status.json history.jsonl verify.json session-1/processes.jsonl backup.tar.gz; do
    [[ -s $work/seen/$file ]] || fail "the archive lacks $file"
done
[[ ! -e $work/seen/session-2 ]] || fail "the other session is in it"
grep -q '"frozen":true' "$work/seen/incident.json" || fail "the report does not say so"
grep -q 'time.sleep(1000)' "$work/seen/session-1/processes.jsonl" || fail "its processes are not listed"
python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$work/seen/history.jsonl" || fail "the history is broken"
grep -q Projects/night "$work/seen/history.jsonl" || fail "the history is not whole"

# --- no value of a secret in it, however it is written there ---
mv "$work/seen/backup.tar.gz" "$work/backup.tar.gz"
! grep -rqE 'horse.{1,4} battery' "$work/seen" || fail "a secret is in it: $(grep -rlE 'horse.{1,4} battery' "$work/seen")"
grep -q '\[secret TOKEN\]' "$work/seen/session-1/processes.jsonl" || fail "nothing was taken out: nothing was tried"

# --- the backup in it is one ---
expect 0 restore-backup "$work/backup.tar.gz" "$work/restored"
[[ -s $work/restored/Projects/night && -e $work/restored/.ccfs/journal.db ]] || fail "the backup is not whole"

# --- again is no other thing; all of them; JSON ---
expect 0 incident --json --output "$work/all.tar.gz"
said '"name":"night"'
said '"name":"day"'
said '"failures":[]'
! counts day || fail "the other one is not frozen"
expect 1 incident --output "$work/all.tar.gz"
warned 'is there already'
said 'frozen      night'
expect 1 incident nobody
one_line
warned 'no session nobody runs'
expect 2 incident --thaw --output "$work/x.tar.gz"
expect 1 incident --output "$raw/Projects/inside.tar.gz"
warned 'must lie outside'

# --- and on they go ---
expect 0 incident --thaw day
said 'goes on     day'
until_true "it does not go on" counts day
! counts night || fail "the other one goes on, too"
expect 0 incident --thaw --json
said '"frozen":false'
until_true "it does not go on" counts night
[[ $(states_below "$(root_of night)" | sort -u) != *T* ]] || fail "some of it is still stopped"

# --- a frozen one can be ended ---
expect 0 incident night --output "$work/end.tar.gz"
kill -9 "$(root_of night)"
wait "$night" || true
kill "$day"
wait "$day" || true
not_mounted

# --- nothing runs any more: what is there is kept all the same ---
expect 0 incident
said 'no session runs'
unpack "$HOME"/claude-incident-*.tar.gz
grep -q Projects/night "$work/seen/history.jsonl" || fail "the history is not in it"

# --- a step that fails is said, and the rest goes on ---
chmod 644 "$HOME"/.config/ccfs/secrets/*/TOKEN
expect 1 incident --output "$work/unknown.tar.gz"
warned 'collect anything that could hold a secret'
unpack "$work/unknown.tar.gz"
[[ -s $work/seen/backup.tar.gz && ! -e $work/seen/history.jsonl ]] || fail "what could hold a secret was collected"
grep -q 'could hold a secret' "$work/seen/incident.json" || fail "the report does not say what failed"
[[ -z $(find "$work" "$HOME" -maxdepth 1 -name '.*' -name '*incident*') ]] || fail "something half is left"
