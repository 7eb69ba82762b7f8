/* rows.c - see rows.h. */
#include "tests/support/rows.h"

#include <stdio.h>
#include <unistd.h>

#include "journal/db.h"
#include "tests/support/test.h"

static struct db *open_rows(const char *folder, enum db_mode mode)
{
    char path[256];
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", folder);
    if (db_open(path, mode, &db, &err) < 0)
        fail_msg("%s", err.message);
    return db;
}

int64_t rows_ask(const char *folder, const char *sql)
{
    CLEANUP(db_close) struct db *db = open_rows(folder, DB_READ);
    struct error err = ERROR_NONE;
    CLEANUP(stmt_done) struct stmt q = db_query_once(db, sql);
    int r = stmt_step(&q, &err);
    if (r < 0)
        fail_msg("%s: %s", sql, err.message);
    return r == 1 ? stmt_int(&q, 0) : -1;
}

void rows_await(const char *folder, const char *sql, int64_t wanted)
{
    for (int i = 0; i < 1200 && rows_ask(folder, sql) < wanted; i++)
        usleep(50000);
    assert_true(rows_ask(folder, sql) >= wanted);
}

void rows_change(const char *folder, const char *sql)
{
    CLEANUP(db_close) struct db *db = open_rows(folder, DB_WRITE);
    struct error err = ERROR_NONE;
    if (db_exec(db, sql, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
}
