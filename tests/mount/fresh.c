/* fresh.c - readers in the mount see what a file holds: after writes of others in it, and after
 * changes that the host's user makes behind it. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/mount.h"

#ifdef CCFS_FAULTS
#define HAS_FAULT_POINTS true
#else
#define HAS_FAULT_POINTS false
#endif

#define PAGE 4096
#define PATIENCE_MS 10000 /* a second is what users are told; a loaded machine gets more */

static void fill(const char *path, char with, size_t bytes)
{
    char *data = malloc(bytes);
    memset(data, with, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    close(fd);
    free(data);
}

static char byte_at(int fd, off_t at)
{
    char byte = 0;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    return byte;
}

static void write_page(int fd, int page, char with)
{
    char data[PAGE];
    memset(data, with, sizeof data);
    assert_int_equal(pwrite(fd, data, sizeof data, (off_t)page * PAGE), sizeof data);
}

static struct mount *given_started(enum transport transport)
{
    struct mount *m = mount_make(NULL);
    m->options.transport = transport;
    mount_start(m);
    return m;
}

/* Somebody else writes the first page, and the last one; that one takes its time. */
static pid_t writer_starts(int fd, int first_is_done)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    write_page(fd, 0, 'b');
    (void)!write(first_is_done, "+", 1);
    write_page(fd, 2, 'b');
    _exit(0);
}

static void read_while_a_page_is_on_its_way(struct mount *m)
{
    int done[2];
    char byte;
    int status;
    fill(path_in(m->at, "rw/pages"), 'a', (size_t)3 * PAGE);
    int fd = open(path_in(m->at, "rw/pages"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(byte_at(fd, 2 * PAGE), 'a');
    assert_int_equal(pipe(done), 0);
    pid_t child = writer_starts(fd, done[1]);
    assert_int_equal(read(done[0], &byte, 1), 1);
    sleep_ms(60);
    struct stat st;
    fstat(fd, &st); /* tells the kernel of the first page's time */
    byte_at(fd, 2 * PAGE);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fchmod(fd, 0640); /* and of the last one's */
    assert_int_equal(byte_at(fd, 2 * PAGE), 'b');
    close(fd);
    close(done[0]);
    close(done[1]);
}

/* "POINT:MS" */
static struct mount *given_pausing_at(const char *point, enum transport transport)
{
    if (!HAS_FAULT_POINTS) {
        print_message("SKIP: this build has no fault points\n");
        skip();
    }
    setenv("CCFS_PAUSE", point, 1);
    struct mount *m = given_started(transport);
    unsetenv("CCFS_PAUSE");
    return m;
}

static void a_page_on_its_way_is_not_brought_back_old(enum transport transport)
{
    struct mount *m = given_pausing_at("write_kept:200", transport);
    read_while_a_page_is_on_its_way(m);
    mount_stop(m);
    mount_remove(&m);
}

static void a_page_on_its_way_is_not_brought_back_old_over_dev(void **state)
{
    (void)state;
    a_page_on_its_way_is_not_brought_back_old(TRANSPORT_DEV);
}

static void a_page_on_its_way_is_not_brought_back_old_over_uring(void **state)
{
    (void)state;
    if (!transport_is_here(TRANSPORT_URING))
        skip();
    a_page_on_its_way_is_not_brought_back_old(TRANSPORT_URING);
}

/* Between the last write that passed and the end of its handle. */
static void a_size_from_before_a_write_that_passed_is_not_told(void **state)
{
    (void)state;
    struct stat st;
    struct mount *m = given_pausing_at("passed_on:200", TRANSPORT_DEV);
    close(open(path_in(m->at, "rw/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    assert_int_equal(truncate(path_in(m->at, "rw/file"), 131077), 0);
    int fd = open(path_in(m->at, "rw/file"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 200000), 1);
    close(fd);
    assert_int_equal(stat(path_in(m->at, "rw/file"), &st), 0);
    assert_int_equal(st.st_size, 200001);
    mount_stop(m);
    mount_remove(&m);
}

/* ---- changes behind the mount -------------------------------------------------------------------
 */

static bool comes(int fd, off_t at, char expected)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += 20) {
        char byte = 0;
        if (pread(fd, &byte, 1, at) == 1 && byte == expected)
            return true;
        sleep_ms(20);
    }
    return false;
}

static void what_is_overwritten_outside_is_seen_by_who_reads_and_maps(void **state)
{
    struct mount *m = *state;
    fill(path_in(m->at, "rw/file"), 'a', (size_t)3 * PAGE);
    int fd = open(path_in(m->at, "rw/file"), O_RDONLY | O_CLOEXEC);
    const char *map = mmap(NULL, (size_t)3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(map[PAGE], 'a');
    fill(path_in(m->raw, "rw/file"), 'c', (size_t)3 * PAGE);
    assert_true(comes(fd, PAGE, 'c'));
    assert_int_equal(((const volatile char *)map)[PAGE], 'c');
    munmap((void *)(uintptr_t)map, (size_t)3 * PAGE);
    close(fd);
}

static void what_is_overwritten_outside_is_seen_although_others_write_in_the_mount(void **state)
{
    struct mount *m = *state;
    fill(path_in(m->at, "rw/both"), 'a', (size_t)3 * PAGE);
    int fd = open(path_in(m->at, "rw/both"), O_RDWR | O_CLOEXEC);
    assert_int_equal(byte_at(fd, PAGE), 'a');
    fill(path_in(m->raw, "rw/both"), 'c', (size_t)3 * PAGE);
    write_page(fd, 2, 'd');
    assert_true(comes(fd, PAGE, 'c'));
    assert_int_equal(byte_at(fd, 2 * PAGE), 'd');
    close(fd);
}

static void what_is_appended_outside_never_reads_as_zeros(void **state)
{
    struct mount *m = *state;
    fill(path_in(m->raw, "rw/log"), 'l', 100);
    int fd = open(path_in(m->at, "rw/log"), O_RDONLY | O_CLOEXEC);
    int raw = open(path_in(m->raw, "rw/log"), O_WRONLY | O_APPEND | O_CLOEXEC);
    char data[200];
    assert_int_equal(pread(fd, data, sizeof data, 0), 100);
    assert_int_equal(write(raw, "nnnnnnnnnn", 10), 10);
    ssize_t n = 100;
    for (int waited = 0; n < 110 && waited < PATIENCE_MS; waited += 5) {
        struct stat st;
        fstat(fd, &st);
        n = pread(fd, data, sizeof data, 0);
        assert_null(memchr(data, 0, (size_t)n));
        sleep_ms(5);
    }
    assert_int_equal(n, 110);
    close(fd);
    close(raw);
}

static void what_changed_outside_while_closed_is_there_at_the_next_open(void **state)
{
    struct mount *m = *state;
    fill(path_in(m->at, "rw/closed"), 'a', PAGE);
    int fd = open(path_in(m->at, "rw/closed"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(byte_at(fd, 7), 'a');
    close(fd);
    fill(path_in(m->raw, "rw/closed"), 'c', PAGE);
    fd = open(path_in(m->at, "rw/closed"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(byte_at(fd, 7), 'c');
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_on_its_way_is_not_brought_back_old_over_dev),
        cmocka_unit_test(a_page_on_its_way_is_not_brought_back_old_over_uring),
        cmocka_unit_test(a_size_from_before_a_write_that_passed_is_not_told),
        cmocka_unit_test_setup_teardown(what_is_overwritten_outside_is_seen_by_who_reads_and_maps,
                                        given_mount, end_of_mount),
        cmocka_unit_test_setup_teardown(
            what_is_overwritten_outside_is_seen_although_others_write_in_the_mount, given_mount,
            end_of_mount),
        cmocka_unit_test_setup_teardown(what_is_appended_outside_never_reads_as_zeros, given_mount,
                                        end_of_mount),
        cmocka_unit_test_setup_teardown(what_changed_outside_while_closed_is_there_at_the_next_open,
                                        given_mount, end_of_mount),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
