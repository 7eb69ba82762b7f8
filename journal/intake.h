/* intake.h - private to journal/: the crash-safe queue between operations and the writer.
 *
 * A ring in a file mapped shared: what is in it survives the daemon.  A record is reserved, filled
 * by the one thread that reserved it, published, and taken by the one writer in the order of
 * reservation:
 *
 *     EMPTY → RESERVED → PENDING → DONE        PENDING: may have happened; its first open_bytes
 * bytes └───────────────→ SKIP      still change, the rest is covered by the checksum
 *
 * Threads: reserve, publish and finish from any; the walk and the tail belong to the writer.
 * Errors:  0 or a negative errno, *err a sentence. */
#ifndef JOURNAL_INTAKE_H
#define JOURNAL_INTAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

struct intake;

#define INTAKE_RING_BYTES (UINT64_C(16) << 20)
#define INTAKE_SHORT_BYTES (UINT64_C(256) << 10) /* the writer is called, a short queue is full */

enum record_state {
    RECORD_EMPTY = 0,
    RECORD_RESERVED = 1, /* nothing has happened yet */
    RECORD_PENDING = 2,
    RECORD_DONE = 3,
    RECORD_SKIP = 4, /* says nothing: a filler, or not used */
};

/* One record in the ring; its payload follows. */
struct record {
    uint32_t magic;
    uint32_t kind;
    uint32_t bytes; /* of the whole record, a multiple of 64 */
    uint32_t payload_bytes;
    uint32_t open_bytes;
    uint32_t crc; /* of all above and below but the state, and of the payload behind open_bytes */
    uint64_t position; /* where it begins, counted from the ring's birth: tells old laps */
    uint64_t event;    /* the number it was given, 0: none */
    _Atomic uint32_t state;
    uint32_t unused;
};

static inline void *record_payload(const struct record *r)
{
    return (char *)(uintptr_t)r + sizeof *r;
}

/* Makes the file where there is none; ring_bytes: a multiple of 4096, 64 KiB or more. */
MUST_USE int intake_create(int state, uint64_t ring_bytes, struct error *err);
/* -EBADMSG: its header is damaged; -EPROTO: a newer ccfs made it; both leave it untouched. */
MUST_USE int intake_open(int state, struct intake **out, struct error *err);
void intake_close(struct intake **in);
/* Its filesystem may refuse stores into mapped files (intake_guard.h). */
bool intake_is_guarded(const struct intake *in);
/* It did so since this was asked last, or would now, with records to be stored. */
bool intake_is_tight(struct intake *in);

/* How a reservation behaves where there is no room, or the intake is shut. */
enum intake_wish {
    INTAKE_CHANGE,  /* waits for room; refused while shut: no journal, no write */
    INTAKE_UNDO,    /* the same, but taken while it is shut for changes only */
    INTAKE_REPORT,  /* of what happened anyway: taken while there is room, waits for seconds at most
                    */
    INTAKE_AT_ONCE, /* the same, and does not wait at all: for the writer's own thread */
};

struct reservation {
    uint32_t kind;
    bool numbered; /* gets the next event number */
    size_t payload_bytes;
    size_t open_bytes;
};
/* -EFBIG: larger than a record may be; -EAGAIN: no room in time; else why it is shut. */
MUST_USE int intake_reserve(struct intake *in, const struct reservation *want,
                            enum intake_wish wish, struct record **out, struct error *err);
/* From RESERVED: the payload is complete. */
void intake_publish(struct record *r, enum record_state state);
/* From PENDING (or instead of publishing) to DONE or SKIP. */
void intake_finish(struct record *r, enum record_state state);

/* No changes are taken any more, for this reason, until it is reopened. */
void intake_shut(struct intake *in, const struct error *why);
/* The same for changes; the writer still stores all else (reserve.h). */
void intake_shut_for_changes(struct intake *in, const struct error *why);
void intake_reopen(struct intake *in);
int intake_health(struct intake *in, struct error *err); /* 0, or why it is shut */

/* Whatever was published or finished before is on the disk when it returns; nothing since the last time: it
 * asks the disk for nothing. */
MUST_USE int intake_sync(struct intake *in, struct error *err);

void intake_set_next_event(struct intake *in, uint64_t next);

/* ---- for the writer and for recovery ---- */

uint64_t intake_head(const struct intake *in);
uint64_t intake_tail(const struct intake *in);
uint64_t intake_queued(const struct intake *in); /* bytes between them */
/* The record at *position, or, where that one's header is damaged, the next sound one below end;
 * *position then is where it begins.  NULL: none before end. */
struct record *intake_find(struct intake *in, uint64_t *position, uint64_t end);
/* Where the one behind r begins: r's own word for it counts only if it leads to another or to end.
 */
uint64_t intake_behind(struct intake *in, const struct record *r, uint64_t end);
/* Header and payload are as they were published. */
bool intake_sound(const struct record *r);
/* Everything before position is in SQLite: its room is free. */
void intake_move_tail(struct intake *in, uint64_t position);

/* Changes wait for the writer once INTAKE_SHORT_BYTES are queued: where there may soon be no room
 * for more in SQLite than the reserve gives it (reserve.h). */
void intake_keep_short(struct intake *in, bool is_short);

/* The writer sleeps here: until it is called, or much is queued, or the time is over. */
void intake_wait_for_work(struct intake *in, int timeout_ms);
void intake_call_writer(struct intake *in);
/* Waits until the tail reaches position.  -EBUSY: not in time; else why it is shut. */
MUST_USE int intake_wait_for_tail(struct intake *in, uint64_t position, int timeout_ms,
                                  struct error *err);

#endif
