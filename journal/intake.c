/* intake.c - the crash-safe queue; see intake.h.
 *
 *     page 0                          ring
 *     [magic version size crc | head | tail][record][record][filler][…]
 *
 *   (1) A store that a later one depends on comes first (release order): a record's header before
 * the head, its payload before its state, the database's commit before the tail.  A kill between
 * any two stores therefore leaves a ring that can be read. (2) A record is contiguous: where it
 * does not fit before the ring's end, a filler ends the lap. (3) Every record carries its position,
 * so bytes of an earlier lap are never taken for one. (4) The file's blocks exist and were
 * written before it is mapped: a full disk is met at its making, not as a SIGBUS, and to bring a
 * record to the disk takes no change of the filesystem's own records.
 *
 * Head and tail count bytes from the ring's birth and never wrap. */
#include "journal/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/crc.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"
#include "journal/base/thread.h"
#include "journal/intake_file.h"
#include "journal/intake_guard.h"

#define RECORD_MAGIC 0x52464343u /* "CCFR" */
#define RECORD_MAX (UINT64_C(1) << 20)
/* A change may itself hold up the writer, with a record that it has not completed. */
#define SHORT_WAIT_MS 1000
#define REPORT_WAIT_MS 5000
#define PAGES_WAIT_MS 1000 /* for the reserve to be given up */
#define PAGES_NAP_MS 20

struct intake {
    struct intake_header *header; /* mapped; the ring stands INTAKE_HEADER_BYTES behind */
    char *ring;
    uint64_t ring_bytes;
    pthread_mutex_t lock;
    pthread_cond_t room;     /* the tail moved, or the intake was shut */
    pthread_cond_t work;     /* the writer is wanted */
    uint64_t next_event;     /* under lock */
    _Atomic uint64_t synced; /* stores_made, as it was before the last sync */
    bool called;             /* under lock: the writer shall not sleep */
    bool tight;              /* under lock: somebody met that there is no room for pages */
    bool guarded;            /* a store may want room: intake_guard.h */
    struct error shut;       /* under lock: code 0 while open */
    bool changes_only;       /* under lock: shut for these */
    bool is_short;           /* under lock: intake_keep_short */
};

/* Of all intakes of this process; only that it moved says something. */
static _Atomic uint64_t stores_made = 1;

_Static_assert(sizeof(struct record) <= INTAKE_ALIGN, "a filler must fit into the smallest gap");

/* ---- opening ---- */

static void locks_init(struct intake *in)
{
    pthread_mutex_init(&in->lock, NULL);
    thread_cond_init(&in->room);
    thread_cond_init(&in->work);
}

int intake_open(int state, struct intake **out, struct error *err)
{
    CLEANUP(fd_close)
    int fd = openat(state, "intake", O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno, "open the journal's intake");
    struct intake_header *header = NULL;
    TRY(intake_file_map(fd, &header, err));
    struct intake *in = calloc(1, sizeof *in);
    if (!in) {
        munmap(header, (size_t)(INTAKE_HEADER_BYTES + header->ring_bytes));
        return error_set(err, ENOMEM, "open the journal's intake");
    }
    in->header = header;
    in->ring = (char *)header + INTAKE_HEADER_BYTES;
    in->ring_bytes = header->ring_bytes;
    in->next_event = 1;
    in->guarded = guard_begin(fd);
    locks_init(in);
    *out = in;
    return 0;
}

void intake_close(struct intake **in)
{
    if (!*in)
        return;
    munmap((*in)->header, (size_t)(INTAKE_HEADER_BYTES + (*in)->ring_bytes));
    pthread_cond_destroy(&(*in)->room);
    pthread_cond_destroy(&(*in)->work);
    pthread_mutex_destroy(&(*in)->lock);
    free(*in);
    *in = NULL;
}

bool intake_is_guarded(const struct intake *in)
{
    return in->guarded;
}

bool intake_is_tight(struct intake *in)
{
    if (!in->guarded)
        return false;
    pthread_mutex_lock(&in->lock);
    bool met = in->tight;
    in->tight = false;
    pthread_mutex_unlock(&in->lock);
    return met || (intake_queued(in) > 0 && guard_ask(in->header, INTAKE_HEADER_BYTES) == -ENOSPC);
}

int intake_sync(struct intake *in, struct error *err)
{
    size_t bytes = (size_t)(INTAKE_HEADER_BYTES + in->ring_bytes);
    uint64_t made = atomic_load_explicit(&stores_made, memory_order_acquire);
    if (made == atomic_load(&in->synced))
        return 0;
    int r = FAULT_ERROR("intake_sync");
    if (r == 0 && msync(in->header, bytes, MS_SYNC) < 0)
        r = -errno;
    if (r < 0)
        return error_set(err, -r, "bring the journal's intake to the disk");
    atomic_store(&in->synced, made);
    return 0;
}

void intake_set_next_event(struct intake *in, uint64_t next)
{
    pthread_mutex_lock(&in->lock);
    in->next_event = next;
    pthread_mutex_unlock(&in->lock);
}

uint64_t intake_head(const struct intake *in)
{
    return atomic_load_explicit(&in->header->head, memory_order_acquire);
}

uint64_t intake_tail(const struct intake *in)
{
    return atomic_load_explicit(&in->header->tail, memory_order_acquire);
}

uint64_t intake_queued(const struct intake *in)
{
    return intake_head(in) - intake_tail(in);
}

/* ---- records ---- */

static struct record *record_at(const struct intake *in, uint64_t position)
{
    return (struct record *)(void *)(in->ring + position % in->ring_bytes);
}

static uint32_t record_crc(const struct record *r)
{
    const char *payload = record_payload(r);
    uint32_t crc = crc32c(0, r, offsetof(struct record, crc));
    crc = crc32c(crc, &r->position, sizeof r->position + sizeof r->event);
    return crc32c(crc, payload + r->open_bytes, r->payload_bytes - r->open_bytes);
}

/* Sizes that cannot lead out of the ring or of the record, whatever is in the file. */
static bool header_fits(const struct intake *in, const struct record *r, uint64_t position)
{
    if (r->magic != RECORD_MAGIC || r->position != position || r->bytes < INTAKE_ALIGN ||
        r->bytes % INTAKE_ALIGN != 0)
        return false;
    if (r->bytes > in->ring_bytes - position % in->ring_bytes)
        return false;
    return r->payload_bytes <= r->bytes - sizeof *r && r->open_bytes <= r->payload_bytes;
}

bool intake_sound(const struct record *r)
{
    return r->crc == record_crc(r);
}

struct record *intake_find(struct intake *in, uint64_t *position, uint64_t end)
{
    for (; *position < end; *position += INTAKE_ALIGN) {
        struct record *r = record_at(in, *position);
        if (header_fits(in, r, *position) && r->bytes <= end - *position)
            return r;
    }
    return NULL;
}

uint64_t intake_behind(struct intake *in, const struct record *r, uint64_t end)
{
    uint64_t next = r->position + r->bytes;
    bool plausible = next == end || (next < end && header_fits(in, record_at(in, next), next));
    return plausible || intake_sound(r) ? next : r->position + INTAKE_ALIGN;
}

/* ---- reserving ---- */

/* Bytes up to the ring's end where a record of `bytes` does not fit there, else 0. */
static uint64_t gap_before(const struct intake *in, uint64_t head, uint64_t bytes)
{
    uint64_t to_end = in->ring_bytes - head % in->ring_bytes;
    return bytes <= to_end ? 0 : to_end;
}

static bool has_room(const struct intake *in, uint64_t bytes)
{
    return gap_before(in, intake_head(in), bytes) + bytes <= in->ring_bytes - intake_queued(in);
}

static struct record *record_make(struct intake *in, uint64_t position, uint64_t bytes,
                                  enum record_state state)
{
    struct record *r = record_at(in, position);
    r->magic = RECORD_MAGIC;
    r->kind = 0;
    r->bytes = (uint32_t)bytes;
    r->payload_bytes = 0;
    r->open_bytes = 0;
    r->crc = 0;
    r->position = position;
    r->event = 0;
    r->unused = 0;
    atomic_store_explicit(&r->state, state, memory_order_relaxed);
    return r;
}

/* Under lock, with room. */
static struct record *take(struct intake *in, const struct reservation *want, uint64_t bytes)
{
    uint64_t head = intake_head(in);
    uint64_t gap = gap_before(in, head, bytes);
    if (gap > 0)
        record_make(in, head, gap, RECORD_SKIP);
    head += gap;
    struct record *r = record_make(in, head, bytes, RECORD_RESERVED);
    r->kind = want->kind;
    r->payload_bytes = (uint32_t)want->payload_bytes;
    r->open_bytes = (uint32_t)want->open_bytes;
    r->event = want->numbered ? in->next_event++ : 0;
    FAULT_POINT("intake_take");
    atomic_store_explicit(&in->header->head, head + bytes, memory_order_release);
    return r;
}

static struct timespec from_now(int ms)
{
    return clock_steady_in((int64_t)ms * (NS_PER_S / 1000));
}

static int shut_error(const struct intake *in, struct error *err)
{
    if (err)
        *err = in->shut;
    return -in->shut.code;
}

/* Under lock, while it is shut. */
static bool is_refused(const struct intake *in, enum intake_wish wish)
{
    return wish == INTAKE_CHANGE || (wish == INTAKE_UNDO && !in->changes_only);
}

/* Under lock: where little shall be queued (intake_keep_short), until the writer has caught up. */
static void wait_for_writer(struct intake *in)
{
    struct timespec end = from_now(SHORT_WAIT_MS);
    int r = 0;
    while (r == 0 && in->is_short && in->shut.code == 0 && intake_queued(in) > INTAKE_SHORT_BYTES) {
        in->called = true;
        pthread_cond_signal(&in->work);
        r = pthread_cond_timedwait(&in->room, &in->lock, &end);
    }
}

/* Under lock: 0 once there is room. */
static int wait_for_room(struct intake *in, uint64_t bytes, enum intake_wish wish,
                         struct error *err)
{
    struct timespec end = from_now(REPORT_WAIT_MS);
    for (;;) {
        bool room = has_room(in, bytes);
        if (in->shut.code && (is_refused(in, wish) || (!room && !in->changes_only)))
            return shut_error(in, err);
        if (room)
            return 0;
        if (wish == INTAKE_AT_ONCE)
            return -EAGAIN;
        in->called = true;
        pthread_cond_signal(&in->work);
        int r = 0;
        if (wish != INTAKE_REPORT)
            pthread_cond_wait(&in->room, &in->lock);
        else
            r = pthread_cond_timedwait(&in->room, &in->lock, &end);
        if (r == ETIMEDOUT && !has_room(in, bytes))
            return error_say(err, EAGAIN, "the journal's intake is full");
    }
}

/* Under lock, with room in the ring: is there room for the pages on the disk? */
static int ask_for_pages(const struct intake *in, uint64_t bytes, struct error *err)
{
    uint64_t head = intake_head(in);
    uint64_t gap = gap_before(in, head, bytes);
    int r = in->guarded ? guard_ask(in->header, INTAKE_HEADER_BYTES) : 0;
    if (r == 0 && in->guarded && gap > 0)
        r = guard_ask(record_at(in, head), sizeof(struct record));
    if (r == 0 && in->guarded)
        r = guard_ask(record_at(in, head + gap), bytes);
    if (r == -ENOSPC)
        return error_say(err, ENOSPC,
                         "no room for the journal; free space on the workspace's filesystem");
    return r < 0 ? error_set(err, -r, "write the journal's intake; see the kernel's log") : 0;
}

/* Under lock, which it lets go of: some of the reserve is given up meanwhile. */
static void nap(struct intake *in)
{
    const struct timespec end = from_now(PAGES_NAP_MS);
    guard_ring();
    (void)pthread_cond_timedwait(&in->room, &in->lock, &end);
}

/* Under lock: the writer shuts the door to changes. */
static void tell_tight(struct intake *in)
{
    in->tight = true;
    in->called = true;
    pthread_cond_signal(&in->work);
}

/* Under lock: room in the ring and on the disk.  A change is refused at once; what the reserve is
 * for waits until that is given up. */
static int make_sure(struct intake *in, uint64_t bytes, enum intake_wish wish, struct error *err)
{
    bool waits = wish == INTAKE_REPORT || wish == INTAKE_UNDO;
    int64_t end = 0; /* of the wait for pages: none has begun */
    for (;;) {
        TRY(wait_for_room(in, bytes, wish, err));
        int r = ask_for_pages(in, bytes, err);
        int64_t now = r == -ENOSPC ? clock_steady_ns() : 0;
        if (r == -ENOSPC && !waits)
            tell_tight(in);
        if (r != -ENOSPC || !waits || (end > 0 && now >= end))
            return r;
        if (end == 0)
            end = now + PAGES_WAIT_MS * (NS_PER_S / 1000);
        nap(in);
    }
}

int intake_reserve(struct intake *in, const struct reservation *want, enum intake_wish wish,
                   struct record **out, struct error *err)
{
    uint64_t bytes =
        (sizeof **out + want->payload_bytes + INTAKE_ALIGN - 1) / INTAKE_ALIGN * INTAKE_ALIGN;
    uint64_t most = in->ring_bytes / 4 < RECORD_MAX ? in->ring_bytes / 4 : RECORD_MAX;
    if (want->payload_bytes > most || bytes > most)
        return error_say(err, EFBIG, "more than %llu bytes to record of one event",
                         (unsigned long long)most);
    pthread_mutex_lock(&in->lock);
    if (wish == INTAKE_CHANGE)
        wait_for_writer(in);
    int r = make_sure(in, bytes, wish, err);
    if (r == 0) {
        *out = take(in, want, bytes);
        if (!in->called && intake_queued(in) > INTAKE_SHORT_BYTES) {
            in->called = true;
            pthread_cond_signal(&in->work);
        }
    }
    pthread_mutex_unlock(&in->lock);
    FAULT_POINT("intake_reserved");
    return r;
}

/* Counted on both sides: who sees the new state, and who counted before it, both sync once more. */
static void set_state(struct record *r, enum record_state state)
{
    atomic_fetch_add_explicit(&stores_made, 1, memory_order_release);
    atomic_store_explicit(&r->state, state, memory_order_release);
    atomic_fetch_add_explicit(&stores_made, 1, memory_order_release);
}

void intake_publish(struct record *r, enum record_state state)
{
    r->crc = record_crc(r);
    set_state(r, state);
    FAULT_POINT(state == RECORD_PENDING ? "intake_pending" : "intake_done");
}

void intake_finish(struct record *r, enum record_state state)
{
    FAULT_POINT("intake_finish");
    set_state(r, state);
    FAULT_POINT("intake_finished");
}

/* ---- the door, and the writer's bed ---- */

static void shut(struct intake *in, const struct error *why, bool changes_only)
{
    pthread_mutex_lock(&in->lock);
    in->shut = *why;
    in->changes_only = changes_only;
    if (in->shut.code == 0)
        in->shut.code = EIO;
    pthread_cond_broadcast(&in->room);
    pthread_mutex_unlock(&in->lock);
}

void intake_shut(struct intake *in, const struct error *why)
{
    shut(in, why, false);
}

void intake_shut_for_changes(struct intake *in, const struct error *why)
{
    shut(in, why, true);
}

void intake_reopen(struct intake *in)
{
    pthread_mutex_lock(&in->lock);
    in->shut = ERROR_NONE;
    pthread_cond_broadcast(&in->room);
    pthread_mutex_unlock(&in->lock);
}

int intake_health(struct intake *in, struct error *err)
{
    pthread_mutex_lock(&in->lock);
    int r = in->shut.code ? shut_error(in, err) : 0;
    pthread_mutex_unlock(&in->lock);
    return r;
}

void intake_move_tail(struct intake *in, uint64_t position)
{
    atomic_store_explicit(&in->header->tail, position, memory_order_release);
    pthread_mutex_lock(&in->lock);
    pthread_cond_broadcast(&in->room);
    pthread_mutex_unlock(&in->lock);
}

void intake_keep_short(struct intake *in, bool is_short)
{
    pthread_mutex_lock(&in->lock);
    if (in->is_short && !is_short)
        pthread_cond_broadcast(&in->room);
    in->is_short = is_short;
    pthread_mutex_unlock(&in->lock);
}

void intake_wait_for_work(struct intake *in, int timeout_ms)
{
    struct timespec end = from_now(timeout_ms);
    pthread_mutex_lock(&in->lock);
    while (!in->called && pthread_cond_timedwait(&in->work, &in->lock, &end) != ETIMEDOUT)
        ;
    in->called = false;
    pthread_mutex_unlock(&in->lock);
}

void intake_call_writer(struct intake *in)
{
    pthread_mutex_lock(&in->lock);
    in->called = true;
    pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
}

int intake_wait_for_tail(struct intake *in, uint64_t position, int timeout_ms, struct error *err)
{
    struct timespec end = from_now(timeout_ms);
    uint64_t reached = intake_tail(in);
    int r = 0;
    pthread_mutex_lock(&in->lock);
    while (r == 0 && intake_tail(in) < position) {
        if (intake_tail(in) != reached) {
            reached = intake_tail(in);
            end = from_now(timeout_ms);
        }
        if (in->shut.code && !in->changes_only) {
            r = shut_error(in, err);
        } else {
            in->called = true;
            pthread_cond_signal(&in->work);
            if (pthread_cond_timedwait(&in->room, &in->lock, &end) == ETIMEDOUT &&
                intake_tail(in) == reached)
                r = error_say(err, EBUSY,
                              "the journal cannot be written: another program holds "
                              ".ccfs/journal.db locked, or the disk hangs; end it, or try again");
        }
    }
    pthread_mutex_unlock(&in->lock);
    return r;
}
