/* kept_since.h - an inode that was kept while somebody had it open can still be written: is what it
 * holds now what an event since then has left? */
#ifndef JOURNAL_KEPT_SINCE_H
#define JOURNAL_KEPT_SINCE_H

#include <stdint.h>

#include "journal/db.h"
#include "journal/event.h"

struct kept_inode {
    uint64_t version;
    uint64_t object;
    uint64_t ino;
};

/* 1: it is, 0: it is not.  Events that told of the inode before it was kept account for nothing:
 * who puts one of those times on a forged file would else pass.  may_go_on: a write session that
 * has not ended accounts for whatever it is. */
MUST_USE int kept_was_written_since(struct db *db, const struct kept_inode *kept,
                                    const struct attr *now, bool may_go_on, struct error *err);

#endif
