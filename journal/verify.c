/* verify.c - goes through the chain of seals; see verify.h.
 *
 * Sealed rows are immutable, so rows are read query by query: no snapshot is held, and a running
 * daemon can go on. */
#include "journal/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/journal.h"
#include "journal/meta.h"
#include "journal/verify_part.h"

struct chain {
    struct seal before; /* the last one that was read */
    struct seal_open open;
    bool broken; /* what stands in front of the next seal cannot be known */
    bool was_signed;
    int64_t named; /* the last seal, as the meta row names it */
};

static void chain_release(struct chain *c)
{
    seal_release(&c->before);
    seal_open_release(&c->open);
}

static int64_t first_event(const struct chain *c)
{
    return c->before.id ? c->before.last[PART_EVENT] + 1 : 1;
}

/* ---- signatures ---- */

static bool is_wished(const struct verify_wish *wish, const unsigned char key[PUBLIC_BYTES])
{
    for (size_t i = 0; i < wish->key_count; i++)
        if (memcmp(wish->keys[i], key, PUBLIC_BYTES) == 0)
            return true;
    return wish->key_count == 0;
}

static void check_signature(struct verify *v, struct chain *c, const struct seal *s)
{
    char key[FINGERPRINT_TEXT];
    int64_t event = first_event(c);
    if (!s->is_signed) {
        if (c->was_signed)
            verify_tell(v, event, "seal %" PRId64 " is not signed, as those before it are", s->id);
        return;
    }
    c->was_signed = true;
    fingerprint_text(s->key, key);
    if (!signature_is_genuine(s->key, s->sha256, s->signature))
        verify_tell(v, event, "the signature of seal %" PRId64 " is not genuine", s->id);
    else if (!is_wished(v->wish, s->key))
        verify_tell(v, event, "seal %" PRId64 " is signed with another key: %s", s->id, key);
}

static void check_known(struct verify *v, const struct chain *c, const struct seal *s)
{
    const struct verify_wish *wish = v->wish;
    if (s->id == wish->seal && memcmp(s->sha256, wish->seal_sha256, wish->seal_bytes) != 0)
        verify_tell(v, first_event(c), "seal %" PRId64 " is not the one that was known", s->id);
}

/* ---- one seal ---- */

/* The numbers of a seal go up, or it is none of ours. */
static bool is_plausible(const struct seal *before, const struct seal *s)
{
    for (int i = 0; i < PART_RANGES; i++)
        if (s->last[i] < before->last[i])
            return false;
    return true;
}

static bool marks_fit(const struct seal *s, const struct seal_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (memcmp(s->marks.data + i * SEAL_MARK_BYTES, seal_mark(&rows->list[i]),
                   SEAL_MARK_BYTES) != 0)
            return false;
    return s->marks.bytes == rows->count * SEAL_MARK_BYTES;
}

/* Events that are covered by now: all up to its last, but those that are open. */
static void count_events(struct verify *v, const struct seal_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].part == PART_EVENT || rows->list[i].part == PART_EVENT_END)
            v->result->events++;
}

/* Which row it is cannot be told any more: the marks went with the rows. */
static void tell_remains(struct verify *v, const struct chain *c, const struct seal *s)
{
    verify_tell(v, first_event(c),
                "what is left under seal %" PRId64 " does not fit any more; events from #%" PRId64
                " on were dropped by gc, and something else was changed",
                s->id, first_event(c));
}

static int compute(struct verify *v, const struct chain *c, const struct seal *s,
                   const struct seal_rows *rows, bool *gone, unsigned char hash[SHA256_BYTES],
                   struct error *err)
{
    struct seal_parts parts;
    int r = seal_digest_parts(rows, v->sha, &parts);
    if (r == 0)
        TRY(verify_gone_parts(v, s, rows, &parts, gone, err));
    if (r == 0)
        r = seal_hash(s, c->before.sha256, &parts, v->sha, hash);
    return r < 0 ? error_set(err, -r, "compute seal %" PRId64, s->id) : 0;
}

static int check_rows(struct verify *v, struct chain *c, const struct seal *s, struct error *err)
{
    CLEANUP(seal_reader_release) struct seal_reader reader = {.db = v->db, .sha = v->sha};
    CLEANUP(seal_rows_release) struct seal_rows rows = {0};
    unsigned char hash[SHA256_BYTES];
    bool gone = false;
    TRY(seal_read_rows(&reader, &c->before, s, &rows, err));
    count_events(v, &rows);
    TRY(compute(v, c, s, &rows, &gone, hash, err));
    bool same = memcmp(hash, s->sha256, sizeof hash) == 0;
    if (same && !gone && !marks_fit(s, &rows))
        verify_tell(v, first_event(c), "the marks of seal %" PRId64 " were changed", s->id);
    if (!same && gone)
        tell_remains(v, c, s);
    return same || gone ? 0 : verify_blame(v, &c->before, s, &rows, err);
}

/* What is open is followed also where a seal does not fit: the next ones are checked by it. */
static int check_seal(struct verify *v, struct chain *c, const struct seal *s, struct error *err)
{
    int64_t expected = c->before.id + 1;
    bool gap = s->id != expected;
    if (gap)
        verify_tell(v, first_event(c), "seal %" PRId64 " is missing", expected);
    if (!is_plausible(&c->before, s))
        verify_tell(v, first_event(c), "seal %" PRId64 " itself was changed", s->id);
    else if (!gap && !c->broken)
        TRY(check_rows(v, c, s, err));
    check_signature(v, c, s);
    check_known(v, c, s);
    if (seal_open_follow(&c->open, s) < 0)
        return error_set(err, ENOMEM, "verify the journal");
    if (!gap && !c->broken && s->open != (int64_t)(c->open.events.count + c->open.sessions.count))
        verify_tell(v, first_event(c), "seal %" PRId64 " itself was changed", s->id);
    return 0;
}

/* ---- the chain ---- */

static void note_last(struct verify *v, const struct seal *s)
{
    v->result->seals++;
    v->result->last_seal = s->id;
    v->result->last_time = s->time;
    v->result->is_signed = s->is_signed;
    memcpy(v->result->last_sha256, s->sha256, SHA256_BYTES);
    memcpy(v->result->key, s->key, PUBLIC_BYTES);
}

/* 1: there was one, 0: the end. */
static int step(struct verify *v, struct chain *c, int64_t *behind, struct error *err)
{
    CLEANUP(seal_release) struct seal s = SEAL_NONE;
    struct error why = ERROR_NONE;
    int r = seal_next(v->db, *behind, &s, &why);
    if (r == -EBADMSG && s.id > *behind) {
        verify_tell(v, first_event(c), "%s", why.message);
        *behind = s.id;
        c->before.id = s.id;
        c->broken = true;
        return 1;
    }
    if (r <= 0)
        return r < 0 ? error_say(err, -r, "%s", why.message) : 0;
    TRY(check_seal(v, c, &s, err));
    note_last(v, &s);
    *behind = s.id;
    struct seal old = c->before;
    c->before = s;
    c->broken = false;
    s = old;
    return 1;
}

static void check_end(struct verify *v, const struct chain *c)
{
    int64_t event = first_event(c);
    int64_t last = c->before.id;
    if (c->named > last)
        verify_tell(v, event, "seal %" PRId64 " is missing: the end of the chain was cut off",
                    last + 1);
    if (c->named == 0 && last > 0)
        verify_tell(v, event, "the journal does not name its last seal any more");
    if (v->wish->seal > last)
        verify_tell(v, event, "seal %" PRId64 ", which was known, is missing", v->wish->seal);
    if (v->wish->key_count > 0 && !c->was_signed)
        verify_tell(v, event, "no seal is signed");
}

static int count_unsealed(struct verify *v, const struct chain *c, struct error *err)
{
    int64_t behind = 0;
    TRY(db_number_of(v->db, "SELECT count(*) FROM event WHERE id > ?1", c->before.last[PART_EVENT],
                     &behind, err));
    v->result->unsealed = c->open.events.count + (uint64_t)behind;
    return 0;
}

/* The named seal is read first: a running daemon only adds. */
static int check_chain(struct verify *v, struct error *err)
{
    CLEANUP(chain_release) struct chain c = {.before = SEAL_NONE};
    int64_t behind = INT64_MIN;
    int r = 1;
    TRY(meta_get(v->db, "sealed", &c.named, err));
    TRY(verify_gone_load(v, err));
    while (r == 1)
        r = step(v, &c, &behind, err);
    TRY(r);
    verify_gone_end(v, &c.before);
    check_end(v, &c);
    TRY(verify_taken(v, &c.before, err));
    return count_unsealed(v, &c, err);
}

/* ---- all of it ---- */

static int parts_open(int root, struct verify *v, struct error *err)
{
    CLEANUP(fd_close)
    int state = fd_open_beneath(root, STATE_FOLDER, O_RDONLY | O_DIRECTORY, 0);
    if (state < 0)
        return error_set(err, -state, "open the workspace's %s", STATE_FOLDER);
    TRY(db_open_in(root, DB_READ, &v->db, err));
    TRY(vault_open(state, &v->vault, err));
    v->sha = sha256_new();
    return v->sha ? 0 : error_set(err, ENOMEM, "prepare SHA-256");
}

static void parts_close(struct verify *v)
{
    db_close(&v->db);
    vault_close(&v->vault);
    sha256_free(&v->sha);
    verify_gone_release(&v->gone);
}

/* Damage is an answer, not a failure to look. */
static int told(struct verify *v, int r, struct error *why, struct error *err)
{
    if (r == -EBADMSG)
        verify_tell(v, 0, "%s", why->message);
    else if (r < 0)
        return error_say(err, why->code, "%s", why->message);
    return 0;
}

static int check_all(struct verify *v, struct error *err)
{
    int (*const checks[])(struct verify *, struct error *) = {check_chain, verify_vault};
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        struct error why = ERROR_NONE;
        TRY(told(v, checks[i](v, &why), &why, err));
    }
    struct error why = ERROR_NONE;
    return v->wish->quick ? 0 : told(v, db_check(v->db, &why), &why, err);
}

int verify_journal(int root, const struct verify_wish *wish, verify_found *found, void *context,
                   struct verify_result *out, struct error *err)
{
    CLEANUP(parts_close)
    struct verify v = {.wish = wish, .found = found, .context = context, .result = out};
    *out = (struct verify_result){0};
    TRY(parts_open(root, &v, err));
    return check_all(&v, err);
}
