/* db.c - the one door to SQLite.
 *
 * A journal file may come from somebody else, and a file beside ours may be anything.  Hence:
 *   (1) A file is recognised by its header, read through SQLite's own descriptor, before SQLite
 * looks at it: what is not ours is not touched, not even by the replay of a WAL. (2) A new journal
 * is made under another name and linked into place complete: there is no half one. (3) Nothing in
 * the file's schema can run: no triggers, no views, no functions with effects.
 *
 * Opening the file a second time beside SQLite (open, read, close) would drop the process's POSIX
 * locks on it, and with them what keeps a stranger from deleting a WAL in use; hence the detour of
 * (1). */
#include "journal/db.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/compiler.h"
#include "journal/schema.h"
#include "journal/state.h"

#define CACHED_MAX 96
#define HEADER_BYTES 100
#define WRITE_TIMEOUT_MS 5000
#define BEHIND_ANY_END (INT64_C(1) << 46)
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

struct cached {
    const char *sql; /* a literal: its address names the statement */
    sqlite3_stmt *handle;
    bool busy; /* handed out: a second user of the same text gets a statement of its own */
};

struct db {
    sqlite3 *handle;
    struct cached cached[CACHED_MAX];
    size_t cached_count;
};

/* ---- errors ---- */

static const struct {
    int sqlite;
    int code;
    const char *advice;
} meanings[] = {
    {SQLITE_FULL, ENOSPC, "no room for the journal; free space on the workspace's filesystem"},
    {SQLITE_BUSY, EBUSY, "another program holds .ccfs/journal.db locked; end it, or try again"},
    {SQLITE_LOCKED, EBUSY, "the journal is in use; try again"},
    {SQLITE_CORRUPT, EBADMSG, "the journal is damaged; keep a copy of .ccfs before anything else"},
    {SQLITE_NOTADB, EBADMSG, "the journal is damaged or not a journal; it was not touched"},
    {SQLITE_NOMEM, ENOMEM, "no memory left for the journal"},
    {SQLITE_READONLY, EROFS, "the journal cannot be written; check its owner and its filesystem"},
    {SQLITE_PERM, EACCES, "the journal may not be opened by this user"},
    {SQLITE_AUTH, EACCES, "the journal may not be opened by this user"},
    {SQLITE_CANTOPEN, ENOENT,
     "the journal cannot be opened; if there is none, make it with: ccfs init"},
    {SQLITE_TOOBIG, EFBIG, "a value is too large for the journal"},
    {SQLITE_CONSTRAINT, EEXIST, "the journal already holds such a row"},
};

static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};

/* The WAL, or the database; NULL: it is not open. */
static sqlite3_file *file_of(sqlite3 *handle, int which)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(handle, "main", which, &file);
    return code == SQLITE_OK && file && file->pMethods ? file : NULL;
}

/* A file keeps the number of its last failure, also over calls that do well.  What reads behind its
 * end sets that to none: the next one asked tells of a later failure. */
static int file_errno(sqlite3_file *file)
{
    int system = 0;
    char unused;
    (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &system);
    (void)file->pMethods->xRead(file, &unused, sizeof unused, BEHIND_ANY_END);
    return system;
}

/* Of a commit that failed SQLite keeps no number, but maybe that of an earlier failure: the file
 * speaks first. */
static int system_errno(sqlite3 *handle, int code)
{
    int system = 0;
    for (size_t i = 0; code == SQLITE_IOERR && i < COUNT_OF(files); i++) {
        sqlite3_file *file = file_of(handle, files[i]);
        int own = file ? file_errno(file) : 0;
        system = system ? system : own;
    }
    return system ? system : sqlite3_system_errno(handle);
}

/* The system's own number where SQLite knows it and it says more than EIO. */
static int system_code(sqlite3 *handle, int code)
{
    int system = handle ? system_errno(handle, code) : 0;
    bool more = system == ENOSPC || system == EDQUOT || system == EROFS || system == EACCES;
    if (code == SQLITE_IOERR && more)
        return system == EDQUOT ? ENOSPC : system;
    if (code == SQLITE_CANTOPEN && (more || system == EMFILE || system == ENFILE))
        return system;
    return 0;
}

static int speak(sqlite3 *handle, int code, struct error *err)
{
    const char *said = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    int system = system_code(handle, code & 0xff);
    if (system)
        return error_set(err, system, "the journal (%s)", said);
    for (size_t i = 0; i < COUNT_OF(meanings); i++)
        if (meanings[i].sqlite == (code & 0xff))
            return error_say(err, meanings[i].code, "%s (%s)", meanings[i].advice, said);
    return error_say(err, EIO, "the journal cannot be read or written (%s)", said);
}

int db_exec(struct db *db, const char *sql, struct error *err)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : speak(db->handle, code, err);
}

/* ---- opening ---- */

static uint32_t big_endian_32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int identity_check(uint32_t application, uint32_t version, struct error *err)
{
    if (application != SCHEMA_APPLICATION_ID)
        return error_say(err, EBADMSG,
                         "journal.db is not a journal of ccfs; it was not touched: "
                         "move it away, or choose another workspace");
    if (version > SCHEMA_VERSION)
        return error_say(err, EPROTO,
                         "the journal was written by a newer ccfs (format %u, this one knows "
                         "%d); it was not touched: upgrade ccfs",
                         version, SCHEMA_VERSION);
    if (version == 0)
        return error_say(err, EBADMSG,
                         "the journal has no format number: it is damaged; it was not "
                         "touched");
    return 0;
}

static int header_check(struct db *db, struct error *err)
{
    unsigned char header[HEADER_BYTES] = {0};
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && (!file || !file->pMethods))
        code = SQLITE_CANTOPEN;
    if (code == SQLITE_OK)
        code = file->pMethods->xRead(file, header, sizeof header, 0);
    if (code == SQLITE_IOERR_SHORT_READ)
        code = SQLITE_NOTADB;
    if (code == SQLITE_OK && memcmp(header, "SQLite format 3", 16) != 0)
        code = SQLITE_NOTADB;
    if (code != SQLITE_OK)
        return speak(NULL, code, err);
    return identity_check(big_endian_32(header + 68), big_endian_32(header + 60), err);
}

/* The tables are there and their headers can be read; the identity again, as the WAL has it. */
static int schema_check(struct db *db, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query_once(
        db, "SELECT (SELECT application_id FROM pragma_application_id),"
            " (SELECT user_version FROM pragma_user_version),"
            " (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN"
            "  ('meta','session','proc','path','inode','event','version','hash','undone','undo',"
            "   'undo_step','seal','tombstone','gone','taken'))");
    TRY(stmt_step(&s, err));
    TRY(identity_check((uint32_t)stmt_int(&s, 0), (uint32_t)stmt_int(&s, 1), err));
    if (stmt_int(&s, 2) != 15)
        return error_say(err, EBADMSG,
                         "the journal lacks some of its tables: it is damaged; it was not "
                         "touched");
    return 0;
}

/* Before the first read: what a hostile file could use is off. */
static void distrust(sqlite3 *handle)
{
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_timeout(handle, WRITE_TIMEOUT_MS);
}

/* Nobody asks how much memory it has taken, and to count that takes a lock for each piece.  Heeded by
 * the first connection of a process only. */
static void settle_memory(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int handle_open(const char *path, int flags, struct db **out, struct error *err)
{
    static pthread_once_t settled = PTHREAD_ONCE_INIT;
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return error_set(err, ENOMEM, "open the journal");
    pthread_once(&settled, settle_memory);
    int code = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        int r = speak(db->handle, code, err);
        db_close(&db);
        return r;
    }
    distrust(db->handle);
    *out = db;
    return 0;
}

static int settings(struct db *db, enum db_mode mode, struct error *err)
{
    TRY(db_exec(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY",
                err));
    if (mode == DB_READ)
        return db_exec(db, "PRAGMA query_only=ON", err);
    return db_exec(
        db,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000;"
        "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-8192",
        err);
}

/* One transaction with a rollback journal, so that the file itself carries its identity. */
static int fill_new(const char *path, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    CLEANUP(transaction_rollback) struct transaction t = {0};

    TRY(handle_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err));
    TRY(db_exec(db, "PRAGMA synchronous=EXTRA; PRAGMA auto_vacuum=INCREMENTAL", err));
    TRY(transaction_begin(db, &t, err));
    TRY(db_exec(db, schema_sql, err));
    TRY(db_exec(db, "PRAGMA application_id=" TEXT(SCHEMA_APPLICATION_ID), err));
    TRY(db_exec(db, "PRAGMA user_version=" TEXT(SCHEMA_VERSION), err));
    TRY(transaction_commit(&t, err));
    return db_exec(db, "PRAGMA journal_mode=WAL", err);
}

/* fill_new() beside it, then link(2): never over something that is there, never incomplete. */
static int create_missing(const char *path, struct error *err)
{
    char fresh[PATH_MAX];
    if (access(path, F_OK) == 0)
        return 0;
    int n = snprintf(fresh, sizeof fresh, "%s.%ld.new", path, (long)getpid());
    if (n < 0 || n >= (int)sizeof fresh)
        return error_set(err, ENAMETOOLONG, "create %s", path);
    unlink(fresh);
    int r = fill_new(fresh, err);
    if (r == 0 && chmod(fresh, 0600) < 0) /* its WAL takes the same mode */
        r = error_set(err, errno, "create %s", path);
    if (r == 0 && link(fresh, path) < 0 && errno != EEXIST)
        r = error_set(err, errno, "create %s", path);
    unlink(fresh);
    return r;
}

int db_open(const char *path, enum db_mode mode, struct db **out, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;

    if (mode == DB_CREATE)
        TRY(create_missing(path, err));
    TRY(handle_open(path, mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, &db,
                    err));
    TRY(header_check(db, err));
    TRY(schema_check(db, err));
    TRY(settings(db, mode, err));
    *out = db;
    db = NULL;
    return 0;
}

int db_open_in(int root, enum db_mode mode, struct db **out, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/" STATE_FOLDER "/journal.db", root);
    return db_open(path, mode, out, err);
}

void db_close(struct db **db)
{
    if (!*db)
        return;
    int saved = errno;
    for (size_t i = 0; i < (*db)->cached_count; i++)
        sqlite3_finalize((*db)->cached[i].handle);
    sqlite3_close_v2((*db)->handle);
    free(*db);
    *db = NULL;
    errno = saved;
}

int db_copy(struct db *db, const char *path, struct error *err)
{
    CLEANUP(db_close) struct db *to = NULL;
    TRY(handle_open(path, SQLITE_OPEN_READWRITE, &to, err));
    TRY(db_exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err));
    sqlite3_backup *copy = sqlite3_backup_init(to->handle, "main", db->handle, "main");
    if (copy) {
        (void)sqlite3_backup_step(copy, -1);
        (void)sqlite3_backup_finish(copy); /* tells, in to->handle, how the steps ended */
    }
    int code = sqlite3_errcode(to->handle);
    return code == SQLITE_OK ? 0 : speak(to->handle, code, err);
}

int db_check(struct db *db, struct error *err)
{
    CLEANUP(stmt_done) struct stmt s = db_query_once(db, "PRAGMA integrity_check(1)");
    int r = stmt_step(&s, err);
    if (r < 0)
        return r;
    const char *said = r == 1 ? stmt_text(&s, 0) : NULL;
    if (said && strcmp(said, "ok") == 0)
        return 0;
    return error_say(err, EBADMSG, "the journal is damaged: %s", said ? said : "no answer");
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct db *db, const char *sql, unsigned flags, int *code)
{
    sqlite3_stmt *handle = NULL;
    *code = sqlite3_prepare_v3(db->handle, sql, -1, flags, &handle, NULL);
    return handle;
}

struct stmt db_query_once(struct db *db, const char *sql)
{
    struct stmt s = {.db = db};
    s.handle = prepare(db, sql, 0, &s.code);
    return s;
}

static struct cached *cached_by_sql(struct db *db, const char *sql)
{
    for (size_t i = 0; i < db->cached_count; i++)
        if (db->cached[i].sql == sql)
            return &db->cached[i];
    return NULL;
}

struct stmt db_query(struct db *db, const char *sql)
{
    struct cached *c = cached_by_sql(db, sql);
    if ((c && c->busy) || (!c && db->cached_count == CACHED_MAX))
        return db_query_once(db, sql);
    struct stmt s = {.db = db, .cached = true};
    if (c) {
        s.handle = c->handle;
    } else {
        s.handle = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, &s.code);
        if (s.code != SQLITE_OK)
            return (struct stmt){.db = db, .code = s.code};
        c = &db->cached[db->cached_count++];
        *c = (struct cached){.sql = sql, .handle = s.handle};
    }
    c->busy = true;
    return s;
}

static void give_back(struct stmt *s)
{
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    for (size_t i = 0; i < s->db->cached_count; i++)
        if (s->db->cached[i].handle == s->handle)
            s->db->cached[i].busy = false;
}

void stmt_done(struct stmt *s)
{
    int saved = errno;
    if (s->handle && s->cached)
        give_back(s);
    else
        sqlite3_finalize(s->handle);
    *s = STMT_NONE;
    errno = saved;
}

static void note_code(struct stmt *s, int code)
{
    if (s->code == SQLITE_OK)
        s->code = code;
}

void stmt_bind_int(struct stmt *s, int at, int64_t value)
{
    if (s->code == SQLITE_OK)
        note_code(s, sqlite3_bind_int64(s->handle, at, value));
}

void stmt_bind_null(struct stmt *s, int at)
{
    if (s->code == SQLITE_OK)
        note_code(s, sqlite3_bind_null(s->handle, at));
}

void stmt_bind_text(struct stmt *s, int at, const char *text)
{
    if (s->code == SQLITE_OK)
        note_code(s, sqlite3_bind_text(s->handle, at, text, -1, SQLITE_STATIC));
}

void stmt_bind_bytes(struct stmt *s, int at, const void *data, size_t bytes)
{
    if (s->code == SQLITE_OK)
        note_code(s, sqlite3_bind_blob64(s->handle, at, data, bytes, SQLITE_STATIC));
}

int stmt_step(struct stmt *s, struct error *err)
{
    if (s->code == SQLITE_OK) {
        int code = sqlite3_step(s->handle);
        if (code == SQLITE_ROW)
            return 1;
        if (code == SQLITE_DONE)
            return 0;
        s->code = code;
    }
    return speak(s->db->handle, s->code, err);
}

int stmt_run(struct stmt *s, struct error *err)
{
    int r;
    do
        r = stmt_step(s, err);
    while (r == 1);
    return r;
}

int64_t stmt_int(struct stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

bool stmt_is_null(struct stmt *s, int column)
{
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

const void *stmt_bytes(struct stmt *s, int column, size_t *bytes)
{
    *bytes = 0;
    if (stmt_is_null(s, column))
        return NULL;
    const void *data = sqlite3_column_blob(s->handle, column);
    *bytes = (size_t)sqlite3_column_bytes(s->handle, column);
    return data ? data : "";
}

const char *stmt_text(struct stmt *s, int column)
{
    return (const char *)sqlite3_column_text(s->handle, column);
}

enum value_kind stmt_kind(struct stmt *s, int column)
{
    switch (sqlite3_column_type(s->handle, column)) {
    case SQLITE_INTEGER:
        return VALUE_INT;
    case SQLITE_TEXT:
        return VALUE_TEXT;
    case SQLITE_BLOB:
        return VALUE_BYTES;
    case SQLITE_FLOAT:
        return VALUE_REAL;
    default:
        return VALUE_NULL;
    }
}

int stmt_columns(struct stmt *s)
{
    return sqlite3_column_count(s->handle);
}

/* ---- one number ---- */

int stmt_number(struct stmt *q, int64_t *out, struct error *err)
{
    int r = stmt_step(q, err);
    *out = r == 1 ? stmt_int(q, 0) : 0;
    return r < 0 ? r : 0;
}

int db_number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, sql);
    return stmt_number(&q, out, err);
}

int db_number_of(struct db *db, const char *sql, int64_t value, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, sql);
    stmt_bind_int(&q, 1, value);
    return stmt_number(&q, out, err);
}

/* ---- transactions ---- */

int transaction_begin(struct db *db, struct transaction *t, struct error *err)
{
    TRY(db_exec(db, "BEGIN IMMEDIATE", err));
    t->db = db;
    return 0;
}

int transaction_look(struct db *db, struct transaction *t, struct error *err)
{
    TRY(db_exec(db, "BEGIN", err));
    t->db = db;
    return 0;
}

int transaction_commit(struct transaction *t, struct error *err)
{
    TRY(db_exec(t->db, "COMMIT", err));
    t->db = NULL;
    return 0;
}

void transaction_rollback(struct transaction *t)
{
    if (!t->db)
        return;
    int saved = errno;
    if (!sqlite3_get_autocommit(t->db->handle)) /* some errors have rolled back already */
        sqlite3_exec(t->db->handle, "ROLLBACK", NULL, NULL, NULL);
    t->db = NULL;
    errno = saved;
}
