#!/bin/bash
# history.sh - looking back by process and by zone, as a spreadsheet, and as it happens.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
given_workspace
mnt=$work/mnt
expect 0 mount "$mnt"

# a program and all that it started, whoever their parents are by now
cat >"$work/postinstall" <<'EOF'
#!/bin/bash
cd "$1" || exit 1
echo 1 >mine
sh -c 'echo 2 >childs; (echo 3 >orphans; while kill -0 $$ 2>/dev/null; do sleep 0.1; done; echo 4 >late) &
       until [ -e orphans ]; do sleep 0.1; done' & child=$!
wait "$child"
until [ -e late ]; do sleep 0.1; done
EOF
cp /bin/bash "$work/installer"
"$work/installer" "$work/postinstall" "$mnt/Projects"
echo other >"$mnt/Projects/others"
expect 0 history --actor installer --all
for name in mine childs orphans late; do
    said "Projects/$name"
done
[[ $out != *others* ]] || fail "what somebody else did is shown too"
expect 0 history --actor "$work/inst*" --json --op create
[[ $(grep -c . <<<"$out") == 4 ]] || fail "not four creations"
pid=$(sed -n 's/.*"path":"Projects\/childs".*"tgid":\([0-9]*\).*/\1/p' <<<"$out")
expect 0 history --actor "$pid" --json --op create
[[ $out == *childs* && $out == *orphans* && $out != *mine* ]] || fail "--actor PID"
expect 0 history --actor nobody-of-this-name --json
[[ -z $out ]] || fail "nobody did something"

# undo of it leaves the others' work alone
expect 2 undo --actor
expect 0 undo --actor installer --yes
[[ ! -e $mnt/Projects/mine && ! -e $mnt/Projects/childs && ! -e $mnt/Projects/orphans &&
    ! -e $mnt/Projects/late ]] ||
    fail "something of the installer is left"
[[ $(<"$mnt/Projects/others") == other ]] || fail "the undo went too far"

# of a file that came and went, the time of its folder is left to put back
folder_time() {
    stat -c %y "$raw/Projects"
}
was=$(folder_time)
bash -c 'echo 1 >"$1/short"; rm "$1/short"' guest "$mnt/Projects"
[[ $(folder_time) != "$was" ]] || fail "the folder's time did not change"
expect 0 undo --path Projects/short --yes
said reset
[[ $(folder_time) == "$was" ]] || fail "the folder's time is not back"
expect 0 undo --path Projects/short --yes
said "nothing to undo"

# a zone, without those within it
echo note >"$mnt/Documentation/note"
expect 0 history --zone Documentation --json --op create
[[ $out == *Documentation/note* && $out != *Projects* ]] || fail "--zone"
expect 2 history --zone Projects/none
one_line
expect 2 history --zone Nowhere
one_line
expect 0 umount
mkdir "$raw/Projects/secret"
printf '{"zones": {"Projects/secret": "wo"}}' >"$raw/.ccfs/config.json"
chmod 600 "$raw/.ccfs/config.json"
expect 0 mount "$mnt"
echo hush >"$mnt/Projects/secret/word"
expect 0 history --zone Projects --json --limit 5
[[ $out != *secret/word* && $out == *Projects* ]] || fail "a zone shows the one within it"
expect 0 history --zone Projects/secret --json --op create
[[ $out == *secret/word* && $out != *others* ]] || fail "the inner zone"

# CSV: a line an event, and no formula
echo x >"$mnt/Projects/=SUM(A1)"
expect 0 history --csv --op create Projects
[[ $out == id,time,session,op,path,* ]] || fail "no heading"
expect 0 history --csv --op create "Projects/=SUM(A1)"
said 'Projects/=SUM(A1)'
expect 0 history --csv --limit 1 --actor bash
expect 2 history --csv --json
one_line

# as it happens: each event once, a write when it has ended; also across another daemon
expect 2 history --follow --until now
one_line
"$CCFS" -w "$raw" history --follow --json --op write >"$work/came" &
follower=$!
came() { # N
    (($(grep -c '"path":"Projects/f' "$work/came") >= $1))
}
until_true "the first lines did not come" test -s "$work/came"
exec 7>"$mnt/Projects/f1"
echo one >&7
echo two >"$mnt/Projects/f2"
until_true "f2 was not told" came 1
exec 7>&-
until_true "f1 was not told" came 2
expect 0 umount
expect 0 mount "$mnt"
echo three >"$mnt/Projects/f3"
until_true "f3 was not told" came 3
kill "$follower"
wait "$follower" || true
[[ -z $(sed 's/,.*//' "$work/came" | sort | uniq -d) ]] || fail "an event was told twice"
! grep -q '"outcome":"open"' "$work/came" || fail "a write was told before it ended"

# it ends when nobody reads
code=0
timeout 60 bash -c '"$CCFS" -w "$1" history --follow --all | head -n 1 >/dev/null' - "$raw" || code=$?
((code == 0)) || fail "it went on without a reader"
expect 0 umount
