/* intake_guard.c - see intake_guard.h.  The handler of SIGBUS only asks, rings and sleeps. */
#include "journal/intake_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/error.h"
#include "journal/base/fault.h"

#define WAIT_MS 10
#define APART_NS NS_PER_S /* refusals that are further apart are not of one store */

static struct sigaction before; /* who had the signal */
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static int bell = -1;          /* set once, before the first store */
static _Atomic int place = -1; /* a descriptor on the filesystem, for good */

/* From a handler of signals, too. */
void guard_ring(void)
{
    const uint64_t one = 1;
    (void)!write(bell, &one, sizeof one);
}

bool guard_waits_on(struct guard_incident *incident, const void *at, int64_t now)
{
    if (incident->at != at || now - incident->last > APART_NS)
        *incident = (struct guard_incident){.at = at, .began = now};
    incident->last = now;
    return now - incident->began < GUARD_WAIT_S * NS_PER_S;
}

/* 0, or why the pages of these bytes cannot be had so. */
static int populate(const void *at, size_t bytes, int how)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)at / page * page;
    return madvise((void *)from, (uintptr_t)at + bytes - from, how) < 0 ? errno : 0;
}

/* Why these pages cannot be stored into, which is known: no room, unless that could not help.  From
 * a handler of signals, too. */
static int refusal(const void *at, size_t bytes)
{
    struct statfs fs;
    if (populate(at, bytes, MADV_POPULATE_READ) == EFAULT && FAULT_ERROR("guard_read") == 0)
        return -EIO;
    if (place >= 0 && fstatfs(place, &fs) == 0 && (fs.f_flags & ST_RDONLY))
        return -EROFS;
    return -ENOSPC;
}

static const char no_room[] = "ccfs: no room for the journal, and none came of waiting: ccfs ends; "
                              "free space on the workspace's filesystem, then start it again\n";
static const char no_disk[] = "ccfs: the disk does not take the journal any more (it fails, or its "
                              "filesystem went read-only): ccfs ends; see the kernel's log\n";

/* false: the process is to end, and has said why. */
static bool waits(const siginfo_t *info)
{
    static _Thread_local struct guard_incident incident;
    if (info->si_code != BUS_ADRERR)
        return false; /* memory that is broken, or somebody who plays with us */
    bool room_helps = refusal(info->si_addr, 1) == -ENOSPC;
    if (room_helps && guard_waits_on(&incident, info->si_addr, clock_steady_ns()))
        return true;
    if (room_helps)
        (void)!write(STDERR_FILENO, no_room, sizeof no_room - 1);
    else
        (void)!write(STDERR_FILENO, no_disk, sizeof no_disk - 1);
    return false;
}

/* The store is tried again when it returns. */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
    const struct timespec moment = {.tv_nsec = WAIT_MS * 1000000L};
    int saved = errno;
    (void)context;
    if (waits(info)) {
        guard_ring();
        nanosleep(&moment, NULL);
    } else {
        sigaction(signal, &before, NULL);
    }
    errno = saved;
}

static void install(void)
{
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* without, it is waited for room all the same */
    struct sigaction ours = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, &before);
}

bool guard_is_wanted(int fd)
{
    struct statfs fs;
    bool is_btrfs = fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
    return is_btrfs || FAULT_ERROR("guard_wanted") < 0;
}

/* The first one stays: a process has one journal. */
static void keep_place(int fd)
{
    int none = -1;
    int own = place < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own >= 0 && !atomic_compare_exchange_strong(&place, &none, own))
        close(own);
}

bool guard_begin(int fd)
{
    bool wanted = guard_is_wanted(fd);
    if (wanted) {
        keep_place(fd);
        pthread_once(&installed, install);
    }
    return wanted;
}

int guard_bell(void)
{
    return bell;
}

/* Kernels before 5.14 cannot be asked. */
int guard_ask(const void *at, size_t bytes)
{
    TRY(FAULT_ERROR("guard_ask"));
    return populate(at, bytes, MADV_POPULATE_WRITE) == EFAULT ? refusal(at, bytes) : 0;
}
