"""What grows, and whether it costs: files that are there, events in the journal, memory of the daemon,
large undos.  Of ccfs alone, compared with itself."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from statistics import median, quantiles

from suite import workloads
from suite.images import Image
from suite.measure import Place, say
from suite.systems import BY_NAME, Mounted, ccfs, daemon_pid

EVENTS = 10_000_000
SESSIONS = 1000
DELETES = 100_000
LARGE_GIB = 10
SIZE = 16 << 30  # of an image: sparse


@dataclass(frozen=True)
class Start:
    """What is there before anything is measured."""
    name: str
    files: int
    events: int = 0


STARTS = (Start("10 thousand files", 10_000), Start("100 thousand files", 100_000),
          Start("1 million files", 1_000_000),
          Start("10 thousand files, 10 million events", 10_000, EVENTS))


def large_journal(tools):
    """A workspace with ten million events, made once for a build, and what making it told."""
    folder = os.path.join(tools.build, "bench", "ten-million")
    told = os.path.join(folder, "told")
    made_by = os.path.getmtime(tools.measured("journal_cost"))
    if os.path.exists(told) and os.path.getmtime(told) > made_by:
        with open(told, encoding="ascii") as file:
            return folder, json.load(file)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    say("recording ten million events")
    said = subprocess.run([tools.measured("journal_cost"), folder, str(EVENTS), str(SESSIONS)],
                          check=True, capture_output=True, text=True).stdout
    figures = {name: float(value) for name, value in map(str.split, said.splitlines())}
    state = os.path.join(folder, ".ccfs")
    contents_are_done(os.path.join(state, "journal.db"))
    figures["bytes-per-event"] = os.path.getsize(os.path.join(state, "journal.db")) / EVENTS
    with open(told, "w", encoding="ascii") as out:
        json.dump(figures, out)
    return folder, figures


def contents_are_done(path):
    """As if a daemon had looked for contents to hash all along: none of these files is there."""
    with sqlite3.connect(path) as db:
        db.execute("INSERT OR REPLACE INTO meta SELECT 'hashed', max(id) FROM event")
    db.close()


class Grown:
    """ccfs on an image on which something is there already; a context."""

    def __init__(self, bench, start, settings=BY_NAME["ccfs"]):
        self.bench, self.start, self.system = bench, start, settings
        self.daemon = None

    def __enter__(self):
        self.place = Place(self.bench.images)
        at = self.place.__enter__()
        home = os.path.join(at, "home")
        os.mkdir(home)
        self.image = Image("ext4", at, SIZE)
        self.mounted = Mounted(self.system, self.bench.tools, self.image, home)
        self.run = workloads.Run(self.mounted, None, workloads.FULL, lambda _: True)
        if self.start.files:
            self.run.own("many", "create", self.run.folder("there", raw=True), self.start.files)
        if self.start.events:
            folder, _ = large_journal(self.bench.tools)
            state = os.path.join(self.mounted.setting.workspace, ".ccfs")
            shutil.copy(os.path.join(folder, ".ccfs", "journal.db"), state)
        return self

    def __exit__(self, *_):
        self.mounted.abandon()
        self.image.close()
        self.place.__exit__()

    def ccfs(self, *argv):
        return ccfs(self.mounted.setting, self.system, *argv)

    def daemon_kib(self):
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    def daemon_cpu(self):
        """Clock ticks of all its threads so far."""
        with open(f"/proc/{self.pid()}/stat", encoding="ascii") as line:
            return sum(map(int, line.read().rsplit(")", 1)[1].split()[11:13]))

    def pid(self):
        if not self.daemon:
            self.daemon = daemon_pid(self.mounted.setting, self.system)
        return self.daemon

    def path(self, name):
        return os.path.join(self.mounted.folder, name)


# --- growth -------------------------------------------------------------------------------------

def touch_all(grown):
    """Each file is looked at through the mount, so that the daemon knows it."""
    subprocess.run(["find", grown.path("there"), "-size", "+1G"], check=True)


def wait_for_quiet(grown):
    """What was begun by looking at a million files ends first: growth of the operations is measured."""
    for _ in range(100):
        before = grown.daemon_cpu()
        time.sleep(0.2)
        if grown.daemon_cpu() == before:
            return


def measure_start(bench, start):
    with Grown(bench, start) as grown:
        grown.run.start()
        before = grown.daemon_kib()
        touch_all(grown)
        memory = {"before": before, "after": grown.daemon_kib()}
        wait_for_quiet(grown)
        seconds = grown.run.own("single", grown.run.folder("single"), grown.run.sizes.single)
        seconds = {f"op-{name}": float(value) for name, value in seconds.items()}
        at = grown.run.folder("files")
        for verb in ("create", "stat", "read", "overwrite", "rename", "remove"):
            figure = "files-stat-new" if verb == "stat" else f"files-{verb}"
            seconds[figure] = grown.run.own("many", verb, at, 2000)
        grown.mounted.stop()
    return seconds, memory


def growth(bench, rounds):
    """{start: {figure: median seconds}}, {start: KiB of the daemon}."""
    seconds, memory = {s.name: {} for s in STARTS}, {}
    for n in range(rounds):
        for start in STARTS:
            say(f"growth: {start.name}, round {n + 1} of {rounds}")
            took, memory[start.name] = measure_start(bench, start)
            for figure, value in took.items():
                seconds[start.name].setdefault(figure, []).append(value)
    return {"seconds": {name: {f: median(v) for f, v in of.items()} for name, of in seconds.items()},
            "daemon_kib": memory}


# --- looking back in ten million events ---------------------------------------------------------

def wait_of(grown, *argv):
    began = time.perf_counter()
    grown.ccfs("history", *argv)
    return time.perf_counter() - began


def some_path(chance):
    file = chance.randrange(EVENTS // 10)
    folder = file // 50
    return f"Projects/project{folder % 200:03}/src/module{folder // 200:04}/file{file:07}.c"


def p50_p95(values):
    return {"median": median(values), "p95": quantiles(values, n=20)[-1]}


def looking_back(bench):
    chance = random.Random(3)
    with Grown(bench, Start("", 0, EVENTS)) as grown:
        grown.run.start()
        root = os.path.dirname(grown.mounted.folder)
        paths = [os.path.join(root, some_path(chance)) for _ in range(40)]
        asked = {
            "history": [()] * 20,
            "history-path": [(p,) for p in paths],
            "history-folder": [(os.path.dirname(p),) for p in paths],
            "history-session": [("--session", str(chance.randrange(2, SESSIONS)))
                                for _ in range(40)],
        }
        found = {}
        for name, each in asked.items():
            say(f"looking back: {name}")
            found[name] = p50_p95([wait_of(grown, *argv) for argv in each])
        found["daemon_kib"] = grown.daemon_kib()
        grown.mounted.stop()
    return found


# --- large undos --------------------------------------------------------------------------------

def used_bytes(path):
    st = os.statvfs(path)
    return (st.f_blocks - st.f_bfree) * st.f_frsize


def undo_last(grown, began):
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(began))
    start = time.perf_counter()
    grown.ccfs("undo", "--since", since, "--yes")
    return time.perf_counter() - start


def undo_deletes(bench):
    say(f"undo of {DELETES} deletes")
    with Grown(bench, Start("", DELETES)) as grown:
        grown.run.start()
        began, start = time.time(), time.perf_counter()
        subprocess.run(["rm", "-rf", grown.path("there")], check=True)
        removed = time.perf_counter() - start
        took = undo_last(grown, began)
        back = sum(len(names) for _, _, names in os.walk(grown.path("there")))
        if back != DELETES:
            raise RuntimeError(f"{back} of {DELETES} files came back")
        grown.mounted.stop()
    return {"remove": removed, "undo": took}


def undo_large(bench, how):
    """A file of 10 GiB is removed or emptied, and comes back; what that takes in time and room."""
    say(f"undo of one large file: {how}")
    size = LARGE_GIB << 30
    with Grown(bench, Start("", 0)) as grown:
        raw = os.path.join(grown.mounted.raw_folder, "large")
        with open(raw, "wb") as out:
            os.posix_fallocate(out.fileno(), 0, size)
        grown.run.start()
        file = grown.path("large")
        used = used_bytes(grown.image.folder)
        began, start = time.time(), time.perf_counter()
        if how == "unlink":
            os.unlink(file)
        else:
            os.truncate(file, 0)
        destroyed = time.perf_counter() - start
        took = undo_last(grown, began)
        grown.image.settle()
        room = used_bytes(grown.image.folder) - used
        if os.path.getsize(file) != size:
            raise RuntimeError(f"the file came back with {os.path.getsize(file)} bytes")
        grown.mounted.stop()
    return {"destroy": destroyed, "undo": took, "more_bytes": room}


def journal(bench):
    _, recorded = large_journal(bench.tools)
    return {"recording": recorded, "looking_back": looking_back(bench),
            "undo_deletes": undo_deletes(bench),
            "undo_unlink": undo_large(bench, "unlink"),
            "undo_truncate": undo_large(bench, "truncate")}
