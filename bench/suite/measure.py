"""Rounds: each group on each system, one after the other, again and again, so that a slow minute of
the machine falls on all of them alike."""

import os
import shutil
import sys
import tempfile

from suite import workloads
from suite.images import Image
from suite.systems import BY_NAME, Mounted, why_not

ROOM = 9 << 30  # of memory, for images in it


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def place_for_images(given):
    """In memory where it is large enough: a disk's moods are not what is compared."""
    if given:
        return given
    if memory_available() > ROOM and os.access("/dev/shm", os.W_OK):
        return "/dev/shm"
    say("not enough memory for images in it: they go to the disk, and the figures vary more")
    return tempfile.gettempdir()


class Place:
    """A folder of our own for one run, world-readable, gone afterwards."""

    def __init__(self, parent):
        self.path = tempfile.mkdtemp(prefix="ccfs-bench.", dir=parent)
        os.chmod(self.path, 0o755)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Bench:
    """What is measured with, and where."""

    def __init__(self, tools, corpus, sizes, images, wanted):
        self.tools = tools
        self.corpus = corpus
        self.sizes = sizes
        self.images = images
        self.wanted = wanted

    def run_once(self, group, system, kind):
        """A dict figure -> seconds."""
        with Place(self.images) as place:
            home = os.path.join(place, "home")
            os.mkdir(home)
            with open(os.path.join(home, "gitconfig"), "w", encoding="utf-8") as out:
                out.write("[safe]\n\tdirectory = *\n")
            image = Image(kind, place)
            mounted = None
            try:
                mounted = Mounted(system, self.tools, image, home)
                run = workloads.Run(mounted, self.corpus, self.sizes, self.wanted)
                workloads.GROUPS[group][0](run)
                mounted.stop()
                return run.seconds
            finally:
                if mounted:
                    mounted.abandon()
                image.close()

    def groups(self):
        for group, (_, figures) in workloads.GROUPS.items():
            if not any(map(self.wanted, figures)):
                continue
            tool = workloads.missing_tool(group)
            if tool:
                say(f"SKIPPED: {group}: there is no {tool} here")
                continue
            yield group

    def rounds(self, kind, names, count, groups=None):
        """results[figure][system] = [seconds of each round]."""
        results = {}
        for group in groups or self.groups():
            systems = [BY_NAME[n] for n in names if not BY_NAME[n].only or group in BY_NAME[n].only]
            for n in range(count):
                say(f"{kind}: {group}, round {n + 1} of {count}")
                turn = n % len(systems)  # nobody is always the one behind another
                for system in systems[turn:] + systems[:turn]:
                    for figure, seconds in self.run_once(group, system, kind).items():
                        results.setdefault(figure, {}).setdefault(system.name, []).append(seconds)
        return results


def usable(names, tools):
    """Those of names that can be measured here; says why not of the others."""
    found = []
    for name in names:
        reason = why_not(BY_NAME[name], tools)
        if reason:
            say(f"SKIPPED: {name}: {reason}")
        else:
            found.append(name)
    return found
