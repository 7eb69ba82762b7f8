/* spare.c - see spare.h. */
#include "fusefs/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "fusefs/fs.h"
#include "fusefs/passthrough.h"
#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/thread.h"

#define SPARES 4
#define WISHES 8
#define SPARE_BYTES (INT64_C(256) << 20) /* a larger file gets none */
#define KEPT_SHARE 8  /* this part of the file was kept block by block, or more */
#define EXTENTS 1024  /* a clone shares each by itself: 8 us each on XFS, whose user waits */
#define ROOM_SHARE 16 /* the disk has room for so many of them */
#define LIFE_NS (300 * NS_PER_S)

struct spare {
    struct attr of;
    uint64_t version;
    enum kept kept;
    int64_t made;
};

struct spare_wish {
    struct node *node; /* held */
    bool clone;        /* this is how the old content was kept */
};

struct spares {
    struct fusefs *fs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct spare_wish wishes[WISHES]; /* under lock; oldest first */
    size_t wish_count;
    struct spare made[SPARES]; /* under lock; oldest first */
    size_t made_count;
    bool ending; /* under lock */
};

/* ---- what is there
 * ----------------------------------------------------------------------------------- */

static bool is_of(const struct spare *spare, const struct attr *now)
{
    const struct attr *of = &spare->of;
    return of->size == now->size && of->mtime == now->mtime && of->ctime == now->ctime;
}

/* Under lock. */
static struct spare take_out(struct spares *s, size_t at)
{
    struct spare out = s->made[at];
    s->made_count--;
    memmove(&s->made[at], &s->made[at + 1], (s->made_count - at) * sizeof out);
    return out;
}

bool spare_take(struct fusefs *fs, const struct attr *now, uint64_t *version, enum kept *kept)
{
    struct spares *s = fs->spares;
    struct spare spare = {0};
    if (!s)
        return false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->made_count && !spare.version; i++)
        if (attr_same_object(&s->made[i].of, now))
            spare = take_out(s, i);
    pthread_mutex_unlock(&s->lock);
    if (!spare.version)
        return false;
    if (!is_of(&spare, now)) {
        vault_discard(fs->vault, spare.version);
        return false;
    }
    *version = spare.version;
    *kept = spare.kept;
    return true;
}

/* Of the same inode there is only the newest. */
static void put(struct spares *s, const struct spare *spare)
{
    uint64_t discard[SPARES + 1];
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = s->made_count; i-- > 0;)
        if (attr_same_object(&s->made[i].of, &spare->of))
            discard[count++] = take_out(s, i).version;
    if (s->made_count == SPARES)
        discard[count++] = take_out(s, 0).version;
    s->made[s->made_count++] = *spare;
    pthread_mutex_unlock(&s->lock);
    while (count > 0)
        vault_discard(s->fs->vault, discard[--count]);
}

/* The oldest, if it is older than that. */
static bool discard_older(struct spares *s, int64_t than)
{
    struct spare spare = {0};
    pthread_mutex_lock(&s->lock);
    if (s->made_count > 0 && s->made[0].made < than)
        spare = take_out(s, 0);
    pthread_mutex_unlock(&s->lock);
    if (spare.version)
        vault_discard(s->fs->vault, spare.version);
    return spare.version != 0;
}

/* ---- what is wanted
 * ---------------------------------------------------------------------------------- */

/* A smaller one is copied while it is opened. */
static bool is_large(const struct fusefs *fs, const struct attr *a)
{
    return S_ISREG(a->mode) && (int64_t)a->size > fs->copy_limit;
}

/* What was kept block by block was so much that the whole is worth its while.  Whether a clone is,
 * its extents say (make). */
static bool was_dear(const struct writing *w)
{
    struct stat blocks;
    if (w->kept == KEPT_CLONE)
        return true;
    return w->kept == KEPT_BLOCKS && fstat(w->blocks, &blocks) == 0 &&
           blocks.st_size >= (int64_t)w->before.size / KEPT_SHARE;
}

void spare_consider(struct fusefs *fs, struct node *node, const struct writing *w)
{
    struct spares *s = fs->spares;
    if (!s || !atomic_load(&fs->through) || !is_large(fs, &w->before) || !was_dear(w))
        return;
    node_hold(fs->nodes, node);
    pthread_mutex_lock(&s->lock);
    bool taken = !s->ending && s->wish_count < WISHES;
    if (taken)
        s->wishes[s->wish_count++] = (struct spare_wish){node, w->kept == KEPT_CLONE};
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (!taken)
        node_drop(fs->nodes, node);
}

/* Under lock.  false: there is none. */
static bool next_wish(struct spares *s, struct spare_wish *out)
{
    if (s->wish_count == 0)
        return false;
    *out = s->wishes[0];
    memmove(&s->wishes[0], &s->wishes[1], --s->wish_count * sizeof *out);
    return true;
}

/* ---- making one
 * -------------------------------------------------------------------------------------- */

/* Under lock.  false: it is time to end. */
static bool wait_ns(struct spares *s, int64_t ns)
{
    const struct timespec until = clock_steady_in(ns);
    int r = 0;
    while (!s->ending && r == 0 && s->wish_count == 0)
        r = pthread_cond_timedwait(&s->wake, &s->lock, &until);
    return !s->ending;
}

/* What is written from now on gets other times than those it has. */
static void let_a_tick_pass(void)
{
    const struct timespec tick = {.tv_nsec = ATTR_TICK_NS};
    nanosleep(&tick, NULL);
}

static bool has_room(const struct fusefs *fs, int64_t size)
{
    struct statvfs disk;
    if (size > SPARE_BYTES)
        return false;
    return fstatvfs(fs->root, &disk) == 0 &&
           disk.f_bavail * disk.f_frsize / ROOM_SHARE > (uint64_t)size;
}

/* What a clone has to share (the kernel's filesystems/fiemap.rst).  It is written out for that, as
 * a clone would: until then new blocks have no place and do not count. */
static bool has_many_extents(int fd)
{
    struct fiemap map = {
        /* room for none: they are counted */
        .fm_length = FIEMAP_MAX_OFFSET,
        .fm_flags = FIEMAP_FLAG_SYNC,
    };
    return ioctl(fd, FS_IOC_FIEMAP, &map) == 0 && map.fm_mapped_extents >= EXTENTS;
}

static bool looks(int fd, struct spare *spare)
{
    struct attr now;
    return attr_read(fd, "", &now) == 0 && is_of(spare, &now);
}

static bool is_worth_it(const struct fusefs *fs, const struct spare_wish *wish, int fd,
                        const struct attr *now)
{
    if (!is_large(fs, now))
        return false;
    return wish->clone ? has_many_extents(fd) : has_room(fs, (int64_t)now->size);
}

static void make(struct spares *s, const struct spare_wish *wish)
{
    struct fusefs *fs = s->fs;
    struct spare spare = {0};
    CLEANUP(fd_close) int fd = node_open(fs->nodes, wish->node, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || node_in_vault(fs->nodes, wish->node) || attr_read(fd, "", &spare.of) < 0 ||
        !is_worth_it(fs, wish, fd, &spare.of))
        return;
    let_a_tick_pass();
    if (!passthrough_is_quiet(fd) || !looks(fd, &spare) || vault_room(fs->vault, NULL) < 0)
        return;
    spare.version = vault_new(fs->vault);
    if (vault_copy_in(fs->vault, spare.version, fd, (int64_t)spare.of.size, SPARE_BYTES,
                      &spare.kept, NULL) < 0)
        return;
    spare.made = clock_now_ns();
    if (looks(fd, &spare))
        put(s, &spare);
    else
        vault_discard(fs->vault, spare.version);
}

/* ---- the thread
 * -------------------------------------------------------------------------------------- */

static void *keep_ahead(void *argument)
{
    struct spares *s = argument;
    pthread_mutex_lock(&s->lock);
    while (wait_ns(s, LIFE_NS / 5)) {
        struct spare_wish wish;
        bool has_wish = next_wish(s, &wish);
        pthread_mutex_unlock(&s->lock);
        if (has_wish) {
            make(s, &wish);
            node_drop(s->fs->nodes, wish.node);
        }
        while (discard_older(s, clock_now_ns() - LIFE_NS))
            ;
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void release(struct spares *s)
{
    for (struct spare_wish wish; next_wish(s, &wish);)
        node_drop(s->fs->nodes, wish.node);
    while (discard_older(s, INT64_MAX))
        ;
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int spares_start(struct fusefs *fs, struct spares **out, struct error *err)
{
    struct spares *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ENOMEM, "threads");
    s->fs = fs;
    pthread_mutex_init(&s->lock, NULL);
    thread_cond_init(&s->wake);
    int r = pthread_create(&s->thread, NULL, keep_ahead, s);
    if (r != 0) {
        release(s);
        return error_set(err, r, "threads");
    }
    *out = s;
    return 0;
}

void spares_stop(struct spares **spares)
{
    struct spares *s = *spares;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    *spares = NULL;
    release(s);
}
