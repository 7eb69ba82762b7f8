/* test_verify_vault.c - what was kept and is not any more as it was kept is found. */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/mediated.h"
#include "tests/support/sealed.h"
#include "tests/support/sound.h"

/* Changes the last byte and puts the times back. */
static void flip_byte(const char *name)
{
    struct stat st;
    unsigned char byte = 0;
    int fd = openat(m.root, name, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size - 1), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void a_changed_byte_in_the_vault_is_found(void **state)
{
    (void)state;
    static const enum kept kinds[] = {KEPT_INODE, KEPT_COPY, KEPT_BLOCKS};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char sql[200];
        char name[64];
        given_a_hashed_journal(&m);
        snprintf(sql, sizeof sql,
                 "SELECT v.id FROM version v JOIN event e ON e.id = v.event WHERE "
                 "iif(%d = 3, v.kept IN (2, 3), v.kept = %d)"
                 " AND iif(e.op = 8, e.r_mode, e.b_mode) & 61440 = 32768 LIMIT 1",
                 (int)kinds[i], (int)kinds[i]);
        vault_name((uint64_t)ask(sql), name);
        flip_byte(name);
        assert_journal_tells(m.root, "was changed in the vault");
        struct verify_result r;
        if (kinds[i] != KEPT_BLOCKS)
            assert_int_equal(
                told_by_verify_as(m.root, &(struct verify_wish){.quick = true}, &r).count, 0);
        if (i + 1 < COUNT_OF(kinds))
            mediator_close(&m);
    }
}

static void a_missing_version_is_found(void **state)
{
    (void)state;
    char name[64];
    struct verify_result r;
    given_a_sealed_journal(&m);
    vault_name((uint64_t)ask("SELECT min(id) FROM version"), name);
    assert_int_equal(unlinkat(m.root, name, 0), 0);
    assert_journal_tells(m.root, "is missing from the vault");
    assert_int_equal(told_by_verify_as(m.root, &(struct verify_wish){.quick = true}, &r).count, 1);
}

static void a_version_that_the_journal_does_not_know_is_found(void **state)
{
    (void)state;
    char name[64];
    given_a_sealed_journal(&m);
    vault_name(77, name);
    test_file_text(m.root, name, "planted");
    assert_journal_tells(m.root, "belongs to no event");
}

static void a_version_that_became_something_else_is_found(void **state)
{
    (void)state;
    char name[64];
    given_a_sealed_journal(&m);
    vault_name((uint64_t)ask("SELECT min(id) FROM version"), name);
    assert_int_equal(unlinkat(m.root, name, 0), 0);
    assert_int_equal(mkdirat(m.root, name, 0700), 0);
    assert_journal_tells(m.root, "was changed in the vault");
}

static void a_version_row_with_a_false_state_is_found(void **state)
{
    (void)state;
    given_a_sealed_journal(&m);
    damage("UPDATE version SET state = 2 WHERE id = 1");
    assert_journal_tells(m.root, "no undo did so");
    damage("UPDATE version SET state = 4 WHERE id = 1");
    assert_journal_tells(m.root, "is in the vault, though");
    damage("UPDATE version SET state = 9 WHERE id = 1");
    assert_journal_tells(m.root, "impossible state");
    damage("UPDATE version SET state = 1 WHERE id = 1;"
           "INSERT INTO version(id, event, kept, state) VALUES(88, 3, 1, 1)");
    assert_journal_tells(m.root, "which does not name it");
}

/* Through a handle that was open when the file was deleted. */
static void a_kept_inode_may_be_written_as_recorded(void **state)
{
    (void)state;
    mediator_open(&m);
    do_create(&m, "f", "what was deleted");
    uint64_t removal = do_unlink(&m, "f");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT version FROM event WHERE id = %llu",
             (unsigned long long)removal);
    uint64_t version = (uint64_t)ask(sql);
    do_write_kept(&m, version, "f", "and written");
    journal_close(&m.journal);
    assert_journal_sound(m.root);
    char name[64];
    vault_name(version, name);
    flip_byte(name);
    int fd = openat(m.root, name, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_journal_tells(m.root, "was changed in the vault");
}

#define STORY(f) cmocka_unit_test_teardown(f, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_changed_byte_in_the_vault_is_found),
        STORY(a_missing_version_is_found),
        STORY(a_version_that_the_journal_does_not_know_is_found),
        STORY(a_version_that_became_something_else_is_found),
        STORY(a_version_row_with_a_false_state_is_found),
        STORY(a_kept_inode_may_be_written_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
