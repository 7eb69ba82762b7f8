"""power_check.py - what a power loss left: is every byte that was destroyed still known?

    power_check.py ROOT CUT_NS LEDGER FILES MODE CCFS

ROOT is a workspace on a filesystem as it was at CUT_NS (UTC), whose journal has recovered.  Of each
file the old content is known (power_load.c).  Where the file on the disk is not the old one any more:

  fsynced and acknowledged before the cut   its undo must give back the old bytes
  MODE strict                               the same, acknowledged or not
  acknowledged, MODE relaxed                the same, unless it was in the last WINDOW before the cut
  anything else                             may be lost, and then must be told as such

Never may old bytes be offered that are not the old bytes.  First all is computed from the journal and
the vault, then `ccfs undo` has to do it.  Prints a line; exit 1 and what is wrong otherwise.
"""
import os
import sqlite3
import struct
import subprocess
import sys

WINDOW_NS = 2_000_000_000
LARGE = 200_000
CELL = 16
OK, KEPT = 0, 1
WHOLE, BLOCKS = (1, 2, 3), 4
TRUNCATE = 11


def old_content(number):
    size = LARGE if number % 4 == 3 else 1000 + number * 977 % 50000
    cells = ("%06d:%06d:0\n" % (number, cell) for cell in range((size + CELL - 1) // CELL))
    return "".join(cells).encode()[:size]


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Workspace:
    def __init__(self, root):
        self.root = root
        self.db = sqlite3.connect(f"file:{root}/.ccfs/journal.db?mode=ro", uri=True)

    def path(self, number):
        return f"Projects/f{number:06d}"

    def now(self, number):
        return read(f"{self.root}/{self.path(number)}")

    def kept(self, version):
        return read(f"{self.root}/.ccfs/vault/{version % 256:02x}/{version:016x}")

    def events(self, number):
        """Newest first: what happened under this name; a rename to it counts by what it replaced."""
        path = self.path(number).encode()
        return self.db.execute(
            "SELECT e.id, e.op, e.version, v.kept, v.state, e.b_size FROM event e"
            " LEFT JOIN version v ON v.id = e.version"
            " WHERE e.outcome = ? AND e.op < 32 AND (e.path = (SELECT id FROM path WHERE bytes = ?1)"
            "  OR e.path2 = (SELECT id FROM path WHERE bytes = ?2)) ORDER BY e.id DESC".replace(
                "?1", "?").replace("?2", "?"), (OK, path, path)).fetchall()

    def taken_back(self, number):
        """What the journal and the vault make of the present content; None: they cannot."""
        content = self.now(number) or b""
        events = self.events(number)
        for _, op, version, kept, state, size in events:
            if version is not None and state != KEPT:
                return None
            if version is not None and kept in WHOLE:
                content = self.kept(version)
                if content is None:
                    return None
            elif version is not None:
                content = patched(content, self.kept(version) or b"", size)
            elif op in (10, TRUNCATE) and size is not None:
                content = content[:size].ljust(size, b"\0")
        return content if events else None


def patched(content, blocks, size):
    """Newest record first, so that the first one wins."""
    records, at = [], 0
    while at + 16 <= len(blocks):
        offset, length, _ = struct.unpack_from("<qII", blocks, at)
        if at + 16 + length > len(blocks):
            break
        records.append((offset, blocks[at + 16:at + 16 + length]))
        at += 16 + length
    new = bytearray(content)
    for offset, data in reversed(records):
        if len(new) < offset + len(data):
            new.extend(bytes(offset + len(data) - len(new)))
        new[offset:offset + len(data)] = data
    return bytes(new[:size]).ljust(size, b"\0")


def undo(ccfs, workspace, numbers, *how):
    ids = sorted({event[0] for number in numbers for event in workspace.events(number)})
    if not ids:
        return 0, ""
    done = subprocess.run([ccfs, "-w", workspace.root, "undo", "--yes", *how, *map(str, ids)],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def read_ledger(path):
    acknowledged = {}
    for line in open(path, encoding="ascii"):
        number, when, synced, kind = line.split()
        acknowledged[int(number)] = (int(when), synced == "fsynced", kind)
    return acknowledged


def main():
    root, cut, ledger, files, mode, ccfs = sys.argv[1:]
    cut, wrong, certain, possible = int(cut), [], [], []
    counts = {"intact": 0, "known": 0, "lost": 0}
    workspace, acknowledged = Workspace(root), read_ledger(ledger)
    for number in range(int(files)):
        old = old_content(number)
        if workspace.now(number) == old:
            counts["intact"] += 1
            continue
        when, synced, kind = acknowledged.get(number, (cut + 1, False, "not acknowledged"))
        must = mode == "strict" or (when < cut and (synced or when < cut - WINDOW_NS))
        back = workspace.taken_back(number)
        age = f"{kind}, {'fsynced' if synced else 'not fsynced'}, {(cut - when) / 1e6:.0f} ms before"
        if back == old:
            counts["known"] += 1
            (certain if when < cut and synced else possible).append(number)
        elif back is not None:
            wrong.append(f"{number}: other bytes than the old ones would come back ({age})")
        else:
            counts["lost"] += 1
            if must:
                wrong.append(f"{number}: the old bytes are lost ({age})")
    code, said = undo(ccfs, workspace, certain)
    if code != 0:
        wrong.append(f"the undo of what was fsynced ended with {code}: {said[-600:]}")
    else:
        wrong += [f"{n}: the undo gave other bytes" for n in certain
                  if workspace.now(n) != old_content(n)]
    undone = 0
    for number in possible[:8]:
        code, said = undo(ccfs, workspace, [number])
        undone += code == 0
        if code != 0:  # what the load wrote last may be on the disk in part only: no state on record
            code, said = undo(ccfs, workspace, [number], "--force")
        if code != 0:
            wrong.append(f"{number}: the undo ended with {code}, forced too: {said[-300:]}")
        if code == 0 and workspace.now(number) != old_content(number):
            wrong.append(f"{number}: the undo gave other bytes")
    print(f"{counts['intact']} untouched, {counts['known']} known, {counts['lost']} lost in the window;"
          f" undone {len(certain)} fsynced, {undone} of {len(possible[:8])} others")
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


sys.exit(main())
