/* db.h - private to journal/: the one door to SQLite.
 *
 * A statement fails once: the first of prepare, bind or step that fails speaks at stmt_run(),
 * stmt_step() or stmt_end().  Errors: -errno with a sentence (SQLITE_FULL -ENOSPC, BUSY -EBUSY,
 * CORRUPT and NOTADB -EBADMSG, IOERR -EIO, NOMEM -ENOMEM, READONLY -EROFS).
 * Threads: one connection, one thread. */
#ifndef JOURNAL_DB_H
#define JOURNAL_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

struct db;

enum db_mode {
    DB_READ,   /* must exist; reads beside the daemon's writer */
    DB_WRITE,  /* must exist */
    DB_CREATE, /* makes file and tables if missing */
};
/* path: resolved by SQLite; use /proc/self/fd/N/journal.db to stay on a descriptor's folder.
 * Checks application_id and user_version before anything is written: -EPROTO a newer ccfs wrote it,
 * -EBADMSG damaged or not ours.  *out is yours: db_close() it. */
MUST_USE int db_open(const char *path, enum db_mode mode, struct db **out, struct error *err);
/* The journal of the workspace behind the descriptor. */
MUST_USE int db_open_in(int root, enum db_mode mode, struct db **out, struct error *err);
void db_close(struct db **db);
MUST_USE int db_exec(struct db *db, const char *sql, struct error *err);
/* All of it as of one instant into the empty file that `path` names, while others write. */
MUST_USE int db_copy(struct db *db, const char *path, struct error *err);
/* Runs a full integrity check (slow). */
MUST_USE int db_check(struct db *db, struct error *err);

struct stmt {
    void *handle; /* sqlite3_stmt, NULL */
    struct db *db;
    int code; /* first SQLite error */
    bool cached;
};
#define STMT_NONE ((struct stmt){0})

/* Prepared; statements of string literals are cached by address and reset by stmt_done(). */
struct stmt db_query(struct db *db, const char *sql);
/* SQL built at run time (never from input): not cached. */
struct stmt db_query_once(struct db *db, const char *sql);
void stmt_done(struct stmt *s); /* CLEANUP(stmt_done) */

void stmt_bind_int(struct stmt *s, int at, int64_t value);
void stmt_bind_null(struct stmt *s, int at);
void stmt_bind_text(struct stmt *s, int at, const char *text); /* NULL binds NULL */
/* data is borrowed until stmt_done(). */
void stmt_bind_bytes(struct stmt *s, int at, const void *data, size_t bytes);

MUST_USE int stmt_step(struct stmt *s, struct error *err); /* 1: a row, 0: end, -errno */
MUST_USE int stmt_run(struct stmt *s, struct error *err);  /* to the end, rows ignored */
int64_t stmt_int(struct stmt *s, int column);              /* 0 for NULL */
bool stmt_is_null(struct stmt *s, int column);
/* Valid until the next step, NULL for NULL; text is NUL-terminated, also that of a BLOB column. */
const void *stmt_bytes(struct stmt *s, int column, size_t *bytes);
const char *stmt_text(struct stmt *s, int column);

/* What a column of the row holds in the file, whatever it was declared as. */
enum value_kind {
    VALUE_NULL = 0,
    VALUE_INT = 1,
    VALUE_TEXT = 2,
    VALUE_BYTES = 3,
    VALUE_REAL = 4,
};
enum value_kind stmt_kind(struct stmt *s, int column); /* before any other look at it */
int stmt_columns(struct stmt *s);

/* The first number of the query's first row; 0 for no row, and for NULL. */
MUST_USE int stmt_number(struct stmt *s, int64_t *out, struct error *err);
/* The same, for a statement of a string literal. */
MUST_USE int db_number(struct db *db, const char *sql, int64_t *out, struct error *err);
/* The same, with ?1. */
MUST_USE int db_number_of(struct db *db, const char *sql, int64_t value, int64_t *out,
                          struct error *err);

/* BEGIN IMMEDIATE … COMMIT; a transaction rolls back unless committed. */
struct transaction {
    struct db *db;
};
MUST_USE int transaction_begin(struct db *db, struct transaction *t, struct error *err);
/* To read as of one instant, while others write; nothing is committed. */
MUST_USE int transaction_look(struct db *db, struct transaction *t, struct error *err);
MUST_USE int transaction_commit(struct transaction *t, struct error *err);
void transaction_rollback(struct transaction *t); /* CLEANUP(transaction_rollback) */

#endif
