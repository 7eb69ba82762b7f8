"""A fresh file system for each run.

ext4 avoids inodes that were freed in the last minutes, every file system remembers, and a full page
cache pays for what was done before.  So each run gets an image of its own, sparse and on a loop
device, and removes it at the end."""

import os
import subprocess
import time

# How each is made and mounted.  Nothing of it may go on in the background while something is measured.
KINDS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-N", "1500000", "-E", "lazy_itable_init=1,nodiscard"],
             "noatime,noinit_itable"),
    "xfs": (["mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=1"], "noatime"),
    "btrfs": (["mkfs.btrfs", "-q", "-f", "-K"], "noatime"),
}
BYTES = 6 << 30


def sh(*argv, **more):
    """Runs a command that must not fail; what it says is only shown when it does."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout.strip()[-500:]}")
    return done.stdout


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        return any(line.split()[4] == path for line in lines)


def unmount(path):
    """A daemon that was just ended may hold on to it for a moment."""
    for _ in range(100):
        if not is_mounted(path):
            return
        if subprocess.run(["umount", path], capture_output=True, check=False).returncode != 0:
            time.sleep(0.05)
    sh("umount", "-l", path)


class Image:
    """A mounted image: `folder` is where."""

    def __init__(self, kind, place, size=BYTES):
        make, self.options = KINDS[kind]
        self.file = os.path.join(place, "image")
        self.folder = os.path.join(place, "fs")
        os.makedirs(self.folder, exist_ok=True)
        with open(self.file, "wb") as out:
            out.truncate(size)
        try:
            sh(*make, self.file)
            self.mount()
        except Exception:
            os.unlink(self.file)
            raise

    def mount(self):
        sh("mount", "-o", f"loop,{self.options}", self.file, self.folder)

    def settle(self):
        """What one workload left to be written is not the next one's cost."""
        sh("sync", "-f", self.folder)

    def cool(self):
        """Nothing of it is in any cache afterwards."""
        unmount(self.folder)
        self.mount()

    def close(self):
        unmount(self.folder)
        if os.path.exists(self.file):
            os.unlink(self.file)
