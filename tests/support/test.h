/* test.h - the one door to cmocka, whose prerequisites must stand above it, and what every test
 * needs. */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/compiler.h"

/* A folder of one test's own below $TMPDIR; path: at least 64 bytes.  Its descriptor. */
UNUSED static int test_folder_make(char *path, size_t bytes)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(path, bytes, "%s/ccfs-test-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    assert_true(n > 0 && (size_t)n < bytes);
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

UNUSED static int test_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

UNUSED static void test_folder_remove(const char *path)
{
    nftw(path, test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes or replaces a file below dir. */
UNUSED static void test_file_write(int dir, const char *name, const void *data, size_t bytes)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
}

UNUSED static void test_file_text(int dir, const char *name, const char *text)
{
    test_file_write(dir, name, text, strlen(text));
}

/* The file holds exactly these bytes. */
UNUSED static void assert_file_is(int dir, const char *name, const void *data, size_t bytes)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *held = malloc(bytes + 1);
    assert_non_null(held);
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have <= bytes) {
        n = read(fd, held + have, bytes + 1 - have);
        have += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    assert_int_equal(have, bytes);
    assert_memory_equal(held, data, bytes);
    free(held);
}

UNUSED static int test_exists(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
