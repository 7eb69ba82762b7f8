/* test_verify_undo.c - what undos took back cannot be made more, less or another, sealed or not. */
#include <stdio.h>

#include "tests/support/mediated.h"
#include "tests/support/sealed.h"
#include "tests/support/sound.h"

static uint64_t undo; /* of the whole story */

static void given_an_undo(void)
{
    given_a_sealed_journal(&m);
    mediator_reopen(&m);
    undo = undo_range(&m, 1, 0);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
}

static void given_a_sealed_undo(void)
{
    given_an_undo();
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

/* @ stands for the undo's number. */
struct forgery {
    const char *sql;
    const char *words;
};

static void with_number(const char *from, char *out, size_t bytes)
{
    size_t at = 0;
    for (; *from && at + 24 < bytes; from++)
        at +=
            (size_t)(*from == '@' ? snprintf(out + at, bytes - at, "%llu", (unsigned long long)undo)
                                  : snprintf(out + at, bytes - at, "%c", *from));
    out[at] = '\0';
}

static void forge(const struct forgery *f)
{
    char sql[256];
    with_number(f->sql, sql, sizeof sql);
    damage(sql);
}

static void assert_tells(const struct forgery *f)
{
    char words[128];
    with_number(f->words, words, sizeof words);
    assert_journal_tells(m.root, words);
}

static const struct forgery forgeries[] = {
    {"DELETE FROM undone WHERE event = 5", "event #5 was taken back by undo #@"},
    {"DELETE FROM undone", "event #2 was taken back by undo #@"},
    {"INSERT INTO undone(event, undo) VALUES(1, @)",
     "event #1 is said to have been taken back by undo #@"},
    {"INSERT INTO undone(event, undo) VALUES(-4, @)", "event #-4 is said to have been"},
    {"INSERT INTO undone(event, undo) VALUES(4000, @)", "event #4000 is said to have been"},
    {"UPDATE undone SET undo = 3 WHERE event = 5", "event #5 is said to have been taken back by"},
    {"UPDATE undone SET event = 4000 WHERE event = 5", "event #5 was taken back by undo #@"},
    {"DELETE FROM undo", "undo #@ is missing"},
    {"UPDATE undo SET state = 1", "undo #@ is missing"},
    {"UPDATE undo SET state = 3", "undo #@ is missing"},
    {"UPDATE undo SET time = 1", "undo #@ is not as it was recorded"},
    {"UPDATE undo SET id = 4000", "undo #4000 is not as it was recorded"},
    {"INSERT INTO undo(id, time, state) VALUES(4000, 1, 1)", "undo #4000 is not as it was"},
    {"INSERT INTO undo(id, time, state) VALUES(4000, 1, 2)", "undo #4000 is not as it was"},
    {"INSERT INTO undo(id, time, state) VALUES(4000, 1, 3)", "undo #4000 is not as it was"},
};

static const struct forgery forgeries_of_rows[] = {
    {"INSERT INTO taken(id, undo, time) VALUES(2, 4000, 1)", "undo #4000, which is no event"},
    {"INSERT INTO taken(id, undo, time) VALUES(2, 5, 1)", "undo #5, which was over before"},
};

static const struct forgery forgeries_of_sealed_rows[] = {
    {"DELETE FROM taken", "is missing, which was sealed"},
    {"UPDATE taken SET events = NULL", "what was taken back by undo #@ was changed"},
    {"UPDATE taken SET events = x'01'", "what was taken back by undo #@ was changed"},
    {"UPDATE taken SET redone = events", "what was taken back by undo #@ was changed"},
    {"UPDATE taken SET time = 1", "what was taken back by undo #@ was changed"},
    {"UPDATE taken SET undo = 5", "what was taken back by undo #5 was changed"},
};

static const struct forgery forgeries_of_unsealed_rows[] = {
    {"DELETE FROM taken", "event #2 is said to have been taken back by undo #@"},
    {"UPDATE taken SET events = NULL", "event #2 is said to have been taken back by undo #@"},
    {"UPDATE taken SET time = 1", "undo #@ is not as it was recorded"},
    {"UPDATE taken SET undo = 4000", "undo #4000, which is no event"},
    {"UPDATE taken SET events = x'0100000000000000FFFFFFFFFFFFFF7F'", "event #1 was taken back"},
};

static void each_is_told(const struct forgery *list, size_t count, void (*given)(void))
{
    for (size_t i = 0; i < count; i++) {
        given();
        forge(&list[i]);
        assert_tells(&list[i]);
        mediator_close(&m);
    }
}

static void what_was_taken_back_is_sealed(void **state)
{
    (void)state;
    each_is_told(forgeries, COUNT_OF(forgeries), given_a_sealed_undo);
    each_is_told(forgeries_of_rows, COUNT_OF(forgeries_of_rows), given_a_sealed_undo);
    each_is_told(forgeries_of_sealed_rows, COUNT_OF(forgeries_of_sealed_rows), given_a_sealed_undo);
}

static void before_it_is_sealed_its_parts_must_agree(void **state)
{
    (void)state;
    each_is_told(forgeries, COUNT_OF(forgeries), given_an_undo);
    each_is_told(forgeries_of_rows, COUNT_OF(forgeries_of_rows), given_an_undo);
    each_is_told(forgeries_of_unsealed_rows, COUNT_OF(forgeries_of_unsealed_rows), given_an_undo);
}

static void the_next_seal_makes_no_forgery_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) {
        if (strstr(forgeries[i].sql, "state") &&
            !strstr(forgeries[i].sql, "state) VALUES(4000, 1, 2"))
            continue; /* the next run would finish what it is told has not ended */
        given_a_sealed_undo();
        forge(&forgeries[i]);
        mediator_reopen(&m);
        do_mkdir(&m, "more");
        journal_close(&m.journal);
        assert_tells(&forgeries[i]);
        mediator_close(&m);
    }
}

static void undo_redo_and_undo_again_stay_sound(void **state)
{
    (void)state;
    given_a_sealed_undo();
    for (int i = 0; i < 3; i++) {
        mediator_reopen(&m);
        uint64_t again = redo(&m, undo);
        assert_int_equal(journal_drain(m.journal, NULL), 0);
        assert_journal_sound(m.root); /* beside the open journal, before it is sealed */
        undo = redo(&m, again);
        journal_close(&m.journal);
        assert_journal_sound(m.root);
    }
}

#define STORY(f) cmocka_unit_test_teardown(f, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_back_is_sealed),
        cmocka_unit_test(before_it_is_sealed_its_parts_must_agree),
        cmocka_unit_test(the_next_seal_makes_no_forgery_true),
        STORY(undo_redo_and_undo_again_stay_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
