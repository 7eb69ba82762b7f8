/* undo_intact.c - see undo_intact.h. */
#include "journal/undo_intact.h"

#include <errno.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/hasher.h"
#include "journal/kept_since.h"
#include "journal/schema.h"
#include "journal/vault_sync.h"

/* From the number of an event to what it did: a slow disk may lie between. */
#define SLACK (60 * NS_PER_S)

int intact_open(struct intact *i, struct db *db, struct vault *vault, struct error *err)
{
    *i = (struct intact){.db = db, .vault = vault, .sha = sha256_new()};
    return i->sha ? 0 : error_set(err, ENOMEM, "check the vault");
}

void intact_close(struct intact *i)
{
    sha256_free(&i->sha);
}

/* What the journal tells of a version. */
struct record {
    uint64_t version;
    enum kept kept;
    bool open;    /* its write session has not ended */
    bool settled; /* … was cut off: so may the last block be */
    int64_t time;
    uint64_t object;
    uint64_t ino;
    uint64_t size;
    int64_t mtime;
    bool hashed;
    unsigned char sha256[SHA256_BYTES];
};

static void take_hash(struct stmt *q, int at, struct record *out)
{
    size_t bytes = 0;
    const void *data = stmt_bytes(q, at, &bytes);
    out->hashed = data && bytes == SHA256_BYTES;
    if (out->hashed)
        memcpy(out->sha256, data, SHA256_BYTES);
}

/* 0: none. */
static int record_read(struct intact *i, uint64_t version, struct record *out, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        i->db, "SELECT v.kept, e.outcome=3, e.flags&2, e.time, iif(e.op=8, e.replaced, e.object),"
               " iif(e.op=8, e.r_ino, e.b_ino), iif(e.op=8, e.r_size, e.b_size),"
               " iif(e.op=8, e.r_mtime, e.b_mtime), h.sha256"
               " FROM version v JOIN event e ON e.id=v.event LEFT JOIN hash h ON h.event=e.id"
               " AND h.side=CASE WHEN v.kept=4 THEN 3 WHEN e.op=8 THEN 2 ELSE 0 END"
               " WHERE v.id=?1");
    stmt_bind_int(&q, 1, (int64_t)version);
    int r = stmt_step(&q, err);
    if (r != 1)
        return r;
    *out = (struct record){
        .version = version,
        .kept = (enum kept)stmt_int(&q, 0),
        .open = stmt_int(&q, 1) != 0,
        .settled = stmt_int(&q, 2) != 0,
        .time = stmt_int(&q, 3),
        .object = (uint64_t)stmt_int(&q, 4),
        .ino = (uint64_t)stmt_int(&q, 5),
        .size = (uint64_t)stmt_int(&q, 6),
        .mtime = stmt_int(&q, 7),
    };
    take_hash(&q, 8, out);
    return 1;
}

static int was_written_since(struct intact *i, const struct record *k, const struct attr *now,
                             struct error *err)
{
    const struct kept_inode kept = {k->version, k->object, k->ino};
    return kept_was_written_since(i->db, &kept, now, true, err);
}

/* ---- one kind after the other: 1 as it was kept, 0 altered ---- */

static int hash_fits(struct intact *i, const struct record *k)
{
    unsigned char found[SHA256_BYTES];
    int r = vault_sha256(i->vault, k->version, i->sha, NULL, found);
    if (r == -ENODATA)
        return 1; /* a FIFO has no content */
    if (r == -EBADMSG)
        return 0;
    return r < 0 ? r : memcmp(found, k->sha256, SHA256_BYTES) == 0;
}

static int blocks_fit(struct intact *i, const struct record *k)
{
    int64_t rest = 0;
    int r = vault_blocks_rest(i->vault, k->version, &rest, NULL);
    if (r < 0)
        return r == -EBADMSG ? 0 : r;
    if (rest > 0 && !k->open && !k->settled)
        return 0;
    return k->hashed && !k->open ? hash_fits(i, k) : 1;
}

static int copy_fits(struct intact *i, const struct record *k, const struct attr *now)
{
    if (now->size != k->size)
        return 0;
    if (k->hashed && now->size <= INTACT_READ_MOST)
        return hash_fits(i, k);
    if (vault_sum_breaks(i->vault, k->version))
        return 0;
    return now->mtime <= k->time + SLACK;
}

/* Names come and go, and with them the change time moves; of one that lives in the vault alone it
 * does not. */
static bool times_fit(const struct record *k, const struct attr *now)
{
    bool settled = now->nlink == 1 && (now->mode & 0400) && S_ISREG(now->mode);
    return now->mtime == k->mtime && (!settled || now->ctime <= k->time + SLACK);
}

static int inode_fits(struct intact *i, const struct record *k, const struct attr *now,
                      struct error *err)
{
    bool regular = S_ISREG(now->mode);
    if (regular && (now->size != k->size || now->mtime != k->mtime))
        return was_written_since(i, k, now, err);
    if (k->hashed && now->size <= INTACT_READ_MOST)
        return hash_fits(i, k);
    if (!regular || times_fit(k, now))
        return 1;
    return was_written_since(i, k, now, err);
}

static int fits(struct intact *i, const struct record *k, const struct attr *now, struct error *err)
{
    if (k->kept == KEPT_INODE)
        return inode_fits(i, k, now, err);
    if (!S_ISREG(now->mode))
        return 0;
    return k->kept == KEPT_BLOCKS ? blocks_fit(i, k) : copy_fits(i, k, now);
}

int intact_check(struct intact *i, uint64_t version, enum trouble *out, struct error *err)
{
    struct record k = {0};
    struct attr now;
    int r = record_read(i, version, &k, err);
    TRY(r);
    *out = TROUBLE_NONE;
    if (r == 0)
        return 0; /* the journal lost the row; what a plan then does with it, it decides by size */
    r = vault_attr(i->vault, version, &now);
    if (r == -ENOENT)
        return intact_why_gone(i, version, out, err);
    if (r == 0)
        r = fits(i, &k, &now, err);
    else if (r == -EBADMSG)
        r = 0;
    if (r < 0)
        return error_set(err, -r, "read version %llx in the vault", (unsigned long long)version);
    if (r == 0)
        *out = TROUBLE_ALTERED;
    return 0;
}

int intact_why_gone(struct intact *i, uint64_t version, enum trouble *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(i->db, "SELECT state FROM version WHERE id=?1");
    stmt_bind_int(&q, 1, (int64_t)version);
    int r = stmt_step(&q, err);
    *out = r == 1 && stmt_int(&q, 0) == VERSION_DROPPED ? TROUBLE_EXPIRED : TROUBLE_BYTES;
    return r < 0 ? r : 0;
}
