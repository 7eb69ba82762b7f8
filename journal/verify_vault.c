/* verify_vault.c - compares the vault with what the journal says of it; see verify.h.
 *
 * A kept inode may be written by a handle that was open when it was kept; such writes are events of
 * the same object, and what it then holds is known by them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/arena.h"
#include "journal/hasher.h"
#include "journal/kept_since.h"
#include "journal/schema.h"
#include "journal/undo_step.h"
#include "journal/vault_sync.h"
#include "journal/verify_part.h"

struct kept_version {
    uint64_t id;
    int64_t event;
    enum kept kept;
    int64_t state;
    int64_t tombstone; /* by which it was dropped */
    bool is_named;     /* the event names this version */
    bool open;         /* a write session that has not ended */
    enum op op;
    uint64_t object;
    uint64_t ino; /* what was kept */
    uint32_t mode;
    uint64_t size;
    int64_t mtime;
};

static int version_next(struct verify *v, uint64_t behind, struct kept_version *out,
                        struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        v->db, "SELECT v.id, v.event, v.kept, v.state, e.version IS v.id, e.outcome = 3, e.op,"
               " iif(e.op = 8, e.replaced, e.object), iif(e.op = 8, e.r_mode, e.b_mode), iif(e.op "
               "= 8, e.r_size, e.b_size),"
               " iif(e.op = 8, e.r_mtime, e.b_mtime), iif(e.op = 8, e.r_ino, e.b_ino),"
               " v.tombstone"
               " FROM version v LEFT JOIN event e ON e.id = v.event"
               " WHERE v.id > ?1 ORDER BY v.id LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)behind);
    int r = stmt_step(&q, err);
    if (r == 1)
        *out = (struct kept_version){
            .id = (uint64_t)stmt_int(&q, 0),
            .event = stmt_int(&q, 1),
            .kept = (enum kept)stmt_int(&q, 2),
            .state = stmt_int(&q, 3),
            .is_named = stmt_int(&q, 4),
            .open = stmt_int(&q, 5),
            .op = (enum op)stmt_int(&q, 6),
            .object = (uint64_t)stmt_int(&q, 7),
            .mode = (uint32_t)stmt_int(&q, 8),
            .size = (uint64_t)stmt_int(&q, 9),
            .mtime = stmt_int(&q, 10),
            .ino = (uint64_t)stmt_int(&q, 11),
            .tombstone = stmt_int(&q, 12),
        };
    return r;
}

/* ---- one that is not there ---- */

static bool step_moves(struct stmt *q, uint64_t version)
{
    CLEANUP(arena_release) struct arena memory = ARENA_EMPTY;
    struct step step;
    size_t bytes = 0;
    const void *data = stmt_bytes(q, 0, &bytes);
    return data && step_decode(data, bytes, &memory, &step) == 0 && step.kind == STEP_MOVE_OUT &&
           step.version == version;
}

/* An undo that has not ended has taken it out: 1. */
static int is_being_returned(struct verify *v, uint64_t version, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(v->db, "SELECT data FROM undo_step");
    int r = 0;
    while ((r = stmt_step(&q, err)) == 1)
        if (step_moves(&q, version))
            return 1;
    return r;
}

static int check_absent(struct verify *v, const struct kept_version *k, struct error *err)
{
    int64_t state = 0;
    int r = is_being_returned(v, k->id, err);
    if (r != 0)
        return r < 0 ? r : 0;
    /* it may have been returned meanwhile */
    TRY(db_number_of(v->db, "SELECT state FROM version WHERE id = ?1", (int64_t)k->id, &state,
                     err));
    if (state == VERSION_KEPT && !verify_gone_is_going(v, k->id))
        verify_tell(v, k->event,
                    "what event #%" PRId64 " destroyed is missing from the vault (version %" PRIx64
                    ")",
                    k->event, k->id);
    return 0;
}

/* ---- one that is there ---- */

static void tell_changed(struct verify *v, const struct kept_version *k)
{
    verify_tell(v, k->event,
                "what event #%" PRId64 " destroyed was changed in the vault (version %" PRIx64 ")",
                k->event, k->id);
}

/* 1: as it was kept, 0: changed, and that is accounted for or told. */
static int check_kind(struct verify *v, const struct kept_version *k, const struct attr *now,
                      struct error *err)
{
    bool ours = k->kept != KEPT_INODE;
    bool same_kind = ours ? S_ISREG(now->mode) : ((now->mode ^ k->mode) & S_IFMT) == 0;
    bool sized = S_ISREG(now->mode) && k->kept != KEPT_BLOCKS;
    bool same = !sized || (now->size == k->size && (ours || now->mtime == k->mtime));
    if (same_kind && same)
        return 1;
    const struct kept_inode kept = {k->id, k->object, k->ino};
    int accounted = same_kind && !ours ? kept_was_written_since(v->db, &kept, now, true, err) : 0;
    if (accounted == 0)
        tell_changed(v, k);
    return accounted < 0 ? accounted : 0;
}

/* 1: *digest is what was recorded, 0: nothing was. */
static int recorded(struct verify *v, const struct kept_version *k,
                    unsigned char digest[SHA256_BYTES], struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(v->db, "SELECT sha256 FROM hash WHERE event = ?1 AND side = ?2");
    size_t bytes = 0;
    stmt_bind_int(&q, 1, k->event);
    stmt_bind_int(&q, 2, hash_side_of(k->op, k->kept));
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    const void *data = stmt_bytes(&q, 0, &bytes);
    memset(digest, 0, SHA256_BYTES);
    if (data && bytes == SHA256_BYTES)
        memcpy(digest, data, bytes);
    return 1;
}

/* Blocks have checksums of their own, against accidents. */
static int check_blocks(struct verify *v, const struct kept_version *k, struct error *err)
{
    struct range *ranges = NULL;
    size_t count = 0;
    struct error why = ERROR_NONE;
    int r = vault_blocks_ranges(v->vault, k->id, &ranges, &count, &why);
    free(ranges);
    if (r == -EBADMSG)
        tell_changed(v, k);
    else if (r < 0)
        return error_pass(err, &why);
    return r < 0 ? 0 : 1;
}

static int check_content(struct verify *v, const struct kept_version *k, struct error *err)
{
    unsigned char wanted[SHA256_BYTES];
    unsigned char found[SHA256_BYTES];
    int r = k->kept == KEPT_BLOCKS ? check_blocks(v, k, err) : 1;
    if (r == 1 && !k->open)
        r = recorded(v, k, wanted, err);
    else if (r == 1)
        r = 0;
    TRY(r);
    if (r == 0) {
        if (k->kept != KEPT_INODE && vault_sum_breaks(v->vault, k->id))
            tell_changed(v, k);
        else
            v->result->unhashed++;
        return 0;
    }
    r = vault_sha256(v->vault, k->id, v->sha, NULL, found);
    if (r == -ENOENT)
        return check_absent(v, k, err); /* an undo took it just now */
    if (r < 0 && r != -ENODATA && r != -EIO && r != -EBADMSG)
        return error_set(err, -r, "read version %" PRIx64 " in the vault", k->id);
    if (r < 0 || memcmp(wanted, found, SHA256_BYTES) != 0)
        tell_changed(v, k);
    else
        v->result->contents++;
    return 0;
}

static int check_kept(struct verify *v, const struct kept_version *k, struct error *err)
{
    struct attr now;
    int r = vault_attr(v->vault, k->id, &now);
    if (r == -ENOENT)
        return check_absent(v, k, err);
    if (r < 0 && r != -EBADMSG)
        return error_set(err, -r, "look at version %" PRIx64 " in the vault", k->id);
    v->result->versions++;
    if (r == -EBADMSG) {
        tell_changed(v, k);
        return 0;
    }
    r = check_kind(v, k, &now, err);
    if (r != 1 || v->wish->quick)
        return r < 0 ? r : 0;
    return check_content(v, k, err);
}

/* ---- all of them ---- */

/* An undo leaves an event that shows the same inode in the workspace. */
static int is_brought_back(struct verify *v, const struct kept_version *k, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(v->db, "SELECT 1 FROM event WHERE object = ?1 AND id > ?2"
                                    " AND flags & 4 AND a_ino = ?3 LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)k->object);
    stmt_bind_int(&q, 2, k->event);
    stmt_bind_int(&q, 3, (int64_t)k->ino);
    return stmt_step(&q, err);
}

static int check_gone(struct verify *v, const struct kept_version *k, struct error *err)
{
    int brought_back = k->state == VERSION_RETURNED ? is_brought_back(v, k, err) : 1;
    TRY(brought_back);
    if (brought_back == 0)
        verify_tell(v, k->event,
                    "version %" PRIx64 " of event #%" PRId64
                    " is said to have been brought back, but no undo did so",
                    k->id, k->event);
    else if (k->state == VERSION_DROPPED && !verify_gone_version(v, k->id, k->tombstone))
        verify_tell(v, k->event,
                    "what event #%" PRId64 " destroyed is said to have been dropped by gc, and no "
                    "sealed tombstone names it (version %" PRIx64 ")",
                    k->event, k->id);
    else if (vault_has(v->vault, k->id) && !verify_gone_is_going(v, k->id))
        verify_tell(v, k->event,
                    "version %" PRIx64 " of event #%" PRId64
                    " is in the vault, though the journal says that it left it",
                    k->id, k->event);
    else if (k->state != VERSION_RETURNED)
        v->result->lost++;
    return 0;
}

static int check_version(struct verify *v, const struct kept_version *k, struct error *err)
{
    if (!k->is_named) {
        verify_tell(v, k->event,
                    "version %" PRIx64 " is said to be of event #%" PRId64
                    ", which does not name it",
                    k->id, k->event);
        return 0;
    }
    if (k->state == VERSION_KEPT && verify_gone_is_back(v, k->id))
        verify_tell(v, k->event,
                    "version %" PRIx64 " of event #%" PRId64
                    " is said to be in the vault, and gc had dropped it",
                    k->id, k->event);
    if (k->state == VERSION_KEPT)
        return check_kept(v, k, err);
    if (k->state >= VERSION_RETURNED && k->state <= VERSION_TORN)
        return check_gone(v, k, err);
    verify_tell(v, k->event, "version %" PRIx64 " of event #%" PRId64 " has an impossible state",
                k->id, k->event);
    return 0;
}

struct strays {
    struct verify *verify;
    uint64_t running; /* versions from it on may not be on record yet; 0: all are */
    struct error *err;
    int result;
};

static int is_on_record(struct db *db, uint64_t version, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT 1 FROM version WHERE id = ?1");
    stmt_bind_int(&q, 1, (int64_t)version);
    return stmt_step(&q, err);
}

static void stray_check(void *context, uint64_t version)
{
    struct strays *s = context;
    int r = s->result < 0 ? 1 : is_on_record(s->verify->db, version, s->err);
    if (r < 0)
        s->result = r;
    if (r != 0)
        return;
    if (s->running && version >= s->running)
        s->verify->result->unrecorded++;
    else
        verify_tell(s->verify, 0, "version %" PRIx64 " in the vault belongs to no event", version);
}

/* While a run lasts, or was cut off, its newest versions may be ahead of the journal. */
static int first_unrecorded(struct verify *v, uint64_t *out, struct error *err)
{
    int64_t running = 0;
    TRY(db_number(v->db,
                  "SELECT value FROM meta WHERE key = 'running' AND NOT EXISTS"
                  " (SELECT 1 FROM meta WHERE key = 'clean')",
                  &running, err));
    *out = (uint64_t)running;
    return 0;
}

static int check_strays(struct verify *v, struct error *err)
{
    struct strays s = {.verify = v, .err = err};
    TRY(first_unrecorded(v, &s.running, err));
    int r = vault_walk(v->vault, stray_check, &s);
    if (r < 0)
        return error_set(err, -r, "look through the vault");
    return s.result;
}

int verify_vault(struct verify *v, struct error *err)
{
    struct kept_version k = {0};
    int r = 0;
    while ((r = version_next(v, k.id, &k, err)) == 1)
        TRY(check_version(v, &k, err));
    TRY(r);
    return check_strays(v, err);
}
