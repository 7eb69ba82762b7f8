/* mediated.h - one workspace for each test of a file, its changes recorded without a mount: what
 * the tests of seals, checks and gc begin with.
 */
#ifndef TESTS_SUPPORT_MEDIATED_H
#define TESTS_SUPPORT_MEDIATED_H

#include "tests/support/mediator.h"
#include "tests/support/rows.h"
#include "tests/support/test.h"

static struct mediator m;

UNUSED static int open_workspace(void **state)
{
    (void)state;
    mediator_open(&m);
    return 0;
}

/* Also of what a test has opened itself. */
UNUSED static int close_workspace(void **state)
{
    (void)state;
    mediator_close(&m);
    return 0;
}

/* One number out of the journal, beside whoever writes it. */
UNUSED static int64_t ask(const char *sql)
{
    return rows_ask(m.path, sql);
}

UNUSED static void damage(const char *sql)
{
    rows_change(m.path, sql);
}

/* "f" holds "text" and is being written: an event that has no end yet. */
UNUSED static uint64_t given_an_open_write(void)
{
    struct change_spec spec = {.op = OP_WRITE, .path = "f"};
    uint64_t event = 0;
    do_create(&m, "f", "text");
    assert_int_equal(attr_read(m.root, "f", &spec.before), 0);
    assert_int_equal(journal_write_begin(m.journal, &spec, &event, NULL), 0);
    return event;
}

#endif
