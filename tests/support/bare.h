/* bare.h - a workspace that is only a folder and a journal: what the tests of the journal begin
 * with.
 */
#ifndef TESTS_SUPPORT_BARE_H
#define TESTS_SUPPORT_BARE_H

#include "journal/db.h"
#include "journal/journal.h"
#include "tests/support/test.h"

static char folder[64];
static int root;

UNUSED static int make_folder(void **state)
{
    (void)state;
    root = test_folder_make(folder, sizeof folder);
    return 0;
}

UNUSED static int remove_folder(void **state)
{
    (void)state;
    close(root);
    test_folder_remove(folder);
    return 0;
}

UNUSED static struct journal *given_an_open_journal(void)
{
    struct journal *j = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(journal_create(root, &err), 0);
    if (journal_open(root, &j, &err) < 0)
        fail_msg("%s", err.message);
    return j;
}

/* One number out of the journal, beside whoever writes it. */
UNUSED static int64_t ask(const char *sql)
{
    char path[128];
    struct db *db = NULL;
    struct error err = ERROR_NONE;
    snprintf(path, sizeof path, "%s/.ccfs/journal.db", folder);
    if (db_open(path, DB_READ, &db, &err) < 0)
        fail_msg("%s", err.message);
    struct stmt s = db_query(db, sql);
    int r = stmt_step(&s, &err);
    if (r < 0)
        fail_msg("%s: %s", sql, err.message);
    int64_t value = r == 1 ? stmt_int(&s, 0) : -1;
    stmt_done(&s);
    db_close(&db);
    return value;
}

UNUSED static struct attr attr_of(const char *name)
{
    struct attr a = {0};
    assert_int_equal(attr_read(root, name, &a), 0);
    return a;
}

#endif
