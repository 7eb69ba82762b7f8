#!/bin/bash
# backup.sh - a workspace as an archive and back, byte for byte, also while a session goes on writing.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/manifest.sh
. "$here/support/manifest.sh"
need_fuse
need setfattr tar
given_workspace
umask 022

fill() { # FOLDER
    mkdir -p "$1/site/empty"
    printf 'one\n' >"$1/site/page"
    ln "$1/site/page" "$1/site/twin"
    ln -s page "$1/site/link"
    mkfifo "$1/site/pipe"
    truncate -s 3000000 "$1/site/holes"
    printf 'end' | dd of="$1/site/holes" bs=1 seek=2999997 conv=notrunc status=none
    setfattr -n user.colour -v blue "$1/site/page"
    chmod 750 "$1/site/empty"
    touch -d '2001-02-03T04:05:06.789' "$1/site/page"
    printf 'odd\n' >"$1/site/"$'new\nline \xff'
}

same_as_before() { # FOLDER
    manifest "$1" >"$work/now"
    manifest_same "$work/before" "$work/now" || fail "it is not as it was"
}

# nothing runs: packed, unpacked, the same
fill "$raw/Projects"
manifest "$raw" >"$work/before"
expect 0 backup "$work/plain.tar.gz" --json
[[ $out == *'"rebuilt":0,"as_is":0'* ]] || fail "something changed meanwhile: $out"
sum=$(sha256sum <"$work/plain.tar.gz")
[[ $out == *"${sum%% *}"* ]] || fail "another checksum"
tar -tzf "$work/plain.tar.gz" >"$work/list" 2>/dev/null
! grep -q ccfs "$work/list" || fail "the state is in it"
expect 0 restore-backup "$work/plain.tar.gz" "$work/again" --sha256 "${sum%% *}"
same_as_before "$work/again"
[[ $(stat -c %h "$work/again/Projects/site/twin") == 2 ]] || fail "the hard link is a copy"
(($(stat -c %b "$work/again/Projects/site/holes") < 1000)) || fail "the holes are filled"
"$CCFS" -w "$work/again" status >/dev/null || fail "it is no workspace"

# never over something, nothing half done
expect 4 backup "$work/plain.tar.gz"
one_line
expect 4 restore-backup "$work/plain.tar.gz" "$work/again"
one_line
expect 10 restore-backup "$work/plain.tar.gz" "$work/other" --sha256 00
one_line
head -c 500 "$work/plain.tar.gz" >"$work/cut.tar.gz"
expect 1 restore-backup "$work/cut.tar.gz" "$work/other"
one_line
[[ ! -e $work/other && -z $(compgen -G "$work/.ccfs-unpacking-*") ]] || fail "half of it is there"
expect 2 backup "$raw/Projects/inside.tar.gz"
one_line

# what gets out of its folder is not unpacked
mkdir "$work/evil"
ln -s "$work/evil" "$work/evil/door"
printf 'x' >"$work/evil/x"
tar -C "$work/evil" -czf "$work/evil.tar.gz" door x --transform 's,^x$,door/planted,'
rm "$work/evil/x"
expect 1 restore-backup "$work/evil.tar.gz" "$work/other"
[[ ! -e $work/evil/planted && ! -e $work/other ]] || fail "something got out"

# nor is a device, which no backup holds
tar -czf "$work/device.tar.gz" -C / dev/null 2>/dev/null
expect 10 restore-backup "$work/device.tar.gz" "$work/other"
one_line
[[ ! -e $work/other ]] || fail "a device was unpacked"

# nor does a file get what it would have of its owner's or of root's rights
printf '#!/bin/sh\n' >"$raw/Projects/site/mighty"
chmod 6755 "$raw/Projects/site/mighty"
mighty=$(((EUID == 0)) && setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 \
    "$raw/Projects/site/mighty" 2>/dev/null && echo yes || true)
expect 0 backup "$work/mighty.tar.gz"
expect 0 restore-backup "$work/mighty.tar.gz" "$work/mighty"
[[ $(stat -c %a "$work/mighty/Projects/site/mighty") == 755 ]] || fail "setuid came out of an archive"
[[ -z $mighty || -z $(getfattr -m- "$work/mighty/Projects/site/mighty" 2>/dev/null) ]] ||
    fail "a capability came out of an archive"
[[ $(getfattr --only-values -n user.colour "$work/mighty/Projects/site/page" 2>/dev/null) == blue ]] || fail "other attributes do not"
rm "$raw/Projects/site/mighty"

# left out
expect 0 backup "$work/few.tar.gz" --exclude site
tar -tzf "$work/few.tar.gz" | lacks site || fail "site is in it"

# while somebody goes on changing everything: as it was when it began
expect 0 mount "$work/mnt"
for i in {1..400}; do
    printf '%s\n' "$i" >"$raw/Projects/site/f$i"
done
head -c 30000000 /dev/urandom >"$raw/Projects/a-large-one"
manifest "$raw" >"$work/before"
expect 0 history --limit 1
(
    cd "$work/mnt/Projects"
    until [[ -e $work/go ]]; do sleep 0.01; done
    sleep 0.2
    rm site/f[1-3]*
    printf 'over' >site/page
    mv site moved
    printf 'new\n' >moved/new
    printf 'b' | dd of=a-large-one bs=1 seek=20000000 conv=notrunc status=none
) &
changer=$!
touch "$work/go"
expect 0 backup "$work/busy.tar.gz" --json
wait "$changer"
expect 0 restore-backup "$work/busy.tar.gz" "$work/busy"
same_as_before "$work/busy"

# with the journal: its history can be read, and verified
expect 0 backup "$work/whole.tar.gz" --with-journal
expect 0 restore-backup "$work/whole.tar.gz" "$work/whole"
"$CCFS" -w "$work/whole" history --json --op rename | grep -q '"to":"Projects/moved"' ||
    fail "the history is not in it"
"$CCFS" -w "$work/whole" verify >/dev/null || fail "its journal does not verify"

# and whoever made it wrote its configuration: that is said
[[ $errs != *configuration* ]] || fail "there is none"
(umask 077 && echo '{"zones": {"imports": "rw"}}' >"$raw/.ccfs/config.json")
expect 0 backup "$work/open.tar.gz" --with-journal
expect 0 restore-backup "$work/open.tar.gz" "$work/open"$'\33[31m'
warned 'the archive brought a configuration'
[[ $out$errs != *$'\33'* ]] || fail "the folder's name reaches the terminal"
