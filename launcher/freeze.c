/* freeze.c - see freeze.h. */
#include "launcher/freeze.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "journal/base/fd.h"
#include "launcher/cgroup.h"
#include "launcher/pidfd.h"
#include "launcher/process_tree.h"

#define PASSES 500
#define PATIENCE 100 /* passes; what waits for a disk is through by then */
#define PAUSE_NS (10 * 1000 * 1000)

/* By a descriptor that was looked at after it was opened: another of its number gets nothing. */
static void signal_one(const struct process *p, int signal)
{
    struct process now;
    CLEANUP(fd_close) int fd = pidfd_of(p->pid);
    if (fd >= 0 && process_look(p->pid, &now) && now.ticks == p->ticks)
        (void)pidfd_signal(fd, signal);
}

static int find(pid_t root, struct process_tree *out, struct error *err)
{
    TRY(process_tree_find(root, out, err));
    return out->count ? 0 : error_say(err, ESRCH, "it has ended");
}

/* Stopped, traced (by one of the tree, which is stopped too), or dead; or it was signalled and
 * waits in the kernel, and will stop before it does anything else: a parent between vfork(2) and
 * the exec of its child, which is stopped, waits as long as that is. */
static bool is_still(const struct process *p, int pass)
{
    return strchr("TtZX", p->state) || (p->state == 'D' && pass >= PATIENCE);
}

/* One pass; how many were not still before it.  All are signalled: the threads of a process live on
 * where its first one has ended, and it looks dead. */
static int stop_all(pid_t root, int pass, size_t *count, size_t *moving, struct error *err)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    TRY(find(root, &tree, err));
    *count = tree.count;
    *moving = 0;
    for (size_t i = 0; i < tree.count; i++) {
        *moving += !is_still(&tree.list[i], pass);
        if (tree.list[i].state != 'T')
            signal_one(&tree.list[i], SIGSTOP);
    }
    return 0;
}

int freeze_session(pid_t root, size_t *count, struct error *err)
{
    const struct timespec moment = {.tv_nsec = PAUSE_NS};
    size_t moving = 0;
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    TRY(find(root, &tree, err));
    *count = tree.count;
    if (cgroup_freeze(root, true))
        return 0;
    for (int i = 0; i < PASSES; i++) {
        TRY(stop_all(root, i, count, &moving, err));
        if (moving == 0)
            return 0;
        nanosleep(&moment, NULL);
    }
    return error_say(err, EBUSY, "%zu of its %zu processes do not stop", moving, *count);
}

/* Children first: their parents are not to notice that they were stopped. */
int thaw_session(pid_t root, size_t *count, struct error *err)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    TRY(find(root, &tree, err));
    *count = tree.count;
    (void)cgroup_freeze(root, false);
    for (size_t i = tree.count; i-- > 0;)
        signal_one(&tree.list[i], SIGCONT);
    return 0;
}
