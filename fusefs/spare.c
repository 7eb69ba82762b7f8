/* spare.c - see spare.h. */
#include "fusefs/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "fusefs/fs.h"
#include "fusefs/passthrough.h"
#include "journal/base/clock.h"
#include "journal/base/fd.h"

#define SPARES 4
#define WISHES 8
#define SPARE_BYTES (INT64_C(256) << 20) /* a larger file gets none */
#define KEPT_SHARE 8  /* this part of the file was kept block by block, or more */
#define ROOM_SHARE 16 /* the disk has room for so many of them */
#define LIFE_NS (300 * NS_PER_S)

struct spare {
    struct attr of;
    uint64_t version;
    enum kept kept;
    int64_t made;
};

struct spares {
    struct fusefs *fs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct node *wishes[WISHES]; /* under lock, held; oldest first */
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

/* What was kept block by block was so much that the whole is worth its while. */
static bool was_dear(const struct writing *w)
{
    struct stat blocks;
    return w->kept == KEPT_BLOCKS && fstat(w->blocks, &blocks) == 0 &&
           blocks.st_size >= (int64_t)w->before.size / KEPT_SHARE;
}

void spare_consider(struct fusefs *fs, struct node *node, const struct writing *w)
{
    struct spares *s = fs->spares;
    if (!s || !atomic_load(&fs->through) || !was_dear(w))
        return;
    node_hold(fs->nodes, node);
    pthread_mutex_lock(&s->lock);
    bool taken = !s->ending && s->wish_count < WISHES;
    if (taken)
        s->wishes[s->wish_count++] = node;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (!taken)
        node_drop(fs->nodes, node);
}

/* Under lock.  NULL: there is none. */
static struct node *next_wish(struct spares *s)
{
    struct node *node = s->wish_count > 0 ? s->wishes[0] : NULL;
    if (node)
        memmove(&s->wishes[0], &s->wishes[1], --s->wish_count * sizeof(struct node *));
    return node;
}

/* ---- making one
 * -------------------------------------------------------------------------------------- */

/* Under lock.  false: it is time to end. */
static bool wait_ns(struct spares *s, int64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until = clock_timespec(clock_ns(until) + ns);
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

static bool has_room(const struct fusefs *fs, const struct attr *a)
{
    struct statvfs disk;
    int64_t size = (int64_t)a->size;
    if (!S_ISREG(a->mode) || size <= fs->copy_limit || size > SPARE_BYTES)
        return false;
    return fstatvfs(fs->root, &disk) == 0 &&
           disk.f_bavail * disk.f_frsize / ROOM_SHARE > (uint64_t)size;
}

static bool looks(int fd, struct spare *spare)
{
    struct attr now;
    return attr_read(fd, "", &now) == 0 && is_of(spare, &now);
}

static void make(struct spares *s, struct node *node)
{
    struct fusefs *fs = s->fs;
    struct spare spare = {0};
    CLEANUP(fd_close) int fd = node_open(fs->nodes, node, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || node_in_vault(fs->nodes, node) || attr_read(fd, "", &spare.of) < 0 ||
        !has_room(fs, &spare.of))
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
        struct node *node = next_wish(s);
        pthread_mutex_unlock(&s->lock);
        if (node) {
            make(s, node);
            node_drop(s->fs->nodes, node);
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
    for (struct node *node; (node = next_wish(s));)
        node_drop(s->fs->nodes, node);
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
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &steady);
    pthread_condattr_destroy(&steady);
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
