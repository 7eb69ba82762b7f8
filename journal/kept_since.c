/* kept_since.c - see kept_since.h.
 *
 * A write session has the number of its beginning, which may be before the file was kept; when it
 * ended is told by the change time that it left, which nobody can set. */
#include "journal/kept_since.h"

int kept_was_written_since(struct db *db, const struct kept_inode *kept, const struct attr *now,
                           bool may_go_on, struct error *err)
{
    CLEANUP(stmt_done)
    struct stmt q = db_query(
        db, "SELECT 1 FROM version v JOIN event k ON k.id = v.event JOIN event e ON e.object = ?2"
            " WHERE v.id = ?1 AND ((?6 AND e.outcome = 3 AND e.b_ino = ?3)"
            " OR (e.outcome IN (0, 3) AND e.a_ino = ?3 AND e.a_size = ?4 AND e.a_mtime = ?5"
            " AND (e.id > k.id OR e.a_ctime > iif(k.op = 8, k.r_ctime, k.b_ctime)))) LIMIT 1");
    stmt_bind_int(&q, 1, (int64_t)kept->version);
    stmt_bind_int(&q, 2, (int64_t)kept->object);
    stmt_bind_int(&q, 3, (int64_t)kept->ino);
    stmt_bind_int(&q, 4, (int64_t)now->size);
    stmt_bind_int(&q, 5, now->mtime);
    stmt_bind_int(&q, 6, may_go_on);
    return stmt_step(&q, err);
}
