/* freeze.c - see freeze.h. */
#include "launcher/freeze.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "journal/base/fd.h"
#include "launcher/cgroup.h"
#include "launcher/pidfd.h"
#include "launcher/process_tree.h"

#define PASSES 500
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

/* One pass; how many were not still before it. */
static int stop_all(pid_t root, size_t *count, size_t *moving, struct error *err)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    TRY(find(root, &tree, err));
    *count = tree.count;
    *moving = 0;
    for (size_t i = 0; i < tree.count; i++) {
        if (tree.list[i].state == 'T' || tree.list[i].state == 'Z')
            continue;
        ++*moving;
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
        TRY(stop_all(root, count, &moving, err));
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
