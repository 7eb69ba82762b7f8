/* actor.c - who a thread is; see actor.h.
 *
 *   (1) A thread is known by its number and an open /proc/TID/comm: reading that fails once the
 * thread is dead, also when its number is used again, and gives another name after most execs. What
 * an exec of the same name changes is noticed within RECHECK_NS. (2) A process is known by pid,
 * start, owner, executable and command line: one row for each. (3) A process that was in a session
 * stays in it, also when its parents are gone. (4) Nobody gets out of a session by making us fail:
 * a line of parents longer than is recorded is still followed to its end, and where descriptors or
 * memory are short, the answer is an error and not "unknown".
 *
 * A hit costs one pread(2) under the lock of its shard.  Misses are resolved one at a time, so that
 * no process gets two rows; that lock (resolving) comes before a shard's. */
#include "journal/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/actor_proc.h"
#include "journal/actor_session.h"
#include "journal/base/clock.h"
#include "journal/base/fd.h"

#define THREADS_MAX 1024
#define PROCESSES_MAX 4096
#define WAYS 4
#define SHARDS (THREADS_MAX / WAYS)
#define RECHECK_NS (NS_PER_S / 4)
#define CHAIN_MAX 64       /* parents that are recorded */
#define WALK_MAX (1 << 22) /* parents that are followed: as many as there can be processes */
#define REBORN_MAX 16      /* parents that die while they are looked at */

struct thread {
    pid_t tid; /* 0: free */
    int comm_fd;
    char comm[ACTOR_COMM_MAX];
    uint32_t uid;
    uint32_t gid;
    int64_t checked;
    unsigned generation;
    struct actor_ref ref;
};

struct shard {
    pthread_mutex_t lock;
    struct thread threads[WAYS]; /* under lock */
};

struct process {
    pid_t pid; /* 0: free */
    uint64_t ticks;
    uint32_t uid;
    uint32_t gid;
    uint64_t texts; /* hash of executable and command line */
    int64_t checked;
    unsigned generation;
    struct actor_ref ref;
};

struct thread_owner {
    pid_t tid;
    uint32_t uid;
    uint32_t gid;
};

struct actors {
    actor_record *record;
    void *context;
    int64_t boot;                /* UTC ns */
    _Atomic unsigned generation; /* of the sessions: what was looked up before is looked up again */
    struct shard shards[SHARDS];
    pthread_mutex_t resolving;
    struct process processes[PROCESSES_MAX]; /* below: under resolving */
    struct live_sessions sessions;
    struct actor_texts texts; /* of the process that is being looked at */
};

/* ---- processes (under resolving) ---- */

static int64_t coarse_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return clock_ns(t);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static struct process *ways_of(struct actors *a, pid_t pid)
{
    return &a->processes[(unsigned)pid % (PROCESSES_MAX / WAYS) * WAYS];
}

/* The latest row of this process, whatever it runs. */
static struct process *process_latest(struct actors *a, pid_t pid, uint64_t ticks)
{
    struct process *ways = ways_of(a, pid);
    struct process *latest = NULL;
    for (int i = 0; i < WAYS; i++)
        if (ways[i].pid == pid && ways[i].ticks == ticks &&
            (!latest || ways[i].checked > latest->checked))
            latest = &ways[i];
    return latest;
}

static struct process *process_exact(struct actors *a, const struct process *p)
{
    struct process *ways = ways_of(a, p->pid);
    for (int i = 0; i < WAYS; i++)
        if (ways[i].pid == p->pid && ways[i].ticks == p->ticks && ways[i].uid == p->uid &&
            ways[i].gid == p->gid && ways[i].texts == p->texts)
            return &ways[i];
    return NULL;
}

static struct process *process_oldest(struct actors *a, pid_t pid)
{
    struct process *ways = ways_of(a, pid);
    struct process *oldest = ways;
    for (int i = 1; i < WAYS; i++)
        if (ways[i].pid == 0 || (oldest->pid != 0 && ways[i].checked < oldest->checked))
            oldest = &ways[i];
    return oldest;
}

static uint64_t session_of(struct actors *a, const struct process *p, uint64_t parents_session)
{
    uint64_t own = live_session_rooted_at(&a->sessions, p->pid, p->ticks);
    const struct process *earlier = process_latest(a, p->pid, p->ticks);
    if (own)
        return own;
    if (earlier && earlier->ref.session)
        return earlier->ref.session;
    return parents_session ? parents_session
                           : live_session_in_container(&a->sessions, p->pid, &a->texts);
}

static uint64_t process_record(struct actors *a, const struct process *p, uint64_t parent)
{
    const int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
    const struct actor actor = {
        .pid = p->pid,
        .started = a->boot + (int64_t)p->ticks * tick_ns,
        .parent = parent,
        .uid = p->uid,
        .gid = p->gid,
        .exe = a->texts.exe[0] ? a->texts.exe : NULL,
        .cmdline = a->texts.cmdline[0] ? a->texts.cmdline : NULL,
        .container = actor_read_container(&a->texts, p->pid),
    };
    return a->record(a->context, &actor);
}

static bool is_fresh(const struct actors *a, int64_t checked, unsigned generation)
{
    return coarse_now() - checked < RECHECK_NS && generation == atomic_load(&a->generation);
}

/* Not what /proc says about a process, but about us: nothing follows from it. */
static bool is_want(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EAGAIN;
}

/* The session of pid by its line of parents alone. */
static struct actor_ref walk_up(struct actors *a, pid_t pid)
{
    struct actor_ref found = {.session = live_session_in_container(&a->sessions, pid, &a->texts)};
    if (found.session)
        return found;
    for (int steps = 0; pid > 0 && steps < WALK_MAX; steps++) {
        pid_t parent = 0;
        uint64_t ticks = 0;
        found.error = actor_read_stat(pid, &parent, &ticks);
        if (found.error < 0)
            return found;
        const struct process *known = process_latest(a, pid, ticks);
        found.session = live_session_rooted_at(&a->sessions, pid, ticks);
        if (!found.session && known)
            found.session = known->ref.session;
        if (found.session)
            return found;
        pid = parent;
    }
    return found;
}

static struct actor_ref resolve(struct actors *a, pid_t pid, const struct thread_owner *owner,
                                int depth);

/* Of the process whose stat says parent: one that has died meanwhile has left it to another. */
static int resolve_parent(struct actors *a, struct process *p, int depth, struct actor_ref *out)
{
    for (int i = 0; i < REBORN_MAX; i++) {
        pid_t parent = 0;
        int r = actor_read_stat(p->pid, &parent, &p->ticks);
        if (r < 0)
            return r;
        *out = resolve(a, parent, NULL, depth + 1);
        if (out->error == 0 || is_want(out->error))
            return out->error;
    }
    return -EAGAIN;
}

/* owner: a thread of it, and whose it is as the kernel told; NULL: as /proc says (for parents,
 * which may also be taken from memory while that is fresh).  error: it is gone, or /proc cannot be
 * read. */
static struct actor_ref resolve(struct actors *a, pid_t pid, const struct thread_owner *owner,
                                int depth)
{
    struct actor_status status = {0};
    struct process p = {.pid = pid, .checked = coarse_now()};
    struct actor_ref parent = {0};
    pid_t unused = 0;
    if (pid <= 0)
        return (struct actor_ref){0};
    if (depth > CHAIN_MAX)
        return walk_up(a, pid);
    int r = actor_read_stat(pid, &unused, &p.ticks);
    if (r < 0)
        return (struct actor_ref){.error = r};
    const struct process *latest = process_latest(a, pid, p.ticks);
    if (!owner && latest && is_fresh(a, latest->checked, latest->generation))
        return latest->ref;
    r = resolve_parent(a, &p, depth, &parent);
    if (r == 0 && !owner)
        r = actor_read_status(pid, &status);
    if (r < 0)
        return (struct actor_ref){.error = r};
    p.uid = owner ? owner->uid : status.uid;
    p.gid = owner ? owner->gid : status.gid;
    actor_read_exe(&a->texts, pid, owner ? owner->tid : pid);
    actor_read_cmdline(&a->texts, pid, owner ? owner->tid : pid);
    p.texts = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), a->texts.exe), a->texts.cmdline);
    p.generation = atomic_load(&a->generation);
    struct process *known = process_exact(a, &p);
    p.ref.session = session_of(a, &p, parent.session);
    p.ref.actor = known ? known->ref.actor : process_record(a, &p, parent.actor);
    if (p.ref.actor == 0)
        return p.ref; /* not remembered: tried again next time */
    *(known ? known : process_oldest(a, pid)) = p;
    return p.ref;
}

/* ---- threads ---- */

static struct shard *shard_of(struct actors *a, pid_t tid)
{
    return &a->shards[(unsigned)tid % SHARDS];
}

static void thread_forget(struct thread *t)
{
    fd_close(&t->comm_fd);
    t->tid = 0;
}

static bool comm_is_the_same(const struct thread *t)
{
    char comm[ACTOR_COMM_MAX] = {0};
    ssize_t n = pread(t->comm_fd, comm, sizeof comm - 1, 0);
    return n > 0 && memcmp(comm, t->comm, sizeof comm) == 0;
}

static bool thread_known(struct actors *a, pid_t tid, uint32_t uid, uint32_t gid,
                         struct actor_ref *out)
{
    struct shard *s = shard_of(a, tid);
    bool known = false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < WAYS; i++) {
        struct thread *t = &s->threads[i];
        if (t->tid != tid)
            continue;
        known = t->uid == uid && t->gid == gid && is_fresh(a, t->checked, t->generation) &&
                comm_is_the_same(t);
        if (known)
            *out = t->ref;
        else
            thread_forget(t);
    }
    pthread_mutex_unlock(&s->lock);
    return known;
}

static void thread_remember(struct actors *a, struct thread *fresh)
{
    struct shard *s = shard_of(a, fresh->tid);
    pthread_mutex_lock(&s->lock);
    struct thread *place = &s->threads[0];
    for (int i = 0; i < WAYS; i++) {
        struct thread *t = &s->threads[i];
        if (t->tid == fresh->tid) {
            place = t;
            break;
        }
        if (t->tid == 0 || (place->tid != 0 && t->checked < place->checked))
            place = t;
    }
    thread_forget(place);
    *place = *fresh;
    place->comm_fd = fd_take(&fresh->comm_fd);
    pthread_mutex_unlock(&s->lock);
}

/* Opened before the process is looked at: what the thread becomes meanwhile shows as a change. */
static int comm_open(struct thread *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", t->tid);
    t->comm_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (t->comm_fd < 0)
        return -errno;
    return pread(t->comm_fd, t->comm, sizeof t->comm - 1, 0) > 0 ? 0 : -ESRCH;
}

static struct actor_ref thread_resolve(struct actors *a, struct thread *t)
{
    struct actor_status status;
    struct thread_owner owner = {.tid = t->tid, .uid = t->uid, .gid = t->gid};
    bool watched = comm_open(t) == 0;
    t->checked = coarse_now();
    t->generation = atomic_load(&a->generation);
    int r = actor_read_status(t->tid, &status);
    if (r < 0)
        return (struct actor_ref){.error = r};
    pthread_mutex_lock(&a->resolving);
    t->ref = resolve(a, status.tgid, &owner, 0);
    pthread_mutex_unlock(&a->resolving);
    struct actor_ref ref = t->ref;
    if (watched && ref.actor)
        thread_remember(a, t);
    return ref;
}

struct actor_ref actors_find(struct actors *a, pid_t tid, uint32_t uid, uint32_t gid)
{
    struct actor_ref ref = {0};
    if (tid <= 0 || thread_known(a, tid, uid, gid, &ref))
        return ref;
    struct thread fresh = {.tid = tid, .comm_fd = -1, .uid = uid, .gid = gid};
    ref = thread_resolve(a, &fresh);
    fd_close(&fresh.comm_fd);
    if (!is_want(ref.error))
        ref.error = 0; /* it is gone: unknown */
    return ref;
}

/* ---- sessions ---- */

int actors_session_begin(struct actors *a, pid_t root, uint64_t session)
{
    struct live_session fresh = {.id = session, .root = root};
    pid_t parent = 0;
    if (root > 0 && actor_read_stat(root, &parent, &fresh.ticks) < 0)
        fresh.root = 0; /* gone already: nobody */
    pthread_mutex_lock(&a->resolving);
    int r = live_session_add(&a->sessions, fresh, &a->texts);
    atomic_fetch_add(&a->generation, 1);
    pthread_mutex_unlock(&a->resolving);
    return r;
}

void actors_session_end(struct actors *a, uint64_t session)
{
    pthread_mutex_lock(&a->resolving);
    live_session_remove(&a->sessions, session);
    atomic_fetch_add(&a->generation, 1);
    pthread_mutex_unlock(&a->resolving);
}

unsigned actors_sessions(struct actors *a)
{
    pthread_mutex_lock(&a->resolving);
    unsigned count = live_session_count(&a->sessions);
    pthread_mutex_unlock(&a->resolving);
    return count;
}

size_t actors_session_roots(struct actors *a, struct journal_root *out, size_t limit)
{
    pthread_mutex_lock(&a->resolving);
    size_t count = live_session_roots(&a->sessions, out, limit);
    pthread_mutex_unlock(&a->resolving);
    return count;
}

struct actors *actors_new(actor_record *record, void *context)
{
    struct actors *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->record = record;
    a->context = context;
    a->boot = actor_boot_time();
    pthread_mutex_init(&a->resolving, NULL);
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&a->shards[i].lock, NULL);
        for (int w = 0; w < WAYS; w++)
            a->shards[i].threads[w].comm_fd = -1;
    }
    return a;
}

void actors_free(struct actors **a)
{
    if (!*a)
        return;
    for (int i = 0; i < SHARDS; i++) {
        for (int w = 0; w < WAYS; w++)
            thread_forget(&(*a)->shards[i].threads[w]);
        pthread_mutex_destroy(&(*a)->shards[i].lock);
    }
    pthread_mutex_destroy(&(*a)->resolving);
    free(*a);
    *a = NULL;
}
