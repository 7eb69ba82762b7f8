/* inserts.c - SQLite as programs use it: each insert a transaction of its own.
 *
 *     inserts FILE MODE COUNT     MODE: delete (SQLite's default) or wal; prints seconds */
#include <sqlite3.h>
#include <string.h>

#include "bench/src/bench.h"

static void run(sqlite3 *db, const char *sql)
{
    char *said = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &said) == SQLITE_OK)
        return;
    fprintf(stderr, "inserts: %s: %s\n", sql, said);
    exit(1);
}

static void insert(sqlite3_stmt *s, long i)
{
    sqlite3_bind_int64(s, 1, i);
    if (sqlite3_step(s) == SQLITE_DONE && sqlite3_reset(s) == SQLITE_OK)
        return;
    fprintf(stderr, "inserts: %s\n", sqlite3_errmsg(sqlite3_db_handle(s)));
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: inserts FILE delete|wal COUNT\n");
        return 2;
    }
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    long count = bench_number(argv[3]);
    if (sqlite3_open(argv[1], &db) != SQLITE_OK) {
        fprintf(stderr, "inserts: %s: %s\n", argv[1], sqlite3_errmsg(db));
        return 1;
    }
    if (strcmp(argv[2], "wal") == 0)
        run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
    run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT, number INTEGER)");
    const char *sql = "INSERT INTO t(word, number) VALUES ('a word or two of text', ?1)";
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        fprintf(stderr, "inserts: %s\n", sqlite3_errmsg(db));
        return 1;
    }
    double began = bench_now();
    for (long i = 0; i < count; i++)
        insert(s, i);
    printf("%.9f\n", bench_now() - began);
    sqlite3_finalize(s);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
