#!/bin/bash
# open_files.sh - an undo while programs have the files open: a reader sees the old content at once, who
# writes on writes into it, and that is recorded; what is removed goes on without a name.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need python3

given_workspace
mkdir -p "$raw/Research"
printf 'old content of a file\n' >"$raw/Research/file"
given_mount
cat >"$work/holder.py" <<'EOF2'
import mmap, os, subprocess, sys

os.chdir(sys.argv[1] + "/Research")
undo = sys.argv[2:]
OLD = b"old content of a file\n"

def read(name):
    with open(name, "rb") as f:
        return f.read()

def is_now(what, seen, wanted):
    if seen != wanted:
        sys.exit(f"{what}: {seen!r}, not {wanted!r}")

reader = os.open("file", os.O_RDONLY)
writer = os.open("file", os.O_WRONLY)
appender = os.open("file", os.O_WRONLY | os.O_APPEND)
seen = mmap.mmap(os.open("file", os.O_RDWR), len(OLD))
os.pwrite(writer, b"NEW", 0)
os.write(appender, b"more\n")
seen[4:7] = b"MAP"
seen.flush()
os.makedirs("made/deep")
made = os.open("made/deep/file", os.O_RDWR | os.O_CREAT)
os.write(made, b"made\n")
os.chdir("made/deep")

subprocess.run(undo, check=True, stdout=subprocess.DEVNULL)

is_now("a reader", os.pread(reader, 100, 0), OLD)
is_now("a mapping", seen[:], OLD)
is_now("a new look", read(sys.argv[1] + "/Research/file"), OLD)
os.write(appender, b"later\n")
is_now("who appends", os.pread(reader, 100, 0), OLD + b"later\n")
os.pwrite(writer, b"OLD", 0)
is_now("who writes", os.pread(reader, 3, 0), b"OLD")
seen[4:11] = b"CONTENT"
seen.flush()
is_now("who writes to a mapping", os.pread(reader, 100, 0), b"OLD CONTENT of a file\nlater\n")

is_now("a removed file", os.pread(made, 100, 0), b"made\n")
os.pwrite(made, b"MADE", 0)
is_now("a removed file that is written", os.pread(made, 100, 0), b"MADE\n")
try:
    os.open("another", os.O_WRONLY | os.O_CREAT)
    sys.exit("a file was made in a folder that is gone")
except FileNotFoundError:
    pass
if os.path.exists(sys.argv[1] + "/Research/made"):
    sys.exit("the folder is still there")
EOF2
python3 "$work/holder.py" "$mnt" "$CCFS" -w "$raw" undo --path Research --yes || fail "while files are open"
cd /
[[ $(<"$raw/Research/file") == 'OLD CONTENT of a file
later' ]] || fail "what was written after the undo is lost: $(<"$raw/Research/file")"
then_journal_tells 8
ccfs verify >/dev/null || fail "verify"
say "undone while open: by reader, writer, appender, mapping, and from a folder that went"
