/* test_xattr.c - extended attributes come back as they were; a hostile blob touches nothing. */
#include <sys/xattr.h>

#include "journal/base/fd.h"
#include "journal/xattr.h"
#include "tests/support/bare.h"

static int given_a_file_with_two(void)
{
    test_file_text(root, "f", "x");
    int fd = openat(root, "f", O_RDONLY);
    if (fsetxattr(fd, "user.a", "1\0002", 3, 0) < 0)
        skip();
    assert_int_equal(fsetxattr(fd, "user.empty", "", 0, 0), 0);
    return fd;
}

static void assert_two(int fd)
{
    char value[8];
    assert_int_equal(fgetxattr(fd, "user.a", value, sizeof value), 3);
    assert_memory_equal(value, "1\0002", 3);
    assert_int_equal(fgetxattr(fd, "user.empty", value, sizeof value), 0);
    assert_true(fgetxattr(fd, "user.new", value, sizeof value) < 0);
}

static void all_come_back_and_what_is_new_goes(void **state)
{
    (void)state;
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    int fd = given_a_file_with_two();
    int path_only = openat(root, "f", O_PATH);
    assert_int_equal(xattr_read_all(path_only, &blob), 0);
    fsetxattr(fd, "user.a", "changed", 7, 0);
    fremovexattr(fd, "user.empty");
    fsetxattr(fd, "user.new", "n", 1, 0);
    assert_int_equal(xattr_apply(path_only, blob.data, blob.bytes, 0), 0);
    assert_two(fd);
    close(path_only);
    close(fd);
}

static void one_comes_back_alone_also_its_absence(void **state)
{
    (void)state;
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    int fd = given_a_file_with_two();
    assert_int_equal(xattr_read_one(fd, "user.a", &blob), 0);
    assert_int_equal(xattr_read_one(fd, "user.new", &blob), 0);
    fsetxattr(fd, "user.new", "n", 1, 0);
    fremovexattr(fd, "user.a");
    assert_int_equal(xattr_apply(fd, blob.data, blob.bytes, 1), 0);
    assert_two(fd);
    close(fd);
}

static void a_symlink_is_read_itself(void **state)
{
    (void)state;
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    close(given_a_file_with_two());
    assert_int_equal(symlinkat("f", root, "l"), 0);
    int fd = openat(root, "l", O_PATH | O_NOFOLLOW);
    assert_int_equal(xattr_read_all(fd, &blob), 0);
    assert_int_equal(blob.bytes, 0);
    close(fd);
}

static void every_cut_of_a_blob_is_damaged_and_touches_nothing(void **state)
{
    (void)state;
    CLEANUP(strbuf_release) struct strbuf blob = STRBUF_EMPTY;
    int fd = given_a_file_with_two();
    xattr_pack(&blob, "user.new", "n", 1);
    for (size_t cut = 1; cut < blob.bytes; cut++) {
        char *copy = malloc(cut); /* so that the sanitizer sees a read behind it */
        memcpy(copy, blob.data, cut);
        assert_int_equal(xattr_apply(fd, copy, cut, 0), -EBADMSG);
        free(copy);
    }
    assert_int_equal(xattr_apply(fd, "\x05\0\1\0\0\0a\0b.cX", 12, 0),
                     -EBADMSG); /* a NUL in the name */
    assert_int_equal(xattr_apply(fd, "\0\0\0\0\0\0", 6, 0), -EBADMSG);
    assert_two(fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        T(all_come_back_and_what_is_new_goes),
        T(one_comes_back_alone_also_its_absence),
        T(a_symlink_is_read_itself),
        T(every_cut_of_a_blob_is_damaged_and_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
