#!/bin/bash
# doctor.sh - the checklist: each thing that is wrong is said, with what to do; nothing is changed; and
# hostile repositories, names and files run nothing and show nothing.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need git
given_folder
export DOCKER_HOST=unix://$work/no-engine HOME=$work/home
mkdir "$HOME"

verdict() { # CHECK ok|warn|fail
    expect "$1" doctor --json
    shift
    grep -q "\"check\":\"$1\",\"verdict\":\"$2\"" <<<"$out" || fail "$1 is not $2"
}

# --- no workspace, no Engine ---
expect 1 doctor
said 'there is no workspace'
said 'init'
said 'warn  no Docker Engine listens'
expect 2 doctor --fix everything
one_line
expect 1 doctor --docker-host "$work/elsewhere"
said 'FAIL  no Docker Engine listens'

# --- a fresh one ---
given_workspace
verdict 0 workspace ok
for check in config folders mount room seals undo vault secrets repositories; do
    verdict 0 "$check" ok
done
verdict 0 backup warn
verdict 0 identity warn
git config --global user.name Somebody
git config --global user.email somebody@example.com
verdict 0 identity ok
expect 0 backup "$work/backup.tar.gz"
verdict 0 backup ok
touch -d '1 January 2020' "$raw/.ccfs/last-backup"
sed -i 's/^[0-9]*/1577836800000000000/' "$raw/.ccfs/last-backup"
expect 0 doctor
said 'days old'
rm "$work/backup.tar.gz"
expect 0 doctor
said 'is not where it was'
printf 'no time\n' >"$raw/.ccfs/last-backup"
expect 0 doctor
said 'no backup was made yet'

# --- folders ---
chmod 777 "$raw/shared"
rmdir "$raw/exports"
expect 1 doctor
said 'FAIL  shared has mode 777, not 755: it is open to other users     ccfs doctor --fix folders'
said 'warn  the folder exports is gone'
expect 0 doctor --fix folders
[[ $(stat -c %a "$raw/shared") == 755 ]] || fail "--fix folders does nothing"
expect 0 init
verdict 0 folders ok

# --- secrets: the file and the kind, never what is in it ---
key=sk-ant-$(printf 'a%.0s' {1..40})
mkdir -p "$raw/Projects/app/node_modules" "$raw/hidden"
echo "key: $key" | tee "$raw/shared/notes.txt" "$raw/hidden/key" "$raw/Projects/app/node_modules/x" >"$raw/Projects/app/conf.py"
printf 'DB_PASSWORD=correct-horse\n' >"$raw/Projects/app/.env"
printf 'COLOUR=blue\n' >"$raw/Projects/.env.local"
printf 'PASSWORD=\n' >"$raw/Projects/.env.example"
echo '{"zones": {"Projects": "rw", "shared": "rw", "hidden": "none"}}' >"$raw/.ccfs/config.json"
odd=$'x\e[31m\n.txt'
echo "$key" >"$raw/shared/$odd"
mkfifo "$raw/shared/.env"
ln -s /etc/passwd "$raw/shared/id_rsa"
expect 1 doctor
said 'FAIL  shared/notes.txt holds what looks like an Anthropic API key'
said 'FAIL  Projects/app/conf.py holds'
said 'FAIL  Projects/app/.env holds what looks like a password or a key'
said 'warn  Projects/.env.local is'
said 'shared/x\x1b[31m\n.txt'
for not in "$key" correct-horse hidden/key node_modules .env.example shared/.env id_rsa; do
    [[ $out != *"$not"* ]] || fail "doctor shows $not"
done
for ((i = 0; i < 20; i++)); do
    echo "$key" >"$raw/shared/n$i"
done
expect 1 doctor
said 'more files look as if they held a secret'
rm -rf "$raw/shared" "$raw/Projects" "$raw/hidden" "$raw/.ccfs/config.json"
expect 0 init
verdict 0 secrets ok

# --- repositories: what is only here; nothing of what a hostile one names is run ---
app=$raw/Projects/app
git init -q "$app"
echo one >"$app/one"
git -C "$app" add one
git -C "$app" commit -qm one
expect 0 doctor
said 'warn  Projects/app: 1 commit and no copy elsewhere'
git clone -q --bare "$app" "$work/remote"
git -C "$app" remote add origin "$work/remote"
git -C "$app" fetch -q
verdict 0 repositories ok
echo two >>"$app/one"
echo new >"$app/new"
git -C "$app" commit -qam two
echo three >>"$app/one"
expect 0 doctor
said 'warn  Projects/app: 2 files not committed, 1 commit not pushed'

bait=$work/ran
printf '#!/bin/sh\ntouch %q\ncat\n' "$bait" >"$work/evil"
chmod 755 "$work/evil"
for key in core.fsmonitor core.sshCommand core.pager core.editor filter.evil.clean filter.evil.process diff.evil.textconv \
    diff.external gpg.program credential.helper core.gitProxy core.alternateRefsCommand uploadpack.packObjectsHook; do
    git -C "$app" config "$key" "$work/evil"
done
git -C "$app" config filter.evil.required true
git -C "$app" config core.hooksPath "$work"
printf '[core]\n\tfsmonitor = %s\n' "$work/evil" >"$work/included"
git -C "$app" config include.path "$work/included"
printf '* filter=evil diff=evil\n' | tee "$app/.gitattributes" >"$app/.git/info/attributes"
for hook in post-index-change pre-auto-gc reference-transaction fsmonitor-watchman; do
    cp "$work/evil" "$app/.git/hooks/$hook"
done
echo four >>"$app/one"
index=$(cksum <"$app/.git/index")
expect 0 doctor
said 'Projects/app: 3 files not committed'
[[ ! -e $bait ]] || fail "doctor ran what a repository names"
[[ $index == "$(cksum <"$app/.git/index")" ]] || fail "doctor wrote into a repository"
GIT_DIR=$app/.git GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.fsmonitor GIT_CONFIG_VALUE_0=$work/evil expect 0 doctor
[[ ! -e $bait ]] || fail "doctor takes git's environment over"
git -C "$app" status >/dev/null 2>&1 || true
[[ -e $bait ]] || fail "the bait is none: git itself does not take it"

mkdir -p "$raw/Projects/broken/.git" "$raw/Projects/pipe/.git"
mkfifo "$raw/Projects/pipe/.git/HEAD"
ln -s "$app/.git" "$raw/Documentation/.git"
expect 0 doctor
said 'Projects/broken is a repository that git does not understand'
said 'Projects/pipe is a repository that git does not understand'
[[ $out != *Documentation* ]] || fail "doctor follows a symlink"
[[ -z $(find /tmp -maxdepth 1 -name 'ccfs-scratch-*' -newer "$work/evil" -user "$(id -u)") ]] || fail "doctor leaves a folder in /tmp"
rm -rf "$raw/Projects" "$raw/Documentation/.git"
expect 0 init

# --- the configuration ---
printf 'x' | dd of="$raw/.ccfs/config.json" 2>/dev/null
expect 1 doctor
said 'FAIL  '
said 'config.json'
rm "$raw/.ccfs/config.json"

# --- a mount whose daemon was killed ---
if [[ -c /dev/fuse && -w /dev/fuse ]]; then
    expect 0 mount
    verdict 0 mount ok
    pid=$(daemon_pid)
    kill -9 "$pid"
    until_true "the daemon does not die" bash -c "! kill -0 $pid 2>/dev/null"
    verdict 1 mount fail
    expect 0 doctor --fix mount
    verdict 0 mount ok
    not_mounted
fi

# --- a seal of what was recorded is changed ---
if [[ -c /dev/fuse && -w /dev/fuse ]] && command -v sqlite3 >/dev/null; then
    expect 0 mount "$work/mnt"
    echo recorded >"$work/mnt/Projects/file"
    expect 0 umount
    verdict 0 seals ok
    cp -a "$raw/.ccfs" "$work/kept"
    changed=$(sqlite3 "$raw/.ccfs/journal.db" 'UPDATE seal SET time = time + 1; SELECT changes()')
    ((changed > 0)) || fail "no seal was changed: nothing can be tried"
    verdict 1 seals fail
    rm -rf -- "$raw/.ccfs"
    mv "$work/kept" "$raw/.ccfs"
    verdict 0 seals ok
fi

# --- the switch is a switch ---
if [[ $(cat /sys/module/fuse/parameters/enable_uring 2>/dev/null) == Y ]]; then
    verdict 0 io_uring ok
    expect 0 doctor --fix uring
    said 'on already'
fi
