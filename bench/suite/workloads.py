"""What is done in the folder of each system, in groups; a group gets a fresh image.

A group is a function of a Run.  It records figures: a name of the table below and seconds.  Removals
come last in a group, because ext4 makes those who create after them pay."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass

from suite.systems import as_user, environment


@dataclass(frozen=True)
class Sizes:
    """How much of each."""
    stream_mib: int
    blocks: int          # random 4 KiB operations
    appends: int
    old_blocks: int      # of a large old file, overwritten once each
    files: int
    project: int         # files of the project
    packages: int
    inserts: int
    single: int


FULL = Sizes(1024, 50000, 20000, 16384, 10000, 4000, 60, 2000, 2000)
QUICK = Sizes(192, 10000, 5000, 2048, 1500, 600, 12, 300, 400)

# Figure -> what it is called in tables.  The order is that of the tables.
FIGURES = {
    "seq-write": "sequential write, new file",
    "write-making": "random 4 KiB overwrite, by who makes the file",
    "write-new": "random 4 KiB overwrite, new file, opened anew",
    "append": "4 KiB append, new file",
    "seq-read-cold": "sequential read, cold",
    "seq-read-pieces": "the same, of what was overwritten in random places",
    "seq-read": "sequential read, warm",
    "rand-read": "random 4 KiB read, warm",
    "overwrite-first": "first 4 KiB overwrite of each block, large old file",
    "overwrite-again": "the same once captured, same open",
    "overwrite-later": "the same once captured, opened anew a second later",
    "files-create": "small files: create, write 4 KiB",
    "files-stat-new": "small files: stat, just written",
    "files-stat-cold": "small files: stat, cold",
    "files-stat": "small files: stat, warm, five times",
    "files-read": "small files: read",
    "files-overwrite": "small files: overwrite (O_TRUNC)",
    "files-rename": "small files: rename",
    "files-remove": "small files: remove",
    "git-clone": "git clone",
    "git-status": "git status",
    "git-checkout": "git checkout of another branch",
    "untar": "untar",
    "build": "C build, make -j2",
    "npm-install": "npm install",
    "npm-remove": "rm -rf node_modules",
    "sqlite": "SQLite, autocommit inserts",
    "sqlite-wal": "SQLite, autocommit inserts, WAL",
    "op-lookup-missing": "lookup of a missing name",
    "op-create-close": "create, close",
    "op-create-write-close": "create, write 4 KiB, close",
    "op-open-close": "open, close",
    "op-open-read-close": "open, read 4 KiB, close",
    "op-chmod": "chmod",
    "op-rename": "rename",
    "op-unlink": "unlink",
}


class Run:
    """One group on one system: `at` is the folder to work in, made by whoever works there."""

    def __init__(self, mounted, corpus, sizes, wanted):
        self.mounted = mounted
        self.corpus = corpus
        self.sizes = sizes
        self.wanted = wanted
        self.seconds = {}
        self.who = as_user(mounted.system)
        self.env = environment(mounted.system, mounted.setting.home)

    @property
    def at(self):
        return self.mounted.folder

    def path(self, name):
        return os.path.join(self.at, name)

    def record(self, figure, seconds):
        assert figure in FIGURES, figure
        if self.wanted(figure):
            self.seconds[figure] = seconds

    def start(self):
        self.mounted.start()

    def cool(self):
        self.mounted.cool()

    def folder(self, name, raw=False):
        """A new folder, the worker's own."""
        path = os.path.join(self.mounted.raw_folder if raw else self.at, name)
        subprocess.run(["mkdir", path], check=True, **self.who)
        return path

    def own(self, *argv):
        """A program of ours; it says what took how long."""
        self.mounted.image.settle()
        said = self.output([self.mounted.setting.tools.measured(argv[0]), *map(str, argv[1:])])
        return dict(line.split() for line in said.splitlines() if " " in line) or float(said)

    def output(self, argv, cwd="/"):
        # env goes there as the user: root may not look into a user's mount
        done = subprocess.run(["env", "-C", cwd, *argv], cwd="/", env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, **self.who)
        if done.returncode != 0:
            raise RuntimeError(f"{self.mounted.system.name}: {' '.join(argv)}: "
                               f"{(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout

    def timed(self, figure, *argv, cwd="/"):
        """Any other program, from its start to its end."""
        self.mounted.image.settle()
        began = time.perf_counter()
        self.output(list(argv), cwd)
        self.record(figure, time.perf_counter() - began)


def stream(run):
    run.start()
    sizes, file = run.sizes, run.path("large")
    run.record("seq-write", run.own("stream", "write", file, sizes.stream_mib))
    run.record("write-making",
               run.own("stream", "make-and-overwrite", run.path("made"), sizes.blocks))
    run.record("write-new", run.own("stream", "write-random", file, sizes.blocks))
    run.record("append", run.own("stream", "append", run.path("log"), sizes.appends))
    whole = run.path("whole")
    run.own("stream", "write", whole, sizes.stream_mib)
    run.cool()
    run.record("seq-read-cold", run.own("stream", "read", whole, sizes.stream_mib))
    run.record("seq-read", run.own("stream", "read", whole, sizes.stream_mib))
    run.record("rand-read", run.own("stream", "read-random", whole, sizes.blocks))
    run.record("seq-read-pieces", run.own("stream", "read", file, sizes.stream_mib))


def old(run):
    """A file that was there before the mount: its old bytes must be kept."""
    at = os.path.join(run.mounted.raw_folder, "old")
    run.own("stream", "write", at, run.sizes.old_blocks * 2 * 4096 // (1 << 20))
    run.start()
    seconds = run.own("stream", "blocks-twice", run.path("old"), run.sizes.old_blocks)
    run.record("overwrite-first", float(seconds["first"]))
    run.record("overwrite-again", float(seconds["again"]))
    time.sleep(1)  # what is kept in the background is kept for those who come later
    run.record("overwrite-later",
               run.own("stream", "write-blocks", run.path("old"), run.sizes.old_blocks))


def files(run):
    run.start()
    at = run.folder("files")
    run.record("files-create", run.own("many", "create", at, run.sizes.files))
    run.record("files-stat-new", run.own("many", "stat", at, run.sizes.files))
    run.cool()
    run.record("files-stat-cold", run.own("many", "stat", at, run.sizes.files))
    run.record("files-stat", sum(run.own("many", "stat", at, run.sizes.files) for _ in range(5)))
    for verb in ("read", "overwrite", "rename", "remove"):
        run.record(f"files-{verb}", run.own("many", verb, at, run.sizes.files))


def git(run):
    run.start()
    clone = run.path("clone")
    run.timed("git-clone", "git", "clone", "-q", "--no-hardlinks",
              run.corpus.path("repository.git"), clone)
    run.timed("git-status", "git", "-C", clone, "status", "--short")
    run.timed("git-checkout", "git", "-C", clone, "checkout", "-q", "other")


def build(run):
    run.start()
    at = run.folder("project")
    run.timed("untar", "tar", "-xf", run.corpus.path("project.tar"), "--no-same-owner", "-C", at)
    run.timed("build", "make", "--silent", "-j2", cwd=at)


def npm(run):
    run.start()
    at = run.folder("node")
    with open(run.corpus.path("package.json"), "rb") as text:
        subprocess.run(["tee", os.path.join(at, "package.json")], stdin=text, check=True,
                       stdout=subprocess.DEVNULL, **run.who)
    run.timed("npm-install", "npm", "install", "--offline", "--no-audit", "--no-fund",
              "--no-update-notifier", "--loglevel=error", "--install-links", cwd=at)
    run.timed("npm-remove", "rm", "-rf", os.path.join(at, "node_modules"))


def sqlite(run):
    run.start()
    run.record("sqlite", run.own("inserts", run.path("a.db"), "delete", run.sizes.inserts))
    run.record("sqlite-wal", run.own("inserts", run.path("b.db"), "wal", run.sizes.inserts * 5))


def single(run):
    run.start()
    seconds = run.own("single", run.folder("single"), run.sizes.single)
    for name, value in seconds.items():
        run.record(f"op-{name}", float(value))


# Group -> function, and the figures that it records.
GROUPS = {
    "stream": (stream, ("seq-write", "write-making", "write-new", "append", "seq-read-cold",
                        "seq-read", "rand-read", "seq-read-pieces")),
    "old": (old, ("overwrite-first", "overwrite-again", "overwrite-later")),
    "files": (files, tuple(f for f in FIGURES if f.startswith("files-"))),
    "git": (git, tuple(f for f in FIGURES if f.startswith("git-"))),
    "build": (build, ("untar", "build")),
    "npm": (npm, ("npm-install", "npm-remove")),
    "sqlite": (sqlite, ("sqlite", "sqlite-wal")),
    "single": (single, tuple(f for f in FIGURES if f.startswith("op-"))),
}
NEEDS = {"git": "git", "build": "make", "npm": "npm"}


def missing_tool(group):
    tool = NEEDS.get(group)
    return tool if tool and not shutil.which(tool) else None
