#!/bin/bash
# verify.sh - what was recorded is sound beside a mount and without one, and what was changed is named.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need sqlite3 openssl
need_fuse
given_workspace
journal=$raw/.ccfs/journal.db
mnt=$work/mnt

tamper() { # SQL
    cp -a "$raw/.ccfs" "$work/kept"
    sqlite3 "$journal" "$1"
}

mend() {
    rm -rf -- "$raw/.ccfs"
    mv "$work/kept" "$raw/.ccfs"
}

is_hashed() {
    (($(sqlite3 "file:$journal?mode=ro" 'SELECT count(*) FROM hash') >= 2))
}

# words
expect 0 verify --help
said "--quick"
expect 2 verify --seal nonsense
one_line
expect 2 verify --seal 1:12zz
expect 2 verify surplus
raw=$work/none expect 1 verify
one_line
expect 1 verify --key "$work/none.pub"
one_line

# an empty journal, then one with a deletion, beside the mount
expect 0 verify
said "sound:"
expect 0 mount "$mnt"
echo first >"$mnt/Projects/file"
echo second >"$mnt/Projects/file"
mkdir "$mnt/Projects/folder"
rm "$mnt/Projects/file"
expect 0 verify
said "sound:"
expect 0 verify --quick --json
said '"sound":true'
until_true "nothing was hashed" is_hashed
expect 0 umount
before=$(sha256sum "$journal" | cut -d' ' -f1)
expect 0 verify
said "checked by content"
[[ $before == "$(sha256sum "$journal" | cut -d' ' -f1)" ]] || fail "verify wrote to the journal"
seal=${out##*last seal }

# the seal that it named is known again
expect 0 verify --seal "$seal"
expect 10 verify --seal "${seal%%:*}:0000000000000000"
one_line
expect 10 verify --seal 999:0000000000000000
one_line

# history tells the checksums
expect 0 history --json --op unlink
said "$(echo second | sha256sum | cut -d' ' -f1)"

# a changed event, a removed one, a cut chain: exit 10, one line, the event's number
id=$(sqlite3 "$journal" 'SELECT id FROM event WHERE op = 6')
tamper "UPDATE event SET time = time + 1 WHERE id = $id"
expect 10 verify
one_line
warned "event #$id was changed"
expect 10 verify --json
said '"sound":false'
said "\"event\":$id"
mend
tamper "DELETE FROM event WHERE id = $id"
expect 10 verify --quick
one_line
warned "event #$id is missing"
mend
tamper "DELETE FROM seal WHERE id = (SELECT max(id) FROM seal)"
expect 10 verify
warned "cut off"
mend

# the vault
version=$(sqlite3 "$journal" "SELECT printf('%016x', version) FROM event WHERE id = $id")
file=$raw/.ccfs/vault/${version: -2}/$version
cp -a "$raw/.ccfs" "$work/kept"
touch -r "$file" "$work/time"
printf S | dd of="$file" conv=notrunc status=none
touch -r "$work/time" "$file"
expect 0 verify --quick
expect 10 verify
one_line
warned "what event #$id destroyed was changed"
rm "$file"
expect 10 verify --quick
warned "what event #$id destroyed is missing"
mend

# a forged one with size and time of an earlier state of the same file
then=$(sqlite3 "$journal" "SELECT printf('@%d.%09d', a_mtime / 1000000000, a_mtime % 1000000000)
    FROM event WHERE a_size = 6 AND object = (SELECT object FROM event WHERE id = $id) LIMIT 1")
cp -a "$raw/.ccfs" "$work/kept"
echo forge >"$file"
touch -d "$then" "$file"
expect 10 verify
one_line
warned "what event #$id destroyed was changed"
expect 4 undo "$id" --yes
[[ ! -e $raw/Projects/file ]] || fail "a forged content was brought back"
mend
expect 0 verify

# a signed journal
openssl genpkey -algorithm ed25519 -out "$work/seal.pem" 2>/dev/null
openssl pkey -in "$work/seal.pem" -pubout -out "$work/seal.pub"
openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -out "$work/other.pub"
echo "{\"journal\": {\"signing_key\": \"$work/seal.pem\"}}" >"$raw/.ccfs/config.json"
chmod 640 "$work/seal.pem"
expect 3 mount "$mnt"
one_line
warned "journal.signing_key"
chmod 600 "$work/seal.pem"
expect 10 verify --key "$work/seal.pub"
warned "no seal is signed"
expect 0 mount "$mnt"
echo signed >"$mnt/Projects/signed"
expect 0 umount
expect 0 verify --key "$work/seal.pub"
said "signed with SHA256:"
expect 0 verify --key "$work/other.pub" --key "$work/seal.pub"
expect 10 verify --key "$work/other.pub"
one_line
warned "another key"
tamper "UPDATE seal SET key = NULL, signature = NULL"
expect 10 verify
one_line
mend

# without the key: recorded, and sealed when it is there again
echo '{}' >"$raw/.ccfs/config.json"
expect 0 run -- true
expect 0 verify
said "not sealed yet"
grep -q "nothing more is sealed" "$raw/.ccfs/daemon.log" || fail "nobody said that the key is missing"
echo "{\"journal\": {\"signing_key\": \"$raw/Projects/seal.pem\"}}" >"$raw/.ccfs/config.json"
cp "$work/seal.pem" "$raw/Projects/seal.pem"
expect 3 run -- true
one_line
warned "lies in the workspace"
echo '{"journal": {"signing_key": "relative"}}' >"$raw/.ccfs/config.json"
expect 3 run -- true
one_line
rm "$raw/.ccfs/config.json"
not_mounted
