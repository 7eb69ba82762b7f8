/* history.c - looks back; see history.h.
 *
 *   (1) A row is input: a journal file may have been handed over by somebody else.  What does not
 * fit its type ends the walk with -EBADMSG and the event's number; nothing is guessed. (2) A walk
 * holds one row: memory does not depend on how many events there are. */
#include "journal/history.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/base/text.h"
#include "journal/history_view.h"
#include "journal/journal.h"
#include "journal/tombstone.h"

#define TEXT_MOST 65536u              /* bytes of a path or a command line */
#define BLOB_MOST (16u * 1024 * 1024) /* bytes of ranges or extended attributes */

int history_open(int root, struct history **out, struct error *err)
{
    const char *name = STATE_FOLDER "/journal.db";
    CLEANUP(fd_close) int fd = fd_open_beneath(root, name, O_PATH, 0);
    if (fd == -ENOENT)
        return error_say(err, ENOENT, "there is no journal here; make one with: ccfs init");
    if (fd < 0)
        return error_set(err, -fd, "open %s", name);
    CLEANUP(history_close) struct history *h = calloc(1, sizeof *h);
    if (!h)
        return error_set(err, ENOMEM, "read the journal");
    TRY(db_open_in(root, DB_READ, &h->db, err));
    *out = h;
    h = NULL;
    return 0;
}

void history_close(struct history **h)
{
    if (!*h)
        return;
    int saved = errno;
    db_close(&(*h)->db);
    strbuf_release(&(*h)->exe);
    strbuf_release(&(*h)->cmdline);
    strbuf_release(&(*h)->container);
    free(*h);
    *h = NULL;
    errno = saved;
}

/* ---- one row ---- */

/* Nine columns each; the order of struct attr's reader below. */
#define ATTR_COLUMNS(x)                                                                            \
    "e." x "_ino,e." x "_born,e." x "_mode,e." x "_uid,e." x "_gid,e." x "_nlink,e." x             \
    "_size,e." x "_mtime,e." x "_ctime,"

/* The same order as enum column. */
#define EVENT_SELECT                                                                               \
    "SELECT e.id,e.time,e.session,e.tid,e.op,e.flags,e.outcome,e.error,e.reason,e.count,"          \
    "p.bytes,q.bytes,e.object,e.replaced," ATTR_COLUMNS("b") ATTR_COLUMNS("a") ATTR_COLUMNS(       \
        "r") "e.dir_mtime,e.dir2_mtime,e.version,v.kept,e.ranges,e.xattrs,e.undoes,u.undo,"        \
             "e.proc,a.pid,a.started,a.parent,a.uid,a.gid,a.exe,a.cmdline,a.container,"            \
             "hb.sha256,ha.sha256"
#define EVENT_FROM                                                                                 \
    " FROM event e LEFT JOIN path p ON p.id=e.path LEFT JOIN path q ON q.id=e.path2"               \
    " LEFT JOIN version v ON v.id=e.version LEFT JOIN undone u ON u.event=e.id"                    \
    " LEFT JOIN proc a ON a.id=e.proc"                                                             \
    " LEFT JOIN hash hb ON hb.event=e.id AND hb.side=0"                                            \
    " LEFT JOIN hash ha ON ha.event=e.id AND ha.side=1"

enum column {
    COL_ID,
    COL_TIME,
    COL_SESSION,
    COL_TID,
    COL_OP,
    COL_FLAGS,
    COL_OUTCOME,
    COL_ERROR,
    COL_REASON,
    COL_COUNT,
    COL_PATH,
    COL_PATH2,
    COL_OBJECT,
    COL_REPLACED,
    COL_BEFORE,
    COL_AFTER = COL_BEFORE + 9,
    COL_BEFORE2 = COL_AFTER + 9,
    COL_DIR_MTIME = COL_BEFORE2 + 9,
    COL_DIR2_MTIME,
    COL_VERSION,
    COL_KEPT,
    COL_RANGES,
    COL_XATTRS,
    COL_UNDOES,
    COL_UNDONE_BY,
    COL_ACTOR,
    COL_SHA_BEFORE = COL_ACTOR + 9,
    COL_SHA_AFTER,
};

struct row {
    struct stmt stmt;
    struct range *ranges; /* owned, grows */
    size_t range_room;
    const char *damage; /* NULL, or what does not fit its type */
};
#define ROW_NONE ((struct row){0})

static void row_done(struct row *row)
{
    stmt_done(&row->stmt);
    free(row->ranges);
    *row = ROW_NONE;
}

static int64_t row_int(struct row *row, int column, int64_t least, int64_t most, const char *what)
{
    int64_t value = stmt_int(&row->stmt, column);
    if (value >= least && value <= most)
        return value;
    row->damage = what;
    return least;
}

static uint32_t row_u32(struct row *row, int column, const char *what)
{
    return (uint32_t)row_int(row, column, 0, UINT32_MAX, what);
}

static uint64_t row_number(struct row *row, int column, const char *what)
{
    return (uint64_t)row_int(row, column, 0, INT64_MAX, what);
}

static const char *row_text(struct row *row, int column, const char *what)
{
    const char *text = stmt_text(&row->stmt, column);
    if (!text || strnlen(text, TEXT_MOST + 1) <= TEXT_MOST)
        return text;
    row->damage = what;
    return "";
}

static const void *row_blob(struct row *row, int column, size_t *bytes, const char *what)
{
    *bytes = 0;
    const void *data = stmt_bytes(&row->stmt, column, bytes);
    if (!data)
        *bytes = 0;
    if (*bytes <= BLOB_MOST)
        return data;
    row->damage = what;
    *bytes = 0;
    return NULL;
}

static const unsigned char *row_sha256(struct row *row, int column)
{
    size_t bytes = 0;
    const void *data = row_blob(row, column, &bytes, "checksum");
    if (data && bytes != 32)
        row->damage = "checksum";
    return data && bytes == 32 ? data : NULL;
}

/* Inode numbers use all 64 bits and are stored by their bit pattern. */
static struct attr row_attr(struct row *row, int at)
{
    return (struct attr){
        .ino = (uint64_t)stmt_int(&row->stmt, at),
        .born = stmt_int(&row->stmt, at + 1),
        .mode = row_u32(row, at + 2, "mode"),
        .uid = row_u32(row, at + 3, "owner"),
        .gid = row_u32(row, at + 4, "group"),
        .nlink = row_u32(row, at + 5, "number of links"),
        .size = row_number(row, at + 6, "size"),
        .mtime = stmt_int(&row->stmt, at + 7),
        .ctime = stmt_int(&row->stmt, at + 8),
    };
}

static struct actor row_actor(struct row *row, int at)
{
    return (struct actor){
        .id = row_number(row, at, "process"),
        .pid = (int32_t)row_int(row, at + 1, 0, INT32_MAX, "process number"),
        .started = stmt_int(&row->stmt, at + 2),
        .parent = row_number(row, at + 3, "parent process"),
        .uid = row_u32(row, at + 4, "user"),
        .gid = row_u32(row, at + 5, "group"),
        .exe = row_text(row, at + 6, "program"),
        .cmdline = row_text(row, at + 7, "command line"),
        .container = row_text(row, at + 8, "container"),
    };
}

static bool range_fits(const struct range *range)
{
    return range->offset >= 0 && range->length >= 0 && range->length <= INT64_MAX - range->offset;
}

/* The blob may lie at any address and is little endian: decoded into row->ranges. */
static int row_ranges(struct row *row, size_t *count, struct error *err)
{
    size_t bytes = 0;
    const char *blob = row_blob(row, COL_RANGES, &bytes, "ranges");
    *count = bytes / 16;
    if (bytes % 16 != 0)
        row->damage = "ranges";
    if (*count > row->range_room) {
        struct range *more = realloc(row->ranges, *count * sizeof *more);
        if (!more)
            return error_set(err, ENOMEM, "read the journal");
        row->ranges = more;
        row->range_room = *count;
    }
    for (size_t i = 0; i < *count; i++) {
        uint64_t pair[2];
        memcpy(pair, blob + 16 * i, sizeof pair);
        row->ranges[i] = (struct range){(int64_t)le64toh(pair[0]), (int64_t)le64toh(pair[1])};
        if (!range_fits(&row->ranges[i]))
            row->damage = "ranges";
    }
    return 0;
}

static void row_vault(struct row *row, struct event *e)
{
    e->version = row_number(row, COL_VERSION, "vault reference");
    e->kept = (enum kept)row_int(row, COL_KEPT, KEPT_NONE, KEPT_BLOCKS, "vault reference");
    e->xattrs = row_blob(row, COL_XATTRS, &e->xattr_bytes, "extended attributes");
    e->sha256_before = row_sha256(row, COL_SHA_BEFORE);
    e->sha256_after = row_sha256(row, COL_SHA_AFTER);
}

static struct event row_fields(struct row *row)
{
    return (struct event){
        .id = row_number(row, COL_ID, "number"),
        .time = row_int(row, COL_TIME, 0, INT64_MAX, "time"),
        .session = row_number(row, COL_SESSION, "session"),
        .actor = row_actor(row, COL_ACTOR),
        .tid = (int32_t)row_int(row, COL_TID, 0, INT32_MAX, "thread"),
        .op = (enum op)row_int(row, COL_OP, OP_CREATE, OP_EXTERNAL, "operation"),
        .flags = row_u32(row, COL_FLAGS, "flags"),
        .outcome = (enum outcome)row_int(row, COL_OUTCOME, OUTCOME_OK, OUTCOME_NOTHING, "outcome"),
        .error_code = (int)row_int(row, COL_ERROR, 0, INT32_MAX, "error"),
        .reason = row_text(row, COL_REASON, "reason"),
        .count = row_u32(row, COL_COUNT, "count"),
        .path = row_text(row, COL_PATH, "path"),
        .path2 = row_text(row, COL_PATH2, "second path"),
        .object = row_number(row, COL_OBJECT, "object"),
        .replaced = row_number(row, COL_REPLACED, "replaced object"),
        .before = row_attr(row, COL_BEFORE),
        .after = row_attr(row, COL_AFTER),
        .before2 = row_attr(row, COL_BEFORE2),
        .dir_mtime = stmt_int(&row->stmt, COL_DIR_MTIME),
        .dir2_mtime = stmt_int(&row->stmt, COL_DIR2_MTIME),
        .undoes = row_number(row, COL_UNDOES, "undone event"),
        .undone_by = row_number(row, COL_UNDONE_BY, "undo"),
    };
}

static bool op_is_known(enum op op)
{
    return op_from_name(op_name(op)) == op;
}

static int row_event(struct row *row, struct event *out, struct error *err)
{
    row->damage = NULL;
    *out = row_fields(row);
    row_vault(row, out);
    TRY(row_ranges(row, &out->range_count, err));
    out->ranges = row->ranges;
    if (!row->damage && !op_is_known(out->op))
        row->damage = "operation";
    if (!row->damage)
        return 0;
    return error_say(err, EBADMSG,
                     "event #%" PRIu64 " in the journal is damaged (its %s makes no sense); "
                     "take journal.db from a backup",
                     out->id, row->damage);
}

/* ---- walking ---- */

static int row_walk(struct row *row, const struct history_filter *filter, history_each *each,
                    void *context, struct error *err)
{
    for (;;) {
        int r = stmt_step(&row->stmt, err);
        if (r <= 0)
            return r;
        struct event event;
        TRY(row_event(row, &event, err));
        if (!filter_fits(filter, event.path, event.path2))
            continue;
        r = each(&event, context);
        if (r != 0)
            return r;
    }
}

int history_events(struct history *h, const struct history_filter *filter, history_each *each,
                   void *context, struct error *err)
{
    CLEANUP(search_done) struct search search = {0};
    TRY(search_prepare(h, filter, &search, err));
    if (filter->limit) {
        bool empty = false;
        TRY(search_limit(h, &search, &empty, err));
        if (empty)
            return 0;
    }
    CLEANUP(row_done) struct row row = ROW_NONE;
    row.stmt = search_query(h, &search, EVENT_SELECT EVENT_FROM, " ORDER BY e.id");
    return row_walk(&row, filter, each, context, err);
}

int history_event(struct history *h, uint64_t id, history_each *each, void *context,
                  struct error *err)
{
    CLEANUP(row_done) struct row row = ROW_NONE;
    row.stmt = db_query_once(h->db, EVENT_SELECT EVENT_FROM " WHERE e.id=?1");
    stmt_bind_int(&row.stmt, 1, (int64_t)id);
    int r = stmt_step(&row.stmt, err);
    TRY(r);
    if (r == 0)
        return error_say(err, ENOENT, "there is no event #%" PRIu64 "; see: ccfs history", id);
    struct event event;
    TRY(row_event(&row, &event, err));
    return each(&event, context);
}

int history_dropped(struct history *h, uint64_t version, uint64_t *event, int64_t *time,
                    struct error *err)
{
    int64_t by = 0;
    int r = tombstone_of_version(h->db, version, &by, time, err);
    if (r == 1)
        *event = (uint64_t)by;
    return r;
}

/* ---- processes and sessions ---- */

static const char *keep_text(struct strbuf *keep, const char *text)
{
    strbuf_clear(keep);
    if (!text)
        return NULL;
    strbuf_add_text(keep, text);
    return strbuf_text(keep);
}

int history_actor(struct history *h, uint64_t id, struct actor *out, struct error *err)
{
    CLEANUP(row_done) struct row row = ROW_NONE;
    row.stmt = db_query(h->db, "SELECT id,pid,started,parent,uid,gid,exe,cmdline,container"
                               " FROM proc WHERE id=?1");
    stmt_bind_int(&row.stmt, 1, (int64_t)id);
    int r = stmt_step(&row.stmt, err);
    TRY(r);
    if (r == 0)
        return error_say(err, ENOENT, "the journal knows no process %" PRIu64, id);
    struct actor actor = row_actor(&row, 0);
    if (row.damage)
        return error_say(err, EBADMSG,
                         "process %" PRIu64 " in the journal is damaged (its %s makes no sense); "
                         "take journal.db from a backup",
                         id, row.damage);
    actor.exe = keep_text(&h->exe, actor.exe);
    actor.cmdline = keep_text(&h->cmdline, actor.cmdline);
    actor.container = keep_text(&h->container, actor.container);
    *out = actor;
    return 0;
}

static int session_walk(struct row *row, session_each *each, void *context, unsigned *found,
                        struct error *err)
{
    for (;;) {
        int r = stmt_step(&row->stmt, err);
        if (r <= 0)
            return r;
        struct session session = {
            .id = row_number(row, 0, "number"),
            .name = row_text(row, 1, "name"),
            .backend = row_text(row, 2, "backend"),
            .command = row_text(row, 3, "command"),
            .began = stmt_int(&row->stmt, 4),
            .ended = stmt_int(&row->stmt, 5),
            .status = (int)row_int(row, 6, INT32_MIN, INT32_MAX, "status"),
        };
        if (row->damage)
            return error_say(err, EBADMSG,
                             "session %" PRIu64
                             " in the journal is damaged (its %s makes no sense); "
                             "take journal.db from a backup",
                             session.id, row->damage);
        ++*found;
        r = each(&session, context);
        if (r != 0)
            return r;
    }
}

/* A number, else 0. */
static int64_t session_number(const char *selector)
{
    if (strlen(selector) > 18 || strspn(selector, "0123456789") != strlen(selector))
        return 0;
    return strtoll(selector, NULL, 10);
}

#define SESSION_SELECT "SELECT id,name,backend,command,began,ended,status FROM session"

static int no_session(const char *selector, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    text_escape(&shown, selector, strlen(selector));
    return error_say(err, ENOENT, "there is no session \"%.100s\"; see: ccfs history",
                     strbuf_text(&shown));
}

int history_sessions(struct history *h, const char *selector, session_each *each, void *context,
                     struct error *err)
{
    unsigned found = 0;
    CLEANUP(row_done) struct row row = ROW_NONE;
    if (!selector) {
        row.stmt = db_query_once(h->db, SESSION_SELECT " ORDER BY id");
        return session_walk(&row, each, context, &found, err);
    }
    row.stmt = db_query_once(h->db, SESSION_SELECT " WHERE id=?1 OR name=?2"
                                                   " ORDER BY id=?1 DESC, id DESC LIMIT 1");
    stmt_bind_int(&row.stmt, 1, session_number(selector));
    stmt_bind_text(&row.stmt, 2, selector);
    int r = session_walk(&row, each, context, &found, err);
    if (r == 0 && found == 0)
        return no_session(selector, err);
    return r;
}
