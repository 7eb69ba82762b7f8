/* test_vault.c - a version is complete or not there, and blocks give the old bytes back. */
#include <pthread.h>

#include "journal/base/fd.h"
#include "journal/vault.h"
#include "journal/vault_sync.h"
#include "tests/support/bare.h"

static struct vault *vault;

static int given_a_vault(void **state)
{
    make_folder(state);
    assert_int_equal(vault_open(root, &vault, NULL), 0);
    return 0;
}

static int remove_vault(void **state)
{
    vault_close(&vault);
    return remove_folder(state);
}

static void assert_version_is(uint64_t version, const char *text)
{
    char name[17];
    int at = vault_place(vault, version, name);
    assert_file_is(at, name, text, strlen(text));
}

static void a_moved_inode_comes_back_itself(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    test_file_text(root, "f", "bytes");
    fstatat(root, "f", &before, 0);
    uint64_t version = vault_new(vault);
    assert_int_equal(vault_move_in(vault, version, root, "f", NULL), 0);
    assert_false(test_exists(root, "f"));
    assert_true(vault_has(vault, version));
    assert_true(vault_is_last_home(vault, version));
    assert_int_equal(vault_move_out(vault, version, root, "g", NULL), 0);
    fstatat(root, "g", &after, 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_false(vault_has(vault, version));
}

static void a_linked_inode_stays_where_it_is(void **state)
{
    (void)state;
    test_file_text(root, "f", "bytes");
    assert_int_equal(vault_link_in(vault, 7, root, "f", NULL), 0);
    assert_false(vault_is_last_home(vault, 7));
    assert_int_equal(vault_link_in(vault, 7, root, "f", NULL), -EEXIST); /* a number is used once */
    assert_int_equal(unlinkat(root, "f", 0), 0);
    assert_true(vault_is_last_home(vault, 7));
    assert_version_is(7, "bytes");
}

static void coming_back_never_replaces_what_is_there(void **state)
{
    (void)state;
    test_file_text(root, "f", "old");
    assert_int_equal(vault_move_in(vault, 1, root, "f", NULL), 0);
    test_file_text(root, "f", "new");
    assert_int_equal(vault_move_out(vault, 1, root, "f", NULL), -EEXIST);
    assert_file_is(root, "f", "new", 3);
    assert_version_is(1, "old");
}

static void symlinks_and_fifos_are_kept_and_never_followed_or_waited_for(void **state)
{
    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", root, "l"), 0);
    assert_int_equal(mkfifoat(root, "p", 0600), 0);
    assert_int_equal(vault_link_in(vault, 1, root, "l", NULL), 0);
    assert_int_equal(vault_move_in(vault, 2, root, "p", NULL), 0);
    assert_int_equal(vault_open_version(vault, 1, O_RDONLY), -ELOOP);
    int fd = vault_open_version(vault, 1, O_PATH);
    assert_true(fd >= 0);
    close(fd);
    fd = vault_open_version(vault, 2, O_RDONLY); /* returns at once */
    assert_true(fd >= 0);
    close(fd);
}

static void a_copy_is_whole_and_ours(void **state)
{
    (void)state;
    enum kept kept = KEPT_NONE;
    struct error err = ERROR_NONE;
    test_file_text(root, "f", "some bytes");
    int fd = openat(root, "f", O_RDONLY);
    assert_int_equal(vault_copy_in(vault, 3, fd, 10, 100, &kept, &err), 0);
    assert_true(kept == KEPT_COPY || kept == KEPT_CLONE);
    assert_version_is(3, "some bytes");
    assert_false(vault_is_last_home(vault, 3));
    if (kept == KEPT_COPY)
        assert_int_equal(vault_copy_in(vault, 4, fd, 10, 9, &kept, &err), -EFBIG);
    assert_false(vault_has(vault, 4));
    vault_discard(vault, 3);
    assert_false(vault_has(vault, 3));
    close(fd);
}

static void numbers_go_on_above_the_highest(void **state)
{
    (void)state;
    test_file_text(root, "f", "x");
    assert_int_equal(vault_highest(vault), 0);
    assert_int_equal(vault_link_in(vault, 0x1234, root, "f", NULL), 0);
    assert_int_equal(vault_link_in(vault, 0x99, root, "f", NULL), 0);
    int odd = openat(root, "vault/34", O_DIRECTORY);
    test_file_text(odd, "ffffffffffffff00", "in the wrong folder");
    test_file_text(odd, "not-a-version", "x");
    close(odd);
    assert_int_equal(vault_highest(vault), 0x1234);
    uint64_t bytes = 0;
    uint64_t versions = 0;
    assert_int_equal(vault_usage(vault, &bytes, &versions), 0);
    assert_int_equal(versions, 2);
    vault_set_next(vault, 0x1235);
    assert_int_equal(vault_new(vault), 0x1235);
    assert_int_equal(vault_new(vault), 0x1236);
}

/* Else the next one of that number would be taken for it, or replace it when it is set aside too.
 */
static void what_is_set_aside_keeps_its_number_and_its_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        test_file_text(root, "f", i == 0 ? "first" : i == 1 ? "second" : "third");
        assert_int_equal(vault_move_in(vault, 0x1234, root, "f", NULL), 0);
        vault_set_aside(vault, 0x1234);
        assert_false(vault_has(vault, 0x1234));
        assert_int_equal(vault_highest(vault), 0x1234);
    }
    assert_file_is(root, "vault/34/0000000000001234.torn", "first", 5);
    assert_file_is(root, "vault/34/0000000000001234.torn1", "second", 6);
    assert_file_is(root, "vault/34/0000000000001234.torn2", "third", 5);
    int odd = openat(root, "vault/34", O_DIRECTORY);
    test_file_text(odd, "ffffffffffffff34.torn", "never given");
    close(odd);
    assert_int_equal(vault_highest(vault), 0x1234);
}

static int given_blocks(uint64_t version)
{
    int fd = -1;
    assert_int_equal(vault_blocks_create(vault, version, &fd, NULL), 0);
    assert_int_equal(vault_blocks_add(fd, 4, "old4", 4, NULL), 0);
    assert_int_equal(vault_blocks_add(fd, 6, "late", 4, NULL),
                     0); /* overlaps: 6 and 7 were kept before */
    assert_int_equal(vault_blocks_add(fd, 100, "far", 3, NULL), 0);
    return fd;
}

static void restored(uint64_t version, int expected, const char *text)
{
    test_file_text(root, "target", "0123456789ab");
    int fd = openat(root, "target", O_RDWR);
    assert_int_equal(vault_blocks_restore(vault, version, fd, NULL), expected);
    assert_int_equal(ftruncate(fd, 12), 0);
    close(fd);
    assert_file_is(root, "target", text, 12);
}

static void of_a_byte_kept_twice_the_first_record_wins(void **state)
{
    (void)state;
    int fd = given_blocks(1);
    close(fd);
    restored(1, 0, "0123old4teab");
    struct range *ranges = NULL;
    size_t count = 0;
    assert_int_equal(vault_blocks_ranges(vault, 1, &ranges, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(ranges[0].offset, 4);
    assert_int_equal(ranges[0].length, 6);
    assert_int_equal(ranges[1].offset, 100);
    free(ranges);
    vault_discard(vault, 1);
}

static void a_torn_last_record_is_no_record(void **state)
{
    (void)state;
    for (int cut = 1; cut <= 19; cut++) {
        int fd = given_blocks((uint64_t)cut);
        struct stat st;
        fstat(fd, &st);
        assert_int_equal(ftruncate(fd, st.st_size - cut), 0);
        close(fd);
        restored((uint64_t)cut, 0, "0123old4teab");
    }
}

static void a_damaged_record_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    int fd = given_blocks(1);
    close(fd);
    fd = vault_open_version(vault, 1, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 17), 1);
    close(fd);
    restored(1, -EBADMSG, "0123456789ab");
}

static void impossible_blocks_are_refused(void **state)
{
    (void)state;
    int fd = given_blocks(1);
    assert_int_equal(vault_blocks_add(fd, -1, "x", 1, NULL), -EINVAL);
    assert_int_equal(vault_blocks_add(fd, INT64_MAX, "x", 1, NULL), -EINVAL);
    assert_int_equal(vault_blocks_add(fd, 0, "x", UINT32_MAX, NULL), -EINVAL);
    close(fd);
    restored(1, 0, "0123old4teab");
}

static void a_symlink_in_place_of_the_vault_is_refused(void **state)
{
    (void)state;
    struct vault *other = NULL;
    assert_int_equal(mkdirat(root, "state", 0700), 0);
    int at = openat(root, "state", O_DIRECTORY);
    assert_int_equal(symlinkat("/tmp", at, "vault"), 0);
    assert_true(vault_open(at, &other, NULL) < 0);
    close(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, given_a_vault, remove_vault)
        T(a_moved_inode_comes_back_itself),
        T(a_linked_inode_stays_where_it_is),
        T(coming_back_never_replaces_what_is_there),
        T(symlinks_and_fifos_are_kept_and_never_followed_or_waited_for),
        T(a_copy_is_whole_and_ours),
        T(numbers_go_on_above_the_highest),
        T(what_is_set_aside_keeps_its_number_and_its_bytes),
        T(of_a_byte_kept_twice_the_first_record_wins),
        T(a_torn_last_record_is_no_record),
        T(a_damaged_record_in_the_middle_changes_nothing),
        T(impossible_blocks_are_refused),
        T(a_symlink_in_place_of_the_vault_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
