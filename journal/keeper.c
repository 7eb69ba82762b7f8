/* keeper.c - see keeper.h. */
#include "journal/keeper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/thread.h"
#include "journal/intake_guard.h"

#define NAP_MS 50 /* who waits rings without a pause */

struct keeper {
    struct reserve *reserve; /* borrowed */
    int stop;                /* eventfd */
    pthread_t thread;
};

static void *keeper_main(void *context)
{
    struct keeper *k = context;
    struct pollfd wait[] = {{k->stop, POLLIN, 0}, {guard_bell(), POLLIN, 0}};
    while (poll(wait, COUNT_OF(wait), -1) < 0 || !wait[0].revents) {
        eventfd_t rung;
        if (reserve_spend(k->reserve))
            log_line("no room for the journal: some of what was kept aside for that is used");
        (void)!poll(wait, 1, NAP_MS);
        (void)!eventfd_read(wait[1].fd, &rung);
    }
    return NULL;
}

int keeper_start(struct reserve *reserve, struct keeper **out, struct error *err)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return error_set(err, ENOMEM, "open the journal");
    k->reserve = reserve;
    k->stop = eventfd(0, EFD_CLOEXEC);
    int r = k->stop < 0 ? -errno : thread_start(&k->thread, keeper_main, k);
    if (r < 0) {
        fd_close(&k->stop);
        free(k);
        return error_set(err, -r, "open the journal");
    }
    *out = k;
    return 0;
}

void keeper_stop(struct keeper **k)
{
    if (!*k)
        return;
    (void)!eventfd_write((*k)->stop, 1);
    pthread_join((*k)->thread, NULL);
    fd_close(&(*k)->stop);
    free(*k);
    *k = NULL;
}
