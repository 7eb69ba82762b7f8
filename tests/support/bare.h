/* bare.h - a workspace that is only a folder and a journal: what the tests of the journal begin
 * with.
 */
#ifndef TESTS_SUPPORT_BARE_H
#define TESTS_SUPPORT_BARE_H

#include "journal/db.h"
#include "journal/journal.h"
#include "tests/support/rows.h"
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
    return rows_ask(folder, sql);
}

UNUSED static struct attr attr_of(const char *name)
{
    struct attr a = {0};
    assert_int_equal(attr_read(root, name, &a), 0);
    return a;
}

#endif
