"""What is compared: each a way to see the folder `ws` of an image at a mount point."""

import errno
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field

from suite.images import is_mounted, sh, unmount

URING = "/sys/module/fuse/parameters/enable_uring"
SOMEBODY = 65534  # who runs what runs without privilege


@dataclass(frozen=True)
class System:
    name: str
    label: str
    start: object = None      # function(Setting, System): mounts
    options: tuple = ()
    user: bool = False        # the daemon, and who works in the mount, are not root
    uring: bool = False
    only: tuple = ()          # groups of workloads; (): all
    config: dict = field(default_factory=dict)


@dataclass
class Setting:
    """Where one run happens."""
    tools: object             # Tools
    workspace: str            # the raw folder
    mountpoint: str
    home: str
    process: object = None    # of a peer
    log: object = None


class Tools:
    """The programs that are measured and that measure: copies, where every user may run them."""

    def __init__(self, build, place):
        self.build = build
        self.folder = os.path.join(place, "bin")
        os.mkdir(self.folder)
        bench = os.path.join(build, "bench")
        for program in (os.path.join(build, "ccfs"), *executables(bench),
                        *executables(os.path.join(bench, "peers"))):
            shutil.copy2(program, self.folder)
        self.ccfs = self.measured("ccfs")

    def measured(self, name):
        return os.path.join(self.folder, name)

    def has(self, name):
        return os.access(self.measured(name), os.X_OK)


def executables(folder):
    if not os.path.isdir(folder):
        return []
    return [entry.path for entry in os.scandir(folder)
            if entry.is_file() and os.access(entry.path, os.X_OK)]


def as_user(system):
    """For subprocess: who runs it."""
    if not system.user:
        return {}
    return {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": []}


def environment(system, home):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TZ")}
    keep |= {"HOME": home, "XDG_CONFIG_HOME": home, "LC_ALL": "C",
             "GIT_CONFIG_GLOBAL": os.path.join(home, "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1",
             "USER": "somebody" if system.user else "root"}
    return keep


def go_first(pid="self"):
    """Others who compute on this machine meanwhile disturb less what has a higher priority.  Where the
    kernel groups processes by session, the priority of the group counts too; but a session as old as
    the machine is in no group that could be weighed (EINVAL, kernel/sched/fair.c)."""
    os.setpriority(os.PRIO_PROCESS, 0 if pid == "self" else pid, -20)
    try:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as group:
            group.write("-20")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINVAL):
            raise


# --- ccfs ---------------------------------------------------------------------------------------

def ccfs(setting, system, *argv):
    return sh(setting.tools.ccfs, "-w", setting.workspace, *argv, **as_user(system),
              env=environment(system, setting.home))


def start_ccfs(setting, system):
    if system.config:
        place = os.path.join(setting.workspace, ".ccfs", "config.json")
        with open(place, "w", encoding="utf-8") as out:
            json.dump(system.config, out)
        os.chmod(place, 0o600)
        if system.user:
            os.chown(place, SOMEBODY, SOMEBODY)
    ccfs(setting, system, "mount", setting.mountpoint)
    go_first(daemon_pid(setting, system))  # it has a session of its own


def daemon_pid(setting, system):
    return json.loads(ccfs(setting, system, "status", "--json"))["mount"]["pid"]


def stop_ccfs(setting, system):
    ccfs(setting, system, "umount")


# --- peers --------------------------------------------------------------------------------------

def start_peer(argv, setting, system):
    setting.log = open(setting.mountpoint + ".log", "w+b")  # pylint: disable=consider-using-with
    setting.process = subprocess.Popen(  # pylint: disable=consider-using-with
        argv, stdin=subprocess.DEVNULL, stdout=setting.log, stderr=setting.log,
        **as_user(system), cwd="/")
    for _ in range(1000):
        if is_mounted(setting.mountpoint):
            return
        if setting.process.poll() is not None:
            break
        time.sleep(0.01)
    setting.log.seek(0)
    raise RuntimeError(f"{argv[0]} does not mount: {setting.log.read()[-500:]!r}")


def joined(system, *options):
    options += ("io_uring",) if system.uring else ()
    return ["-o", ",".join(options)] if options else []


def start_hp(setting, system):
    start_peer([setting.tools.measured("passthrough_hp"), "--foreground",
                *system.options, *joined(system), setting.workspace, setting.mountpoint],
               setting, system)


def start_ll(setting, system):
    start_peer([setting.tools.measured("passthrough_ll"), "-f",
                *joined(system, f"source={setting.workspace}"), setting.mountpoint],
               setting, system)


def start_bindfs(setting, system):
    start_peer(["bindfs", "-f", setting.workspace, setting.mountpoint], setting, system)


def stop_peer(setting, _system):
    unmount(setting.mountpoint)
    try:
        setting.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        setting.process.send_signal(signal.SIGKILL)
        setting.process.wait()
    setting.log.close()


# --- the table ----------------------------------------------------------------------------------

SYSTEMS = (
    System("raw", "the folder itself"),
    System("ccfs", "ccfs", start_ccfs, uring=True),
    System("ccfs-strict", "ccfs, strict durability", start_ccfs, uring=True, only=("sqlite",),
           config={"durability": "strict"}),
    System("ccfs-dev", "ccfs without io_uring", start_ccfs, config={"transport": "dev"}),
    System("ccfs-user", "ccfs without privilege", start_ccfs, uring=True, user=True),
    System("hp-uring", "passthrough_hp, io_uring", start_hp, uring=True),
    System("hp", "passthrough_hp", start_hp),
    System("hp-user", "passthrough_hp without privilege, io_uring", start_hp,
           options=("--nopassthrough",), uring=True, user=True),
    System("ll-uring", "passthrough_ll, io_uring", start_ll, uring=True),
    System("ll", "passthrough_ll", start_ll),
    System("bindfs", "bindfs", start_bindfs),
)
BY_NAME = {system.name: system for system in SYSTEMS}


def uring_is_on():
    try:
        with open(URING, encoding="ascii") as file:
            return file.read().strip() in ("Y", "1")
    except OSError:
        return False


def why_not(system, tools):
    """None, or why a system cannot be measured here."""
    if system.uring and not uring_is_on():
        return f"FUSE over io_uring is off ({URING})"
    if system.start in (start_hp, start_ll):
        name = "passthrough_hp" if system.start is start_hp else "passthrough_ll"
        if not tools.has(name):
            return "libfuse's examples could not be built"
    if system.start is start_bindfs and not shutil.which("bindfs"):
        return "there is no bindfs here"
    return None


class Mounted:
    """A system on an image; `folder` is where the work is done, whatever the system."""

    def __init__(self, system, tools, image, home):
        self.system = system
        self.image = image
        self.setting = Setting(tools, os.path.join(image.folder, "ws"),
                               os.path.join(os.path.dirname(image.folder), "mnt"), home)
        os.makedirs(self.setting.mountpoint, exist_ok=True)
        projects = os.path.join(self.setting.workspace, "Projects")
        os.makedirs(projects)
        if system.user:
            for path in (image.folder, self.setting.workspace, projects, self.setting.mountpoint,
                         home):
                os.chown(path, SOMEBODY, SOMEBODY)
        if system.start is start_ccfs:
            ccfs(self.setting, system, "init")
        self.raw_folder = projects
        self.folder = projects

    def start(self):
        if self.system.start:
            self.system.start(self.setting, self.system)
            self.folder = os.path.join(self.setting.mountpoint, "Projects")

    def stop(self):
        if self.system.start is start_ccfs:
            stop_ccfs(self.setting, self.system)
        elif self.setting.process:
            stop_peer(self.setting, self.system)
            self.setting.process = None

    def abandon(self):
        """After an error: whatever still is there goes."""
        if is_mounted(self.setting.mountpoint):
            sh("umount", "-l", self.setting.mountpoint)
        if self.setting.process:
            self.setting.process.kill()
            self.setting.process.wait()

    def cool(self):
        """A new start of everything: no cache knows anything."""
        self.stop()
        self.image.cool()
        self.start()
