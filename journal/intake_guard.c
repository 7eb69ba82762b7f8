/* intake_guard.c - see intake_guard.h.  The handler of SIGBUS only rings and sleeps. */
#include "journal/intake_guard.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/error.h"
#include "journal/base/fault.h"

#define WAIT_MS 10
#define WAITS_MAX (GUARD_WAIT_S * 1000 / WAIT_MS)

static struct sigaction before; /* who had the signal */
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static int bell = -1; /* set once, before the first store */

/* From a handler of signals, too. */
void guard_ring(void)
{
    const uint64_t one = 1;
    (void)!write(bell, &one, sizeof one);
}

/* The store is tried again when it returns. */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
    static _Thread_local const void *last;
    static _Thread_local int waits;
    const struct timespec moment = {.tv_nsec = WAIT_MS * 1000000L};
    int saved = errno;
    (void)context;
    waits = info->si_addr == last ? waits + 1 : 0;
    last = info->si_addr;
    if (info->si_code == BUS_ADRERR && waits < WAITS_MAX) {
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

bool guard_begin(int fd)
{
    bool wanted = guard_is_wanted(fd);
    if (wanted)
        pthread_once(&installed, install);
    return wanted;
}

int guard_bell(void)
{
    return bell;
}

/* Kernels before 5.14 cannot be asked. */
int guard_ask(const void *at, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)at / page * page;
    size_t length = (uintptr_t)at + bytes - from;
    TRY(FAULT_ERROR("guard_ask"));
    return madvise((void *)from, length, MADV_POPULATE_WRITE) < 0 && errno == EFAULT ? -ENOSPC : 0;
}
