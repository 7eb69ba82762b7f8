/* fault.c - see fault.h. */
#include "journal/base/fault.h"

#include <stdlib.h>

#ifdef CCFS_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static void pause_at(const char *name)
{
    const char *wanted = getenv("CCFS_PAUSE");
    size_t bytes = strlen(name);
    if (!wanted || strncmp(wanted, name, bytes) != 0 || wanted[bytes] != ':')
        return;
    long ms = strtol(wanted + bytes + 1, NULL, 10);
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

void fault_point(const char *name)
{
    pause_at(name);
    static _Atomic long passed;
    const char *wanted = getenv("CCFS_FAULT");
    size_t bytes = strlen(name);
    if (!wanted || strncmp(wanted, name, bytes) != 0)
        return;
    if (wanted[bytes] != '\0' && wanted[bytes] != ':')
        return;
    long at = wanted[bytes] == ':' ? strtol(wanted + bytes + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == at)
        raise(SIGKILL);
}

int fault_error(const char *name)
{
    static _Atomic long passed;
    const char *wanted = getenv("CCFS_FAIL");
    size_t bytes = strlen(name);
    if (!wanted || strncmp(wanted, name, bytes) != 0 || wanted[bytes] != ':')
        return 0;
    char *rest = NULL;
    long code = strtol(wanted + bytes + 1, &rest, 10);
    long first = *rest == ':' ? strtol(rest + 1, &rest, 10) : 1;
    long count = *rest == ':' ? strtol(rest + 1, &rest, 10) : 1;
    long n = atomic_fetch_add(&passed, 1) + 1;
    return n >= first && n < first + count ? (int)-code : 0;
}

#endif
