/* A journal that somebody else hands over: any value in any cell.  Looking back, verifying and
 * planning an undo neither crash nor hang.
 *
 * The input is a list of edits: which table, which column, which row, what kind of value, how many
 * bytes of it, and these. */
#include <inttypes.h>
#include <string.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/verify.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/mediator.h"
#include "tests/support/test.h"

#define EDITS_MOST 6
#define EDIT_BYTES 5

const unsigned long fuzz_runs = 400;

static struct mediator *m;
static char database[128];

static const struct {
    const char *table;
    const char *columns[16];
} tables[] = {
    {"event",
     {"op", "outcome", "flags", "path", "path2", "object", "replaced", "version", "ranges",
      "xattrs", "b_mode", "b_size", "a_mode", "a_ino", "proc", "undoes"}},
    {"path",
     {"bytes", "bytes", "bytes", "bytes", "bytes", "bytes", "bytes", "bytes", "bytes", "bytes",
      "bytes", "bytes", "bytes", "bytes", "bytes", "bytes"}},
    {"version",
     {"event", "kept", "state", "event", "kept", "state", "event", "kept", "state", "event", "kept",
      "state", "event", "kept", "state", "kept"}},
    {"seal",
     {"session", "proc", "path", "event", "hash", "rows", "opened", "ended", "begun", "finished",
      "marks", "sha256", "taken", "open", "key", "signature"}},
    {"taken",
     {"events", "redone", "undo", "time", "events", "redone", "undo", "time", "events", "redone",
      "undo", "time", "events", "redone", "undo", "time"}},
    {"proc",
     {"parent", "pid", "exe", "cmdline", "container", "parent", "pid", "exe", "cmdline",
      "container", "parent", "pid", "exe", "cmdline", "container", "parent"}},
    {"undo",
     {"id", "time", "state", "id", "time", "state", "id", "time", "state", "id", "time", "state",
      "id", "time", "state", "state"}},
    {"undone",
     {"event", "undo", "event", "undo", "event", "undo", "event", "undo", "event", "undo", "event",
      "undo", "event", "undo", "event", "undo"}},
    {"undo_step",
     {"data", "data", "data", "data", "data", "data", "data", "data", "data", "data", "data",
      "data", "data", "data", "data", "data"}},
};

static void begin(void)
{
    static struct mediator made;
    m = &made;
    mediator_open(m);
    do_mkdir(m, "d");
    do_create(m, "d/a", "what is in it");
    do_create(m, "d/b", "what is in the other");
    do_setxattr(m, "d/a", "user.one", "first");
    do_write(m, "d/a", 2, "WHAT", CAPTURE_BLOCKS);
    do_link(m, "d/a", "d/c");
    do_rename(m, "d/b", "d/a");
    do_unlink(m, "d/c");
    do_truncate(m, "d/a", 3, CAPTURE_COPY);
    journal_close(&m->journal);
    snprintf(database, sizeof database, "%s/.ccfs/journal.db", m->path);
}

/* ---- edits ---- */

static void bind(struct stmt *s, unsigned kind, const uint8_t *value, size_t bytes)
{
    int64_t number = 0;
    memcpy(&number, value, bytes < sizeof number ? bytes : sizeof number);
    if (kind % 3 == 0)
        stmt_bind_int(s, 1, number);
    else if (kind % 3 == 1)
        stmt_bind_bytes(s, 1, value, bytes);
    /* else NULL */
}

static void edit_one(struct db *db, const uint8_t *what, const uint8_t *value, size_t bytes)
{
    char sql[160];
    size_t table = what[0] % COUNT_OF(tables);
    snprintf(sql, sizeof sql, "UPDATE OR IGNORE %s SET %s=?1 WHERE rowid=?2", tables[table].table,
             tables[table].columns[what[1] % 16]);
    CLEANUP(stmt_done) struct stmt s = db_query_once(db, sql);
    struct error err = ERROR_NONE;
    bind(&s, what[3], value, bytes);
    stmt_bind_int(&s, 2, what[2] % 16);
    if (stmt_run(&s, &err) < 0 && err.code == ENOMEM)
        fail_msg("%s", err.message);
}

static void edit(struct db *db, const uint8_t *data, size_t bytes)
{
    for (int edits = 0; bytes >= EDIT_BYTES && edits < EDITS_MOST; edits++) {
        size_t count = data[4] < bytes - EDIT_BYTES ? data[4] : bytes - EDIT_BYTES;
        edit_one(db, data, data + EDIT_BYTES, count);
        data += EDIT_BYTES + count;
        bytes -= EDIT_BYTES + count;
    }
}

/* ---- looking ---- */

static int see(const struct event *e, void *context)
{
    uint64_t *last = context;
    *last = e->id;
    return e->path && strlen(e->path) > SIZE_MAX / 2;
}

static void found(void *context, int64_t event, const char *says)
{
    (void)context;
    (void)event;
    (void)!strlen(says);
}

static void look(void)
{
    struct history *h = NULL;
    struct undo_plan *plan = NULL;
    struct history_filter filter = HISTORY_ALL;
    struct error err = ERROR_NONE;
    struct verify_result result;
    const struct verify_wish wish = {0};
    uint64_t ids[32];
    uint64_t last = 0;
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = i + 1;
    (void)!verify_journal(m->root, &wish, found, NULL, &result, &err);
    if (history_open(m->root, &h, &err) < 0)
        return;
    (void)!history_events(h, &filter, see, &last, &err);
    (void)!undo_plan_make(h, m->root, ids, COUNT_OF(ids), 0, &plan, &err);
    undo_plan_free(&plan);
    history_close(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct db *db = NULL;
    struct stat st;
    if (!m)
        begin();
    int fd = open(database, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    void *before = malloc((size_t)st.st_size);
    assert_non_null(before);
    assert_int_equal(fd_pread_all(fd, before, (size_t)st.st_size, 0), 0);
    close(fd);
    assert_int_equal(db_open(database, DB_WRITE, &db, NULL), 0);
    edit(db, data, bytes);
    db_close(&db);
    look();
    test_file_write(AT_FDCWD, database, before, (size_t)st.st_size);
    free(before);
    return 0;
}

/* ---- seeds ---- */

/* Each edits one cell: a number, then bytes, then nothing. */
size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    if (number >= COUNT_OF(tables) * 10 || room < 2 * EDIT_BYTES + 16)
        return SIZE_MAX;
    uint8_t table = (uint8_t)(number % COUNT_OF(tables));
    uint8_t column = (uint8_t)(number / COUNT_OF(tables) * 3);
    const uint8_t edits[] = {table, column, 3, 0, 8, 7,   0,   0,   0,   0,   0,    0, 0,
                             table, column, 5, 1, 8, 'd', '/', '.', '.', '/', 0xff, 0, 1};
    memcpy(out, edits, sizeof edits);
    return sizeof edits;
}
