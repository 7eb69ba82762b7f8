/* test_undo_sealed.c - nothing is taken back, and nothing shown of the past, by events that are not
 * what they were when they were sealed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/history.h"
#include "journal/past.h"
#include "tests/support/mediated.h"
#include "tests/support/sealed.h"

/* Takes back so many events from number `first` on: what comes of the plan. */
static int plan_from(uint64_t first, size_t count, unsigned how, struct error *err)
{
    struct history *h = NULL;
    struct undo_plan *plan = NULL;
    uint64_t ids[32];
    assert_true(count <= COUNT_OF(ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = first + i;
    assert_int_equal(history_open(m.root, &h, NULL), 0);
    int r = undo_plan_make(h, m.root, ids, count, how, &plan, err);
    undo_plan_free(&plan);
    history_close(&h);
    return r;
}

static int plan_up_to(size_t last, unsigned how, struct error *err)
{
    return plan_from(1, last, how, err);
}

static void assert_refused(void)
{
    struct error err = ERROR_NONE;
    char *before = tree_look(&m);
    assert_int_equal(plan_up_to(14, 0, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "see: ccfs verify"));
    assert_int_equal(plan_up_to(14, UNDO_FORCE | UNDO_SKIP, NULL), -EBADMSG);
    assert_tree(&m, before);
    free(before);
}

static void an_undo_refuses_events_that_were_changed(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE event SET b_size = 3 WHERE op = 6",
        "UPDATE event SET b_mode = 33279, b_uid = 0 WHERE op = 6",
        "UPDATE event SET path = (SELECT id FROM path WHERE bytes = CAST('d/over' AS BLOB))"
        " WHERE op = 6",
        "UPDATE path SET bytes = CAST('d/elsewhere' AS BLOB)"
        " WHERE bytes = CAST('d/kept' AS BLOB)",
        "UPDATE event SET version = 1 + (SELECT min(version) FROM event) WHERE op = 6",
        "UPDATE version SET event = 3 WHERE id = (SELECT max(id) FROM version)",
        "UPDATE event SET outcome = 1 WHERE op = 6",
        "DELETE FROM event WHERE id = 4",
        "UPDATE hash SET sha256 = zeroblob(32)",
        "DELETE FROM hash WHERE id = 2",
        "UPDATE seal SET event = event - 1 WHERE id = 1",
        "DELETE FROM seal WHERE id = 1",
        "INSERT INTO gone(seal, part, tombstone, sha256) VALUES(1, 3, 1, zeroblob(32))",
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        given_a_hashed_journal(&m);
        mediator_reopen(&m);
        do_mkdir(&m, "later"); /* so that there is a second seal */
        mediator_reopen(&m);
        assert_int_equal(plan_up_to(14, 0, NULL), 0);
        damage(changes[i]);
        print_message("%s\n", changes[i]);
        assert_refused();
        mediator_close(&m);
    }
}

static void the_end_of_a_write_session_counts_too(void **state)
{
    (void)state;
    mediator_open(&m);
    given_an_open_write();
    mediator_reopen(&m); /* sealed as open, and ended now */
    journal_close(&m.journal);
    assert_int_equal(plan_up_to(3, 0, NULL), 0);
    damage("UPDATE event SET a_size = 12345 WHERE op = 10");
    assert_int_equal(plan_up_to(3, 0, NULL), -EBADMSG);
}

/* Who changed them would make that so. */
static void events_that_together_change_nothing_count_too(void **state)
{
    (void)state;
    mediator_open(&m);
    do_mkdir(&m, "d");
    uint64_t first = do_rename(&m, "d", "e");
    do_rename(&m, "e", "d");
    do_create(&m, "f", "stays");
    mediator_reopen(&m);
    assert_int_equal(plan_from(first, 2, 0, NULL), 0);
    damage("UPDATE event SET b_mode = 16895 WHERE op = 8");
    assert_int_equal(plan_from(first, 2, 0, NULL), -EBADMSG);
}

/* Only what an undo relies on is in its way. */
static void what_was_sealed_apart_from_a_change_can_be_taken_back(void **state)
{
    (void)state;
    given_a_sealed_journal(&m);
    mediator_reopen(&m);
    char *before = tree_look(&m);
    uint64_t later = do_create(&m, "later", "made under another seal");
    mediator_reopen(&m);
    damage("UPDATE event SET b_size = 3 WHERE op = 6");
    undo_range(&m, later, 0);
    assert_tree(&m, before);
    free(before);
}

static void what_is_not_sealed_yet_is_believed(void **state)
{
    (void)state;
    mediator_open(&m);
    char *before = tree_look(&m);
    uint64_t event = do_create(&m, "f", "text");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_int_equal(ask("SELECT count(*) FROM seal"), 0);
    undo_range(&m, event, 0);
    assert_tree(&m, before);
    free(before);
}

/* What d/kept held before it was deleted. */
static int show_kept(struct error *err)
{
    struct history *h = NULL;
    struct past *past = NULL;
    struct past_instant instant;
    struct past_thing thing;
    int fd = -1;
    assert_int_equal(history_open(m.root, &h, NULL), 0);
    int64_t removal = ask("SELECT id FROM event WHERE op = 6 LIMIT 1");
    assert_int_equal(past_before_event(h, (uint64_t)removal, &instant, NULL), 0);
    assert_int_equal(past_open(h, m.root, &past, NULL), 0);
    assert_int_equal(past_go(past, &instant, NULL), 0);
    assert_int_equal(past_find(past, "d/kept", &thing, NULL), 1);
    int r = past_content(past, &thing, &fd, err);
    if (fd >= 0)
        close(fd);
    past_close(&past);
    history_close(&h);
    return r;
}

static void nothing_is_shown_by_an_event_that_was_changed(void **state)
{
    (void)state;
    struct error err = ERROR_NONE;
    given_a_hashed_journal(&m);
    assert_int_equal(show_kept(&err), 0);
    damage("UPDATE event SET tid = 77 WHERE op = 6");
    assert_int_equal(show_kept(&err), -EBADMSG);
    assert_non_null(strstr(err.message, "see: ccfs verify"));
}

#define STORY(f) cmocka_unit_test_teardown(f, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undo_refuses_events_that_were_changed),
        STORY(the_end_of_a_write_session_counts_too),
        STORY(events_that_together_change_nothing_count_too),
        STORY(what_was_sealed_apart_from_a_change_can_be_taken_back),
        STORY(what_is_not_sealed_yet_is_believed),
        STORY(nothing_is_shown_by_an_event_that_was_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
