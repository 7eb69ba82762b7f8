/* fresh.c - see fresh.h. */
#include "fusefs/fresh.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <fuse_lowlevel.h>

#include "fusefs/data.h"
#include "fusefs/mapped.h"
#include "journal/base/clock.h"
#include "journal/base/thread.h"

#define LOOK_NS                                                                                    \
    (NS_PER_S / 2) /* what the host's user changes in an open file is seen within it, and a bit */
#define PAUSE_NS (NS_PER_S / 100)
#define TELL_NS (30 * NS_PER_S) /* so often the journal is told of what is written without us */

struct fresh {
    struct fusefs *fs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int64_t told; /* the thread's own */
    bool hurry;   /* under lock: something was met that the kernel must know of */
    bool ending;
};

/* ---- what the pages are of
 * ------------------------------------------------------------------------- */

static bool is_known(const struct seen *seen)
{
    return seen->mtime != 0 || seen->size != 0;
}

static bool is_same(const struct seen *a, const struct seen *b)
{
    return a->mtime == b->mtime && a->size == b->size;
}

static struct seen seen_now(const struct attr *attr)
{
    return (struct seen){.size = (int64_t)attr->size, .mtime = attr->mtime};
}

static bool see(int fd, struct seen *out)
{
    struct attr attr;
    if (attr_read(fd, "", &attr) < 0)
        return false;
    *out = seen_now(&attr);
    return true;
}

static void hurry(struct fresh *fresh)
{
    if (!fresh)
        return; /* nothing is mounted */
    pthread_mutex_lock(&fresh->lock);
    fresh->hurry = true;
    pthread_cond_signal(&fresh->wake);
    pthread_mutex_unlock(&fresh->lock);
}

static bool is_passed(struct fusefs *fs, const struct node *node)
{
    pthread_mutex_lock(&fs->nodes->lock);
    bool passed = node->passed;
    pthread_mutex_unlock(&fs->nodes->lock);
    return passed;
}

static bool has_known_pages(struct fusefs *fs, const struct node *node)
{
    pthread_mutex_lock(&fs->nodes->lock);
    bool known = !node->passed && is_known(&node->seen);
    pthread_mutex_unlock(&fs->nodes->lock);
    return known;
}

static bool move_on(struct fusefs *fs, struct node *node, const struct seen *now)
{
    pthread_mutex_lock(&fs->nodes->lock);
    bool same = is_same(&node->seen, now) && !node->stale;
    node->seen = *now;
    node->stale = false;
    pthread_mutex_unlock(&fs->nodes->lock);
    return same;
}

bool fresh_open(struct fusefs *fs, struct node *node, int fd)
{
    struct seen now;
    return see(fd, &now) && move_on(fs, node, &now);
}

int fresh_folder(struct fusefs *fs, struct node *node, bool *same)
{
    struct attr attr;
    TRY(node_attr(fs->nodes, node, &attr, NULL));
    struct seen now = seen_now(&attr);
    *same = move_on(fs, node, &now);
    return 0;
}

void fresh_before(struct fusefs *fs, struct node *node, int fd)
{
    struct seen now;
    if (!has_known_pages(fs, node) || !see(fd, &now))
        return;
    pthread_mutex_lock(&fs->nodes->lock);
    bool behind = is_known(&node->seen) && !is_same(&node->seen, &now);
    node->stale |= behind;
    pthread_mutex_unlock(&fs->nodes->lock);
    if (behind)
        hurry(fs->fresh);
}

void fresh_after(struct fusefs *fs, struct node *node, int fd)
{
    struct seen now;
    if (!see(fd, &now))
        return;
    pthread_mutex_lock(&fs->nodes->lock);
    node->seen = node->passed ? (struct seen){0} : now; /* passed: others change it, too */
    pthread_mutex_unlock(&fs->nodes->lock);
}

void fresh_reply(struct fusefs *fs, uint64_t number, struct statx *x)
{
    struct node *node = S_ISREG(x->stx_mode) ? node_get(fs->nodes, number) : NULL;
    if (!node)
        return;
    struct attr attr = attr_from_statx(x);
    struct seen now = seen_now(&attr);
    pthread_mutex_lock(&fs->nodes->lock);
    struct seen seen = node->passed ? (struct seen){0} : node->seen;
    pthread_mutex_unlock(&fs->nodes->lock);
    if (!is_known(&seen) || is_same(&seen, &now))
        return;
    node_hold(fs->nodes, node);
    bool open = file_is_open(&fs->handles, node, NULL);
    node_drop(fs->nodes, node);
    if (!open)
        return;
    struct timespec mtime = clock_timespec(seen.mtime);
    x->stx_size = (uint64_t)seen.size;
    x->stx_mtime.tv_sec = mtime.tv_sec;
    x->stx_mtime.tv_nsec = (uint32_t)mtime.tv_nsec;
    hurry(fs->fresh);
}

/* ---- the look at open files
 * -------------------------------------------------------------------------- */

/* Under the file's lock nobody changes it through us, so a difference is somebody else's. */
static bool is_behind(struct fusefs *fs, struct file *file, struct seen *was, struct seen *now)
{
    struct node *node = file->node;
    struct attr attr;
    pthread_mutex_lock(&file->lock);
    int r = node_attr(fs->nodes, node, &attr, NULL);
    pthread_mutex_lock(&fs->nodes->lock);
    *was = node->seen;
    *now = r < 0 ? node->seen : seen_now(&attr);
    bool behind = !node->passed && (node->stale || (is_known(was) && !is_same(was, now)));
    node->stale &= node->passed;
    pthread_mutex_unlock(&fs->nodes->lock);
    pthread_mutex_unlock(&file->lock);
    return behind;
}

/* Not under the file's lock: the kernel waits for pages whose READ or WRITE waits for it. */
static void look_at(struct fusefs *fs, struct file *file)
{
    struct node *node = file->node;
    struct seen was;
    struct seen now;
    if (!S_ISREG(node->type) || is_passed(fs, node) || !is_behind(fs, file, &was, &now))
        return;
    fuse_lowlevel_notify_inval_inode(fs->session, node->number, 0, 0);
    pthread_mutex_lock(&fs->nodes->lock);
    if (is_same(&node->seen, &was))
        node->seen = now;
    pthread_mutex_unlock(&fs->nodes->lock);
}

static void look_around(struct fusefs *fs)
{
    size_t at = 0;
    for (struct file *file; (file = files_next(&fs->handles, &at, false));) {
        look_at(fs, file);
        file_drop(&fs->handles, fs->nodes, file);
    }
}

/* Write sessions of files that stay open, and of mappings that nobody has any more. */
static void look_at_writers(struct fresh *fresh)
{
    int64_t now = clock_now_ns();
    if (now - fresh->told < TELL_NS) {
        mapped_sweep(fresh->fs, SIZE_MAX);
        return;
    }
    data_settle_all(fresh->fs, SETTLE_REPORT);
    fresh->told = now;
}

static void wait_ns(struct fresh *fresh, int64_t ns)
{
    const struct timespec until = clock_steady_in(ns);
    pthread_cond_timedwait(&fresh->wake, &fresh->lock, &until);
}

static void *look_after(void *argument)
{
    struct fresh *fresh = argument;
    pthread_mutex_lock(&fresh->lock);
    while (!fresh->ending) {
        if (!fresh->hurry)
            wait_ns(fresh, LOOK_NS);
        fresh->hurry = false;
        pthread_mutex_unlock(&fresh->lock);
        look_around(fresh->fs);
        look_at_writers(fresh);
        pthread_mutex_lock(&fresh->lock);
        if (!fresh->ending) /* a storm of changes outside must not keep a core busy */
            wait_ns(fresh, PAUSE_NS);
    }
    pthread_mutex_unlock(&fresh->lock);
    return NULL;
}

int fresh_start(struct fusefs *fs, struct fresh **out, struct error *err)
{
    struct fresh *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return error_set(err, ENOMEM, "threads");
    fresh->fs = fs;
    fresh->told = clock_now_ns();
    pthread_mutex_init(&fresh->lock, NULL);
    thread_cond_init(&fresh->wake);
    int r = pthread_create(&fresh->thread, NULL, look_after, fresh);
    if (r != 0) {
        pthread_cond_destroy(&fresh->wake);
        pthread_mutex_destroy(&fresh->lock);
        free(fresh);
        return error_set(err, r, "threads");
    }
    *out = fresh;
    return 0;
}

void fresh_stop(struct fresh **fresh)
{
    struct fresh *f = *fresh;
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
    *fresh = NULL;
}
