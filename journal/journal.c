/* journal.c - records changes; see journal.h for what it promises.
 *
 *     journal_begin ──► intake: PENDING ──► journal_confirm / journal_fail ──► DONE ──► writer ──►
 * SQLite
 *
 *   (1) A version is discarded only after its event is on record as failed, and never when it is
 * the last home of an inode.
 *
 * Lock order: notes, then the intake's; an actor's come before both. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/log.h"
#include "journal/journal_part.h"
#include "journal/outside.h"
#include "journal/recover.h"

#define RANGES_MAX 8192

/* ---- changes ---- */

struct event journal_event_of(const struct change_spec *spec)
{
    return (struct event){
        .time = clock_now_ns(),
        .session = spec->who.session,
        .actor = {.id = spec->who.actor},
        .tid = spec->tid,
        .op = spec->op,
        .flags = spec->flags,
        .outcome = OUTCOME_OK,
        .count = 1,
        .path = spec->path,
        .path2 = spec->path2,
        .before = spec->before,
        .before2 = spec->before2,
        .dir_mtime = spec->dir_mtime,
        .dir2_mtime = spec->dir2_mtime,
        .version = spec->version,
        .kept = spec->kept,
        .ranges = spec->ranges,
        .range_count = spec->range_count,
        .xattrs = spec->xattrs,
        .xattr_bytes = spec->xattr_bytes,
        .undoes = spec->undoes,
    };
}

/* Reserves and fills; the caller publishes. */
int journal_event_put(struct journal *j, enum record_kind kind, const struct event *e,
                      enum intake_wish wish, struct record **out, struct error *err)
{
    const struct reservation want = record_event_size(kind, e);
    TRY(intake_reserve(j->intake, &want, wish, out, err));
    record_event_pack(*out, e);
    return 0;
}

/* Is it made of bytes that were copied?  Renames and links reach the disk in order by themselves.
 */
static bool is_copied(enum kept kept)
{
    return kept == KEPT_COPY || kept == KEPT_CLONE || kept == KEPT_BLOCKS;
}

/* Strict: nothing of the workspace changes before what it destroys is on the disk. */
static int hold_strictly(struct journal *j, const struct change_spec *spec, struct error *err)
{
    bool strict = j->durability == DURABILITY_STRICT;
    return strict && spec->version ? durable_all(j->durable, err) : 0;
}

/* A change by nobody would be in no session, and no undo of a session would find it. */
static int check_known(const struct change_spec *spec, struct error *err)
{
    if (spec->who.error == 0)
        return 0;
    return error_set(err, -spec->who.error, "find out who asks for a change, so it was refused");
}

/* An undo gives back what was there: also on a full disk, as long as the reserve lasts. */
static enum intake_wish wish_of(const struct change_spec *spec)
{
    return spec->op == OP_UNDO || (spec->flags & EVENT_BY_UNDO) ? INTAKE_UNDO : INTAKE_CHANGE;
}

int journal_begin(struct journal *j, const struct change_spec *spec, struct change *change,
                  struct error *err)
{
    struct event e = journal_event_of(spec);
    struct record *r = NULL;
    TRY(check_known(spec, err));
    if (is_copied(spec->kept))
        durable_note(j->durable, spec->version, true);
    TRY(journal_event_put(j, RECORD_CHANGE, &e, wish_of(spec), &r, err));
    FAULT_POINT("begin_filled");
    struct change begun = {
        .journal = j,
        .event = r->event,
        .version = spec->version,
        .record = r,
    };
    intake_publish(r, RECORD_PENDING);
    int held = hold_strictly(j, spec, err);
    if (held < 0)
        journal_fail(&begun, -held);
    else
        *change = begun;
    return held;
}

void journal_confirm(struct change *change, const struct attr *after)
{
    struct record *r = change->record;
    change->journal = NULL;
    change->record = NULL;
    if (after)
        record_end_of(r)->after = *after;
    record_end_seal(record_end_of(r));
    intake_finish(r, RECORD_DONE);
}

/* A version that is an inode's last home says that the change happened, whatever was reported. */
static bool kept_as_done(struct change *change)
{
    if (!change->version || !vault_is_last_home(change->journal->vault, change->version))
        return false;
    log_line("event %" PRIu64 " was reported as failed, but the file lives in the vault alone: "
             "kept as done",
             change->event);
    record_end_of(change->record)->flags = EVENT_SETTLED;
    journal_confirm(change, NULL);
    return true;
}

/* The version goes first: whoever is killed in between is settled like one that did not get here.
 */
static void fail_as(struct change *change, int error_code, int dir, const char *name)
{
    struct record_end *end = record_end_of(change->record);
    struct event e;
    struct attr now;
    if (change->version)
        vault_discard(change->journal->vault, change->version);
    FAULT_POINT("fail_discarded");
    if (name && record_event_unpack(change->record, &e) == 0 && attr_read(dir, name, &now) == 0)
        end->after = recover_left(&e, &now);
    end->outcome = OUTCOME_FAILED;
    end->error_code = error_code;
    journal_confirm(change, NULL);
}

void journal_fail_left(struct change *change, int error_code, int dir, const char *name)
{
    if (change->journal && !kept_as_done(change)) /* else it could not even begin */
        fail_as(change, error_code, dir, name);
}

void journal_fail(struct change *change, int error_code)
{
    journal_fail_left(change, error_code, -1, NULL);
}

void journal_abandon(struct change *change)
{
    int saved = errno;
    if (change->journal)
        journal_fail(change, ECANCELED);
    errno = saved;
}

void journal_note(struct journal *j, const struct change_spec *spec, enum outcome outcome,
                  int error_code, const char *reason)
{
    struct event e = journal_event_of(spec);
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    bool hold = outcome == OUTCOME_DENIED && atomic_load(&j->draining) == 0;
    e.outcome = outcome;
    e.error_code = error_code;
    e.reason = reason;
    if (hold && notes_count(j->notes, &e))
        return;
    if (journal_event_put(j, RECORD_NOTE, &e, INTAKE_REPORT, &r, &err) < 0) {
        error_prefix(&err, -err.code, "%s of %s is not on record", outcome_name(outcome),
                     op_name(e.op));
        log_error(&err);
        return;
    }
    intake_publish(r, hold ? RECORD_PENDING : RECORD_DONE);
    if (hold)
        notes_hold(j->notes, r, &e);
}

static int external_put(struct journal *j, struct actor_ref who, const char *path,
                        const struct attr *before, const struct attr *after, enum intake_wish wish)
{
    const struct change_spec spec = {
        .op = OP_EXTERNAL, .who = who, .path = path, .before = *before};
    struct event e = journal_event_of(&spec);
    struct record *r = NULL;
    e.after = *after;
    TRY(journal_event_put(j, RECORD_NOTE, &e, wish, &r, NULL));
    intake_publish(r, RECORD_DONE);
    return 0;
}

void journal_note_external(struct journal *j, struct actor_ref who, const char *path,
                           const struct attr *before, const struct attr *after)
{
    (void)!external_put(j, who, path, before, after, INTAKE_REPORT);
}

bool journal_note_outside(struct journal *j, const char *path, const struct attr *known,
                          const struct attr *found)
{
    if (outside_is_noted(j->db, path, found, NULL) == 1)
        return true;
    if (external_put(j, (struct actor_ref){0}, path, known, found, INTAKE_AT_ONCE) < 0)
        return false;
    atomic_fetch_add(&j->outside_told, 1);
    intake_call_writer(j->intake);
    return true;
}

/* ---- write sessions ---- */

int journal_write_begin(struct journal *j, const struct change_spec *spec, uint64_t *event,
                        struct error *err)
{
    struct event e = journal_event_of(spec);
    struct record *r = NULL;
    TRY(check_known(spec, err));
    e.outcome = OUTCOME_OPEN;
    if (is_copied(spec->kept))
        durable_note(j->durable, spec->version, spec->kept != KEPT_BLOCKS);
    TRY(journal_event_put(j, RECORD_CHANGE, &e, INTAKE_CHANGE, &r, err));
    struct change begun = {.journal = j, .event = r->event, .version = spec->version, .record = r};
    intake_publish(r, RECORD_PENDING);
    int held = hold_strictly(j, spec, err);
    if (held < 0) {
        journal_fail(&begun, -held);
        return held;
    }
    *event = r->event;
    intake_finish(r, RECORD_DONE);
    return 0;
}

int journal_write_kept(struct journal *j, uint64_t version, bool whole, struct error *err)
{
    durable_note(j->durable, version, whole);
    bool strict = j->durability == DURABILITY_STRICT;
    return strict && !whole ? durable_all(j->durable, err) : 0;
}

/* At most RANGES_MAX, which cover the given ones: neighbours are joined.  *own: to be freed. */
static const struct range *ranges_bounded(const struct range *ranges, size_t *count,
                                          struct range **own)
{
    if (*count <= RANGES_MAX)
        return ranges;
    size_t each = (*count + RANGES_MAX - 1) / RANGES_MAX;
    size_t n = 0;
    *own = calloc(RANGES_MAX, sizeof **own);
    if (!*own) {
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i += each, n++) {
        size_t last = i + each < *count ? i + each - 1 : *count - 1;
        int64_t end = ranges[last].offset + ranges[last].length;
        (*own)[n] = (struct range){.offset = ranges[i].offset, .length = end - ranges[i].offset};
    }
    *count = n;
    return *own;
}

static void update_put(struct journal *j, const struct record_update *u)
{
    struct record *r = NULL;
    struct error err = ERROR_NONE;
    const struct reservation want = record_update_size(u);
    if (intake_reserve(j->intake, &want, INTAKE_REPORT, &r, &err) < 0) {
        error_prefix(&err, -err.code, "the end of event %" PRIu64 " is left to recovery", u->event);
        log_error(&err);
    } else {
        record_update_pack(r, u);
        intake_publish(r, RECORD_DONE);
    }
}

void journal_write_update(struct journal *j, uint64_t event, const struct attr *after,
                          const struct range *ranges, size_t count, bool ended)
{
    struct range *own = NULL;
    struct record_update u = {.event = event, .ended = ended};
    if (after)
        u.after = *after;
    u.ranges = ranges_bounded(ranges, &count, &own);
    u.range_count = count;
    update_put(j, &u);
    free(own);
}

void journal_write_nothing(struct journal *j, uint64_t event)
{
    const struct record_update u = {.event = event, .ended = true, .nothing = true};
    update_put(j, &u);
}
