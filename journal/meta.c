/* meta.c - see meta.h. */
#include "journal/meta.h"

int meta_get(struct db *db, const char *key, int64_t *out, struct error *err)
{
    CLEANUP(stmt_done) struct stmt q = db_query(db, "SELECT value FROM meta WHERE key = ?1");
    stmt_bind_text(&q, 1, key);
    return stmt_number(&q, out, err);
}

int meta_set(struct db *db, const char *key, int64_t value, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(db, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)");
    stmt_bind_text(&q, 1, key);
    stmt_bind_int(&q, 2, value);
    return stmt_run(&q, err);
}
