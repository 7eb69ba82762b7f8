/* record.h - private to journal/: what the records of the intake say, packed and unpacked.
 *
 * Packing trusts its caller, unpacking trusts nothing: lengths, terminators and numbers are
 * checked. Everything unpacked points into the record. */
#ifndef JOURNAL_RECORD_H
#define JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/compiler.h"
#include "journal/event.h"
#include "journal/intake.h"

enum record_kind {
    RECORD_FILLER = 0,
    RECORD_CHANGE = 1, /* pending until it happened or not */
    RECORD_NOTE = 2, /* true as soon as it is complete; pending only while alike ones are counted */
    RECORD_PROC = 3,
    RECORD_SESSION_BEGIN = 4,
    RECORD_SESSION_END = 5,
    RECORD_WRITE_UPDATE = 6,
};

/* How a change ended: the part of an event's record that changes after it was published. */
struct record_end {
    struct attr after;
    uint32_t outcome;
    int32_t error_code;
    uint32_t count;
    uint32_t flags; /* added to the event's */
    uint32_t crc;   /* of the above; set by record_end_seal() */
    uint32_t unused;
};

struct record_session {
    uint64_t id;
    int64_t began;
    int64_t ended;
    int32_t status;
    const char *name;
    const char *backend;
    const char *command;
};

struct record_update {
    uint64_t event;
    struct attr after;
    bool ended;
    bool nothing; /* ended, and nothing had changed: it is no event */
    const struct range *ranges;
    size_t range_count;
};

/* What to reserve, and filling it; an event's `after`, outcome, error_code, count are its end. */
struct reservation record_event_size(enum record_kind kind, const struct event *e);
void record_event_pack(struct record *r, const struct event *e);
struct reservation record_proc_size(const struct actor *a);
void record_proc_pack(struct record *r, const struct actor *a);
struct reservation record_session_size(enum record_kind kind, const struct record_session *s);
void record_session_pack(struct record *r, const struct record_session *s);
struct reservation record_update_size(const struct record_update *u);
void record_update_pack(struct record *r, const struct record_update *u);

/* The end of an event's record, in place. */
struct record_end *record_end_of(struct record *r);
void record_end_seal(struct record_end *end);
/* Of a pending record: whoever is killed while an end is written leaves half of it.  A change's is as
 * before then, a refusal's as it was counted. */
void record_end_mend(struct record *r);

/* 0 or -EBADMSG.  record_event_unpack() gives a pending record's end as it stands. */
MUST_USE int record_event_unpack(const struct record *r, struct event *out);
MUST_USE int record_proc_unpack(const struct record *r, struct actor *out);
MUST_USE int record_session_unpack(const struct record *r, struct record_session *out);
MUST_USE int record_update_unpack(const struct record *r, struct record_update *out);

#endif
