/* hasher.c - see hasher.h. */
#include "journal/hasher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/thread.h"
#include "journal/journal.h"
#include "journal/meta.h"
#include "journal/schema.h"

#define FOUND_MOST 256
#define WAITING_MOST 4096
#define NAP_MS 500
#define NAPS_AFTER_ERROR 10
#define TARGET_MOST 4096
#define MOVES_MOST 64 /* renames that are followed from an event to its file */
/* A clock tick and the writer's naps: after it, what changed the file is in its times or on record.
 */
#define SETTLED_NS NS_PER_S

struct found {
    int64_t event;
    enum hash_side side;
    unsigned char sha256[SHA256_BYTES];
};

struct hasher {
    int root;
    struct vault *vault;
    struct db *db; /* reads; the thread's own */
    struct sha256 *sha;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    int64_t cursor;                /* events up to it are done; the thread's own, as the next two */
    int64_t waiting[WAITING_MOST]; /* write sessions that had not ended */
    size_t waiting_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct found found[FOUND_MOST]; /* under lock */
    size_t found_count;             /* under lock */
    int64_t done;                   /* under lock: the cursor behind what was found */
    int64_t stored;                 /* of the writer's thread: the cursor as it is in the journal */
};

enum hash_side hash_side_of(enum op op, enum kept kept)
{
    if (kept == KEPT_BLOCKS)
        return HASH_BLOCKS;
    return op == OP_RENAME ? HASH_REPLACED : HASH_BEFORE;
}

/* ---- contents ---- */

static int link_sha256(int fd, struct sha256 *sha, unsigned char out[SHA256_BYTES])
{
    char target[TARGET_MOST];
    ssize_t n = readlinkat(fd, "", target, sizeof target);
    if (n < 0)
        return -errno;
    sha256_begin(sha);
    sha256_add(sha, target, (size_t)n);
    return sha256_end(sha, out);
}

/* fd: O_PATH.  Reading leaves no trace in its access time where that is allowed. */
static int content_sha256(int fd, uint32_t mode, struct sha256 *sha, const atomic_bool *stop,
                          unsigned char out[SHA256_BYTES])
{
    char link[32];
    if (S_ISLNK(mode))
        return link_sha256(fd, sha, out);
    if (!S_ISREG(mode))
        return -ENODATA;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    CLEANUP(fd_close) int file = open(link, O_RDONLY | O_NOATIME | O_CLOEXEC);
    if (file < 0 && errno == EPERM)
        file = open(link, O_RDONLY | O_CLOEXEC);
    return file < 0 ? -errno : sha256_file(sha, file, stop, out);
}

int vault_sha256(struct vault *v, uint64_t version, struct sha256 *sha, const atomic_bool *stop,
                 unsigned char out[SHA256_BYTES])
{
    struct attr a;
    CLEANUP(fd_close) int fd = vault_open_version(v, version, O_PATH);
    if (fd < 0)
        return fd;
    TRY(attr_read(fd, "", &a));
    return content_sha256(fd, a.mode, sha, stop, out);
}

/* ---- an event ---- */

struct job {
    int64_t id;
    int64_t time;
    enum op op;
    bool open;
    uint64_t object;
    uint64_t version; /* 0: none in the vault */
    enum kept kept;
    struct attr kept_as; /* what the version was */
    struct attr after;
    char *path;
};

static void job_release(struct job *job)
{
    free(job->path);
    *job = (struct job){0};
}

static struct attr attr_columns(struct stmt *q, int at)
{
    return (struct attr){
        .ino = (uint64_t)stmt_int(q, at),
        .born = stmt_int(q, at + 1),
        .mode = (uint32_t)stmt_int(q, at + 2),
        .size = (uint64_t)stmt_int(q, at + 3),
        .mtime = stmt_int(q, at + 4),
    };
}

#define JOB_COLUMNS                                                                                \
    "SELECT e.id, e.time, e.op, e.outcome, e.object, e.version, v.kept, v.state, p.bytes,"         \
    " e.b_ino, e.b_born, e.b_mode, e.b_size, e.b_mtime,"                                           \
    " e.a_ino, e.a_born, e.a_mode, e.a_size, e.a_mtime,"                                           \
    " e.r_ino, e.r_born, e.r_mode, e.r_size, e.r_mtime"                                            \
    " FROM event e LEFT JOIN version v ON v.id = e.version LEFT JOIN path p ON p.id = e.path"

static int job_read(struct stmt *q, struct job *out, struct error *err)
{
    int r = stmt_step(q, err);
    if (r != 1)
        return r;
    const char *path = stmt_text(q, 8);
    bool is_kept = stmt_int(q, 7) == VERSION_KEPT;
    *out = (struct job){
        .id = stmt_int(q, 0),
        .time = stmt_int(q, 1),
        .op = (enum op)stmt_int(q, 2),
        .open = stmt_int(q, 3) == OUTCOME_OPEN,
        .object = (uint64_t)stmt_int(q, 4),
        .version = is_kept ? (uint64_t)stmt_int(q, 5) : 0,
        .kept = (enum kept)stmt_int(q, 6),
        .kept_as = attr_columns(q, stmt_int(q, 2) == OP_RENAME ? 19 : 9),
        .after = attr_columns(q, 14),
        .path = strdup(path ? path : ""),
    };
    return out->path ? 1 : error_set(err, ENOMEM, "hash contents");
}

static int job_next(struct hasher *h, struct job *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(h->db, JOB_COLUMNS " WHERE e.id > ?1 AND e.outcome IN (0, 3)"
                                                " ORDER BY e.id LIMIT 1");
    stmt_bind_int(&q, 1, h->cursor);
    return job_read(&q, out, err);
}

static int job_by_id(struct hasher *h, int64_t id, struct job *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(h->db, JOB_COLUMNS " WHERE e.id = ?1");
    stmt_bind_int(&q, 1, id);
    return job_read(&q, out, err);
}

/* A time in the future (somebody set the clock) is not waited for. */
static bool is_settled(const struct job *job)
{
    int64_t now = clock_now_ns();
    int64_t newest =
        job->after.mtime > job->time && job->after.mtime <= now ? job->after.mtime : job->time;
    return now - newest >= SETTLED_NS || now < newest;
}

/* ---- what was found ---- */

/* Waits for room; false: it is time to stop, and nothing was kept. */
static bool keep(struct hasher *h, int64_t event, enum hash_side side,
                 const unsigned char digest[SHA256_BYTES])
{
    pthread_mutex_lock(&h->lock);
    while (h->found_count == FOUND_MOST && !atomic_load(&h->stop))
        pthread_cond_wait(&h->changed, &h->lock);
    bool room = h->found_count < FOUND_MOST;
    if (room) {
        struct found *f = &h->found[h->found_count++];
        f->event = event;
        f->side = side;
        memcpy(f->sha256, digest, SHA256_BYTES);
    }
    pthread_mutex_unlock(&h->lock);
    return room;
}

static void set_done(struct hasher *h)
{
    pthread_mutex_lock(&h->lock);
    h->done = h->cursor;
    pthread_mutex_unlock(&h->lock);
}

/* ---- before ---- */

/* The version is what the event says: an inode that was written since is not. */
static bool is_as_kept(struct hasher *h, const struct job *job)
{
    struct attr now;
    if (vault_attr(h->vault, job->version, &now) < 0 || now.size > HASHED_BEFORE_MOST)
        return false;
    if (job->kept == KEPT_BLOCKS)
        return true;
    if (now.size != job->kept_as.size || (now.mode & S_IFMT) != (job->kept_as.mode & S_IFMT))
        return false;
    return job->kept != KEPT_INODE || now.mtime == job->kept_as.mtime;
}

/* false: it is time to stop. */
static bool hash_before(struct hasher *h, const struct job *job)
{
    unsigned char digest[SHA256_BYTES];
    if (job->version == 0 || !is_as_kept(h, job))
        return true;
    int r = vault_sha256(h->vault, job->version, h->sha, &h->stop, digest);
    if (r < 0)
        return r != -EINTR;
    if (!is_as_kept(h, job))
        return true;
    return keep(h, job->id, hash_side_of(job->op, job->kept), digest);
}

/* ---- after ---- */

static bool leaves_content(const struct job *job)
{
    return (job->op == OP_WRITE || job->op == OP_TRUNCATE || job->op == OP_SYMLINK) &&
           job->after.mode && job->after.size <= HASHED_AFTER_MOST;
}

/* Where the file is now, as far as later events tell; *path is replaced.  0: its content was
 * changed again, or it is gone. */
static int follow(struct hasher *h, const struct job *job, char **path, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q =
        db_query(h->db, "SELECT e.op, p.bytes FROM event e LEFT JOIN path p ON p.id = e.path2"
                        " WHERE e.object = ?1 AND e.id > ?2 AND e.outcome IN (0, 3)"
                        " ORDER BY e.id LIMIT ?3");
    int r = 0;
    int moves = 0;
    stmt_bind_int(&q, 1, (int64_t)job->object);
    stmt_bind_int(&q, 2, job->id);
    stmt_bind_int(&q, 3, MOVES_MOST);
    while ((r = stmt_step(&q, err)) == 1) {
        enum op op = (enum op)stmt_int(&q, 0);
        if (op == OP_WRITE || op == OP_TRUNCATE || op == OP_UNLINK || ++moves == MOVES_MOST)
            return 0;
        if ((op != OP_RENAME && op != OP_EXCHANGE) || stmt_is_null(&q, 1))
            continue;
        free(*path);
        *path = strdup(stmt_text(&q, 1));
        if (!*path)
            return error_set(err, ENOMEM, "hash contents");
    }
    return r < 0 ? r : 1;
}

static void free_path(char **path)
{
    free(*path);
    *path = NULL;
}

/* The file that the event left, as it left it; -1 else. */
static int open_as_left(struct hasher *h, const struct job *job, const char *path)
{
    struct attr now;
    CLEANUP(fd_close) int fd = fd_open_beneath(h->root, path, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0 || attr_read(fd, "", &now) < 0 || !attr_same_content(&now, &job->after))
        return -1;
    return fd_take(&fd);
}

/* 1, 0: it is time to stop, -errno. */
static int hash_after(struct hasher *h, const struct job *job, struct error *err)
{
    unsigned char digest[SHA256_BYTES];
    struct attr now;
    CLEANUP(free_path) char *path = strdup(job->path);
    if (!leaves_content(job))
        return 1;
    if (!path)
        return error_set(err, ENOMEM, "hash contents");
    int there = follow(h, job, &path, err);
    CLEANUP(fd_close) int fd = there == 1 ? open_as_left(h, job, path) : -1;
    if (fd < 0)
        return there < 0 ? there : 1;
    int r = content_sha256(fd, job->after.mode, h->sha, &h->stop, digest);
    if (r < 0)
        return r == -EINTR ? 0 : 1;
    if (attr_read(fd, "", &now) < 0 || !attr_same_content(&now, &job->after))
        return 1;
    return keep(h, job->id, HASH_AFTER, digest) ? 1 : 0;
}

/* ---- the thread ---- */

/* 1: done, 0: it is time to stop, -errno. */
static int hash_job(struct hasher *h, const struct job *job, struct error *err)
{
    if (!op_changes(job->op))
        return 1;
    return hash_before(h, job) ? hash_after(h, job, err) : 0;
}

/* As far as events are settled.  1: go on later, 0: it is time to stop, -errno. */
static int pass(struct hasher *h, struct error *err)
{
    while (!atomic_load(&h->stop)) {
        CLEANUP(job_release) struct job job = {0};
        int r = job_next(h, &job, err);
        TRY(r);
        if (r == 0 || !is_settled(&job))
            return 1;
        if (job.open && h->waiting_count < WAITING_MOST)
            h->waiting[h->waiting_count++] = job.id;
        r = job.open ? 1 : hash_job(h, &job, err);
        if (r != 1)
            return r;
        h->cursor = job.id;
        set_done(h);
    }
    return 0;
}

/* Write sessions that were open when they were met. */
static int pass_waiting(struct hasher *h, struct error *err)
{
    size_t left = 0;
    int r = 1;
    for (size_t i = 0; i < h->waiting_count; i++) {
        CLEANUP(job_release) struct job job = {0};
        if (r == 1)
            r = job_by_id(h, h->waiting[i], &job, err);
        bool later = r == 1 && (job.open || !is_settled(&job));
        if (r == 1 && !later)
            r = hash_job(h, &job, err);
        if (r != 1 || later)
            h->waiting[left++] = h->waiting[i];
    }
    h->waiting_count = left;
    return r;
}

static void nap(struct hasher *h, int times)
{
    const struct timespec until = clock_steady_in((int64_t)times * NAP_MS * 1000000);
    pthread_mutex_lock(&h->lock);
    int r = 0;
    while (!atomic_load(&h->stop) && r == 0)
        r = pthread_cond_timedwait(&h->changed, &h->lock, &until);
    pthread_mutex_unlock(&h->lock);
}

static void be_humble(void)
{
    const int idle = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0);
    pid_t self = (pid_t)syscall(SYS_gettid);
    (void)setpriority(PRIO_PROCESS, (id_t)self, 19);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, self, idle);
}

static void *hasher_main(void *context)
{
    struct hasher *h = context;
    bool failing = false;
    be_humble();
    while (!atomic_load(&h->stop)) {
        struct error err = ERROR_NONE;
        int r = pass(h, &err);
        if (r == 1)
            r = pass_waiting(h, &err);
        if (r < 0 && !failing && r != -EBUSY) {
            error_prefix(&err, r, "contents are not hashed for now");
            log_error(&err);
        }
        failing = r < 0;
        nap(h, failing ? NAPS_AFTER_ERROR : 1);
    }
    return NULL;
}

/* ---- start and end ---- */

static int open_journal(struct hasher *h, struct error *err)
{
    TRY(db_open_in(h->root, DB_READ, &h->db, err));
    TRY(meta_get(h->db, "hashed", &h->cursor, err));
    h->done = h->cursor;
    h->stored = h->cursor;
    return 0;
}

static int start_thread(struct hasher *h, struct error *err)
{
    int code = -thread_start(&h->thread, hasher_main, h);
    h->running = code == 0;
    return code ? error_set(err, code, "start hashing contents") : 0;
}

static int prepare(struct hasher *h, struct error *err)
{
    pthread_mutex_init(&h->lock, NULL);
    thread_cond_init(&h->changed);
    h->sha = sha256_new();
    if (!h->sha)
        return error_set(err, ENOMEM, "prepare SHA-256");
    return open_journal(h, err);
}

int hasher_start(int root, struct vault *v, struct hasher **out, struct error *err)
{
    struct hasher *h = calloc(1, sizeof *h);
    if (!h)
        return error_set(err, ENOMEM, "start hashing contents");
    h->root = root;
    h->vault = v;
    int r = prepare(h, err);
    if (r == 0)
        r = start_thread(h, err);
    if (r < 0)
        hasher_free(&h);
    else
        *out = h;
    return r;
}

void hasher_stop(struct hasher *h)
{
    if (!h || !h->running)
        return;
    pthread_mutex_lock(&h->lock);
    atomic_store(&h->stop, true);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    h->running = false;
}

void hasher_free(struct hasher **h)
{
    if (!*h)
        return;
    hasher_stop(*h);
    db_close(&(*h)->db);
    sha256_free(&(*h)->sha);
    pthread_cond_destroy(&(*h)->changed);
    pthread_mutex_destroy(&(*h)->lock);
    free(*h);
    *h = NULL;
}

/* ---- storing ---- */

static int store_one(struct db *db, const struct found *f, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = /* unless the event was none after all */
        db_query(db, "INSERT OR IGNORE INTO hash(event, side, sha256)"
                     " SELECT ?1, ?2, ?3 WHERE EXISTS(SELECT 1 FROM event WHERE id = ?1)");
    stmt_bind_int(&q, 1, f->event);
    stmt_bind_int(&q, 2, f->side);
    stmt_bind_bytes(&q, 3, f->sha256, sizeof f->sha256);
    return stmt_run(&q, err);
}

static int store_all(struct db *db, const struct found *found, size_t count, int64_t done,
                     struct error *err)
{
    CLEANUP(transaction_rollback) struct transaction t = {0};
    TRY(transaction_begin(db, &t, err));
    for (size_t i = 0; i < count; i++)
        TRY(store_one(db, &found[i], err));
    TRY(meta_set(db, "hashed", done, err));
    return transaction_commit(&t, err);
}

/* The thread only adds behind what is being stored. */
int hasher_store(struct hasher *h, struct db *db, struct error *err)
{
    struct found found[FOUND_MOST];
    if (!h)
        return 0;
    pthread_mutex_lock(&h->lock);
    size_t count = h->found_count;
    int64_t done = h->done;
    memcpy(found, h->found, count * sizeof *found);
    pthread_mutex_unlock(&h->lock);
    if (count == 0 && done == h->stored)
        return 0;
    TRY(store_all(db, found, count, done, err));
    h->stored = done;
    pthread_mutex_lock(&h->lock);
    h->found_count -= count;
    memmove(h->found, h->found + count, h->found_count * sizeof *found);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return 0;
}
