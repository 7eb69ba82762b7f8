/* test_outside.c - a file that somebody changed in the raw folder is on record as such when an
 * event meets it, and nothing else is. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/mediated.h"
#include "tests/support/sealed.h"

static int64_t externals(void)
{
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    return ask("SELECT count(*) FROM event WHERE op = 40");
}

/* Behind the clock's tick, so that the change time is another one. */
static void change_outside(const char *name)
{
    const struct timespec tick = {.tv_nsec = 20000000};
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    nanosleep(&tick, NULL);
    int fd = openat(m.root, name, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "outside", 7), 7);
    close(fd);
}

static void assert_told(const char *path)
{
    char sql[300];
    assert_int_equal(externals(), 1);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM event e JOIN path p ON p.id = e.path WHERE e.op = 40"
             " AND p.bytes = CAST('%s' AS BLOB) AND e.b_size = 4 AND e.a_size = 11"
             " AND e.session IS NULL AND e.b_ino = e.a_ino",
             path);
    assert_int_equal(ask(sql), 1);
}

static void a_write_meets_it(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    change_outside("f");
    do_write(&m, "f", 0, "T", CAPTURE_COPY);
    assert_told("f");
    do_write(&m, "f", 0, "t", CAPTURE_COPY);
    assert_told("f");
}

static void a_removal_meets_it(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    change_outside("f");
    do_unlink(&m, "f");
    assert_told("f");
}

static void a_rename_over_it_meets_it(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    do_create(&m, "new", "another");
    change_outside("f");
    do_rename(&m, "new", "f");
    assert_told("f");
}

static void metadata_meets_it(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    change_outside("f");
    do_chmod(&m, "f", 0640);
    assert_told("f");
}

static void it_is_met_by_a_later_run_too(void **state)
{
    (void)state;
    do_create(&m, "f", "text");
    change_outside("f");
    mediator_reopen(&m);
    do_unlink(&m, "f");
    assert_told("f");
}

static void a_file_that_no_event_told_of_was_not_changed(void **state)
{
    (void)state;
    test_file_text(m.root, "f", "text");
    do_write(&m, "f", 0, "T", CAPTURE_COPY);
    change_outside("f");
    mediator_reopen(&m);
    assert_int_equal(externals(), 0);
}

static void what_is_done_in_the_mount_is_no_change_outside(void **state)
{
    (void)state;
    tell_story(&m);
    do_create(&m, "a", "one");
    do_create(&m, "b", "two");
    do_exchange(&m, "a", "b");
    do_chmod(&m, "a", 0600);
    do_chmod(&m, "b", 0600);
    do_link(&m, "a", "c");
    do_write(&m, "c", 0, "O", CAPTURE_BLOCKS);
    do_unlink(&m, "a");
    do_setxattr(&m, "c", "user.one", "1");
    do_utimens(&m, "c", 12345);
    do_rename(&m, "c", "d/c");
    do_truncate(&m, "d/c", 1, CAPTURE_COPY);
    do_truncate_swapped(&m, "b");
    do_write(&m, "b", 0, "new", CAPTURE_COPY);
    uint64_t undo = undo_range(&m, 1, 0);
    undo = redo(&m, undo);
    mediator_reopen(&m);
    redo(&m, undo);
    assert_int_equal(externals(), 0);
}

/* The undo has put it on record already. */
static void an_undo_that_replaces_it_tells_it_once(void **state)
{
    (void)state;
    uint64_t first = do_create(&m, "f", "text");
    change_outside("f");
    m.how = UNDO_FORCE;
    undo_range(&m, first, 0);
    assert_true(externals() <= 1);
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, open_workspace, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_write_meets_it),
        STORY(a_removal_meets_it),
        STORY(a_rename_over_it_meets_it),
        STORY(metadata_meets_it),
        STORY(it_is_met_by_a_later_run_too),
        STORY(a_file_that_no_event_told_of_was_not_changed),
        STORY(what_is_done_in_the_mount_is_no_change_outside),
        STORY(an_undo_that_replaces_it_tells_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
