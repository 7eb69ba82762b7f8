/* journal_part.h - private to journal*.c: what the parts of a journal share. */
#ifndef JOURNAL_JOURNAL_PART_H
#define JOURNAL_JOURNAL_PART_H

#include <pthread.h>
#include <stdatomic.h>

#include "journal/actor.h"
#include "journal/db.h"
#include "journal/durable.h"
#include "journal/hasher.h"
#include "journal/intake.h"
#include "journal/journal.h"
#include "journal/keeper.h"
#include "journal/notes.h"
#include "journal/record.h"
#include "journal/reserve.h"
#include "journal/sealer.h"
#include "journal/writer.h"

struct journal {
    int root;  /* borrowed */
    int state; /* .ccfs */
    int lock;
    struct db *db; /* the writer's, while its thread runs */
    struct vault *vault;
    struct intake *intake;
    struct notes *notes;
    struct writer *writer;
    struct durable *durable;
    struct reserve reserve;
    struct keeper *keeper; /* NULL: none is needed */
    enum durability durability;
    struct sealer *sealer;         /* the writer's, while its thread runs */
    struct hasher *_Atomic hasher; /* NULL: none was asked for */
    bool proof_fails;              /* the writer's: it was said already */
    struct actors *actors;
    journal_hide *hide; /* NULL: nothing is taken out of command lines */
    void *hide_context;
    _Atomic uint64_t next_proc;
    _Atomic uint64_t next_session;
    uint64_t first_session; /* of this run */
    pthread_mutex_t vault_hold;
    pthread_mutex_t gc_runs;
    _Atomic int64_t gc_until;      /* 0: no end */
    _Atomic uint64_t outside_told; /* changes outside that the writer met and put on record */
    _Atomic int draining;          /* how many wait: refusals are not held back meanwhile */
    struct journal_recovery recovered;
};

/* journal_state.c: the folder .ccfs, and what of it is opened by name. */
MUST_USE int journal_state_open(int root, struct error *err);
MUST_USE int journal_database_open(int state, enum db_mode mode, struct db **out,
                                   struct error *err);
MUST_USE int journal_lock_take(int state, struct error *err);

/* journal_earlier.c: settles what an earlier run left, and goes on with its numbers. */
MUST_USE int journal_recover(struct journal *j, struct error *err);
/* All is in SQLite, and on the disk: the next opening need not look through the vault. */
void journal_mark_clean(struct journal *j);

/* journal.c: an event as it is asked for, and its place in the intake, filled: the caller publishes
 * it. */
struct event journal_event_of(const struct change_spec *spec);
MUST_USE int journal_event_put(struct journal *j, enum record_kind kind, const struct event *e,
                               enum intake_wish wish, struct record **out, struct error *err);

/* By the writer's thread, which cannot wait: false, there is no room. */
bool journal_note_outside(struct journal *j, const char *path, const struct attr *known,
                          const struct attr *found);

/* journal_session.c */
uint64_t journal_record_actor(void *journal, const struct actor *seen);

#endif
