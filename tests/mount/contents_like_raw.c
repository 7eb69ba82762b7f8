/* contents_like_raw.c - what is inside a file, and every way to read and change it, in the mount as
 * in an ordinary folder.  Small and large files take different roads in the daemon (copy, blocks,
 * swap). */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "tests/support/tale.h"

#define LARGE (512u * 1024) /* beyond what is copied whole */

/* ---- plain reading and writing
 * ------------------------------------------------------------------------ */

static void tell_reading_and_writing(void)
{
    char text[64] = {0};
    int fd = (int)DID(open("f", O_RDWR | O_CREAT, 0644));
    DID(write(fd, "hello world", 11));
    DID(pwrite(fd, "J", 1, 0));
    DID(pwrite(fd, "far", 3, 5000));
    DID(lseek(fd, 0, SEEK_SET));
    DID(read(fd, text, 11));
    say("%s", text);
    DID(pread(fd, text, 10, 6000));
    DID(pread(fd, text, 0, 0));
    DID(pwrite(fd, text, 1, -1));
    DID(lseek(fd, 10, SEEK_END));
    DID(write(fd, "!", 1));
    struct iovec parts[2] = {{(char[]){"one "}, 4}, {(char[]){"two"}, 3}};
    DID(pwritev(fd, parts, 2, 20));
    int reader = open("f", O_RDONLY);
    int writer = open("f", O_WRONLY);
    DID(write(reader, "x", 1));
    DID(read(writer, text, 1));
    DID(ftruncate(reader, 0));
    READ("f");
    LOOK_FD("f", fd);
}

static void change_in_the_middle(const char *name, off_t at, size_t bytes)
{
    char *data = malloc(bytes);
    memset(data, 'm', bytes);
    int fd = open(name, O_WRONLY);
    DID(pwrite(fd, data, bytes, at));
    DID(close(fd));
    free(data);
    READ(name);
}

static void tell_overwriting_small_and_large(void)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 65536, 65537, LARGE, LARGE + 1};
    char name[32];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        snprintf(name, sizeof name, "f%zu", sizes[i]);
        FILL(name, sizes[i], 'f');
        change_in_the_middle(name, 0, 1);
        change_in_the_middle(name, (off_t)sizes[i] / 2, 5000);
        change_in_the_middle(name, (off_t)sizes[i], 100);
        change_in_the_middle(name, (off_t)sizes[i] + 10000, 1);
        LOOK(name);
    }
}

static void tell_truncating_small_and_large(void)
{
    static const size_t sizes[] = {0, 100, 65536, LARGE};
    char name[32];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        snprintf(name, sizeof name, "f%zu", sizes[i]);
        FILL(name, sizes[i], 'f');
        DID(truncate(name, (off_t)sizes[i] / 2));
        READ(name);
        DID(truncate(name, (off_t)sizes[i] * 2 + 5));
        READ(name);
        int fd = open(name, O_RDWR);
        DID(ftruncate(fd, 0));
        LOOK_FD(name, fd);
        DID(pwrite(fd, "again", 5, 0));
        READ(name);
        DID(ftruncate(fd, LARGE));
        DID(close(fd));
        DID(close(open(name, O_RDONLY | O_TRUNC)));
        LOOK(name);
        FILL(name, LARGE, 'g');
        DID(close(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600)));
        LOOK(name);
        FILL(name, LARGE, 'h');
        DID(truncate(name, 0));
        LOOK(name);
        DID(truncate(name, -1));
    }
    DID(mkdir("d", 0755));
    DID(truncate("d", 0));
    DID(truncate("missing", 0));
}

static void tell_truncating_what_others_read(void)
{
    char byte = 0;
    FILL("f", LARGE, 'f');
    int reader = open("f", O_RDONLY);
    int writer = open("f", O_RDWR);
    DID(pread(reader, &byte, 1, LARGE - 1));
    DID(close(open("f", O_WRONLY | O_TRUNC)));
    DID(pread(reader, &byte, 1, 0));
    LOOK_FD("reader", reader);
    DID(pwrite(writer, "new", 3, 0));
    DID(pread(reader, &byte, 1, 0));
    say("%c", byte);
    READ("f");
    DID(link("f", "twin"));
    FILL("f", LARGE, 'g');
    DID(truncate("twin", 0));
    LOOK("f");
    LOOK_FD("reader", reader);
}

static void tell_limits(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    DID(ftruncate(fd, INT64_C(1) << 40));
    LOOK("f");
    DID(pwrite(fd, "x", 1, (INT64_C(1) << 41)));
    LOOK("f");
    DID(ftruncate(fd, INT64_MAX));
    DID(pwrite(fd, "x", 1, INT64_MAX));
    DID(ftruncate(fd, 3));
    READ("f");
}

/* ---- appending
 * -------------------------------------------------------------------------------------------- */

static void append_lines(char with)
{
    int fd = open("log", O_WRONLY | O_APPEND | O_CREAT, 0644);
    char line[33];
    memset(line, with, 32);
    line[31] = '\n';
    for (int i = 0; i < 200; i++)
        if (write(fd, line, 32) != 32)
            _exit(1);
    _exit(0);
}

/* Every line must be whole and none lost, whatever their order. */
static void count_lines(const char *name)
{
    FILE *in = fopen(name, "r");
    char line[128];
    int whole = 0;
    int torn = 0;
    while (in && fgets(line, sizeof line, in)) {
        bool same = strlen(line) == 32;
        for (int i = 0; i < 31 && same; i++)
            same = line[i] == line[0];
        whole += same;
        torn += !same;
    }
    say("%d lines, %d torn", whole, torn);
    if (in)
        fclose(in);
}

static void tell_appending_together(void)
{
    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();
        if (pid == 0)
            append_lines((char)('a' + i));
    }
    int status;
    while (wait(&status) > 0)
        say("ended with %d", status);
    LOOK("log");
    count_lines("log");
}

static void tell_append_that_is_toggled(void)
{
    FILL("f", 10, 'f');
    int fd = open("f", O_RDWR | O_APPEND);
    DID(write(fd, "append", 6));
    DID(pwrite(fd, "PWRITE", 6, 0)); /* Linux appends all the same */
    DID(fcntl(fd, F_SETFL, 0));
    DID(pwrite(fd, "start", 5, 0));
    READ("f");
    DID(lseek(fd, 2, SEEK_SET));
    DID(write(fd, "zz", 2));
    DID(fcntl(fd, F_SETFL, O_APPEND));
    DID(write(fd, "end", 3));
    DID(fcntl(fd, F_SETFL, 0));
    FILL("source", 100, 's');
    int source = open("source", O_RDONLY);
    off_t from = 0;
    off_t to = 1;
    DID(copy_file_range(source, &from, fd, &to, 4, 0));
    DID(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 6, 2));
    READ("f");
    LOOK("f");
}

/* A store into a mapping that is written back through a descriptor which appends. */
static void tell_mapped_stores_beside_an_appender(void)
{
    FILL("f", 8192, 'f');
    int plain = open("f", O_RDWR);
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0);
    int append = open("f", O_RDWR | O_APPEND);
    DID(write(append, "appended", 8));
    map[0] = 'M';
    map[5000] = 'M';
    DID(msync(map, 8192, MS_SYNC));
    LOOK("f");
    READ("f");
    DID(close(plain));
    DID(write(append, "again", 5));
    map[1] = 'N';
    DID(msync(map, 8192, MS_SYNC));
    DID(munmap(map, 8192));
    DID(close(append));
    LOOK("f");
    READ("f");
}

/* ---- mappings
 * ------------------------------------------------------------------------------------------------
 */

static void store_in_child(char *map, size_t at, char with)
{
    pid_t pid = fork();
    if (pid == 0) {
        map[at] = with;
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    say("child stored: %d", status);
}

static void tell_shared_mappings(void)
{
    FILL("f", 100000, 'f');
    int fd = open("f", O_RDWR);
    int other = open("f", O_RDWR);
    char *map = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *twin = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
    if (map == MAP_FAILED || twin == MAP_FAILED) {
        say("mmap: %s", strerrorname_np(errno));
        return;
    }
    map[0] = 'A';
    twin[99999] = 'Z';
    store_in_child(map, 50000, 'M');
    say("%c %c %c", twin[0], map[99999], twin[50000]);
    DID(pwrite(fd, "W", 1, 10));
    say("%c", twin[10]);
    char byte = 0;
    map[20] = 'R';
    DID(pread(other, &byte, 1, 20));
    say("%c", byte);
    DID(msync(map, 100000, MS_SYNC));
    DID(close(fd));
    DID(close(other));
    twin[30] = 'C';
    DID(munmap(map, 100000));
    DID(munmap(twin, 100000));
    READ("f");
}

static void tell_private_mappings(void)
{
    FILL("f", 5000, 'f');
    int fd = open("f", O_RDONLY);
    char *map = mmap(NULL, 5000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    map[0] = 'P';
    say("%c %c", map[0], map[4999]);
    READ("f");
    DID(mmap(NULL, 5000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    DID(munmap(map, 5000));
}

static void tell_mapped_files_that_are_unlinked(void)
{
    FILL("f", 200000, 'f');
    int fd = open("f", O_RDWR);
    char *map = mmap(NULL, 200000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    DID(close(fd));
    map[1] = '1';
    DID(unlink("f"));
    map[2] = '2';
    map[150000] = '3';
    DID(msync(map, 200000, MS_SYNC));
    say("%c%c%c%c", map[0], map[1], map[2], map[150000]);
    DID(munmap(map, 200000));
}

/* ---- holes
 * ------------------------------------------------------------------------------------------------------
 */

static void tell_map_of(int fd, off_t end)
{
    off_t at = 0;
    fsync(fd);
    for (int i = 0; i < 20 && at < end; i++) {
        off_t data = lseek(fd, at, SEEK_DATA);
        off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        say("data %lld hole %lld", (long long)data, (long long)hole);
        if (data < 0)
            return;
        at = hole;
    }
}

static void tell_holes(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    DID(pwrite(fd, "x", 1, 0));
    DID(pwrite(fd, "x", 1, 65536));
    DID(ftruncate(fd, 200000));
    tell_map_of(fd, 200000);
    DID(lseek(fd, 200000, SEEK_DATA));
    DID(lseek(fd, 300000, SEEK_HOLE));
    DID(lseek(fd, 100000, SEEK_DATA));
    LOOK("f");
    READ("f");
}

static void tell_allocating(void)
{
    FILL("f", LARGE, 'f');
    int fd = open("f", O_RDWR);
    DID(fallocate(fd, FALLOC_FL_KEEP_SIZE, LARGE, 100000));
    LOOK("f");
    DID(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 8192));
    tell_map_of(fd, LARGE);
    READ("f");
    DID(fallocate(fd, FALLOC_FL_ZERO_RANGE, 100, 5000));
    READ("f");
    DID(fallocate(fd, FALLOC_FL_ZERO_RANGE, LARGE - 10, 5000));
    LOOK("f");
    READ("f");
    DID(fallocate(fd, 0, 0, LARGE * 2));
    LOOK("f");
    DID(fallocate(fd, 0, 0, 0));
    DID(fallocate(fd, 0, -1, 5));
    DID(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 5));
    DID(posix_fallocate(fd, LARGE * 2, 10));
    LOOK("f");
    int reader = open("f", O_RDONLY);
    DID(fallocate(reader, 0, 0, 5));
}

/* ---- from file to file
 * ------------------------------------------------------------------------------------------ */

static void tell_copying_ranges(void)
{
    FILL("a", LARGE, 'a');
    FILL("b", 100, 'b');
    int a = open("a", O_RDWR);
    int b = open("b", O_RDWR);
    off_t from = 1000;
    off_t to = 50;
    DID(copy_file_range(a, &from, b, &to, 100000, 0));
    say("%lld %lld", (long long)from, (long long)to);
    READ("b");
    from = LARGE - 10;
    DID(copy_file_range(a, &from, b, &to, 100, 0));
    DID(copy_file_range(a, &from, b, &to, 100, 0));
    from = 0;
    to = 100000;
    DID(copy_file_range(a, &from, a, &to, 5000, 0));
    from = 0;
    to = 10;
    DID(copy_file_range(a, &from, a, &to, 5000, 0));
    int reader = open("b", O_RDONLY);
    DID(copy_file_range(a, NULL, reader, NULL, 10, 0));
    from = 0;
    DID(sendfile(b, a, &from, 3000));
    READ("a");
    READ("b");
    LOOK("b");
}

/* ---- ways to open
 * --------------------------------------------------------------------------------------------------
 */

static void tell_direct_io(void)
{
    void *data = NULL;
    if (posix_memalign(&data, 4096, 8192) != 0)
        return;
    memset(data, 'd', 8192);
    int fd = (int)DID(open("f", O_RDWR | O_CREAT | O_DIRECT, 0644));
    DID(pwrite(fd, data, 8192, 0));
    DID(pwrite(fd, data, 4096, 65536));
    memset(data, 0, 8192);
    DID(pread(fd, data, 8192, 4096));
    say("%c", *(char *)data);
    DID(close(fd));
    READ("f");
    FILL("large", LARGE, 'l');
    fd = open("large", O_RDWR | O_DIRECT);
    DID(pwrite(fd, data, 4096, 8192));
    int cached = open("large", O_RDONLY);
    DID(pread(cached, data, 4096, 8192));
    say("%c", *(char *)data);
    DID(close(fd));
    READ("large");
    free(data);
}

static void tell_synchronous_io(void)
{
    int fd = (int)DID(open("f", O_RDWR | O_CREAT | O_SYNC, 0644));
    DID(write(fd, "sync", 4));
    DID(close(fd));
    fd = (int)DID(open("f", O_WRONLY | O_DSYNC | O_APPEND));
    DID(write(fd, "dsync", 5));
    DID(fsync(fd));
    DID(fdatasync(fd));
    DID(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    DID(syncfs(fd) < 0 && errno != ENOSYS ? -1 : 0);
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    DID(fsync(dir));
    READ("f");
}

static void tell_path_descriptors(void)
{
    char text[16] = {0};
    FILL("f", 8, 'f');
    int fd = (int)DID(open("f", O_PATH));
    LOOK_FD("f", fd);
    DID(read(fd, text, 1));
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int again = (int)DID(open(self, O_RDWR) < 0 ? -1 : 0);
    (void)again;
    DID(chmod(self, 0600));
    LOOK("f");
    DID(rename("f", "g"));
    LOOK_FD("f", fd);
    DID(unlink("g"));
    LOOK_FD("f", fd);
}

static void tell_a_program_that_runs(void)
{
    FILL("p", 0, 'p');
    int fd = open("p", O_WRONLY);
    DID(write(fd, "#!/bin/sh\nexit 7\n", 17));
    DID(close(fd));
    DID(chmod("p", 0755));
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execl("./p", "p", (char *)NULL);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    say("it said %d", WEXITSTATUS(status));
}

/* ---- locks
 * ------------------------------------------------------------------------------------------------------------
 */

static void try_locks(void)
{
    int fd = open("f", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    DID(flock(fd, LOCK_EX | LOCK_NB));
    DID(fcntl(fd, F_SETLK, &lock));
    lock.l_start = 10;
    DID(fcntl(fd, F_SETLK, &lock));
    lock.l_start = 0;
    DID(fcntl(fd, F_GETLK, &lock));
    say("%d", lock.l_type);
}

static void tell_locks(void)
{
    FILL("f", 100, 'f');
    int fd = open("f", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    DID(flock(fd, LOCK_EX));
    DID(fcntl(fd, F_SETLK, &lock));
    AS(getuid(), getgid(), try_locks);
    DID(flock(fd, LOCK_UN));
    lock.l_type = F_UNLCK;
    DID(fcntl(fd, F_SETLK, &lock));
    AS(getuid(), getgid(), try_locks);
    lock.l_type = F_RDLCK;
    DID(fcntl(fd, F_OFD_SETLK, &lock));
}

/* ---- many
 * ----------------------------------------------------------------------------------------------------------------
 */

#define OPEN_FILES 10000

static void tell_many_open_files(void)
{
    static int fds[OPEN_FILES];
    char name[32];
    int opened = 0;
    for (int i = 0; i < OPEN_FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        fds[i] = open(name, O_RDWR | O_CREAT, 0644);
        opened += fds[i] >= 0 && write(fds[i], name, strlen(name)) > 0;
    }
    say("%d files open", opened);
    int right = 0;
    for (int i = 0; i < OPEN_FILES; i++) {
        char text[32] = {0};
        snprintf(name, sizeof name, "f%d", i);
        right += pread(fds[i], text, 31, 0) > 0 && strcmp(text, name) == 0;
        close(fds[i]);
        unlink(name);
    }
    say("%d are right", right);
}

/* ---- the tests
 * -----------------------------------------------------------------------------------------------------------
 */

#define TALE(name)                                                                                 \
    static void name##_is_as_in_a_raw_folder(void **state)                                         \
    {                                                                                              \
        assert_same_tale(*state, "rw", tell_##name);                                               \
    }

TALE(reading_and_writing)
TALE(overwriting_small_and_large)
TALE(truncating_small_and_large)
TALE(truncating_what_others_read)
TALE(limits)
TALE(appending_together)
TALE(append_that_is_toggled)
TALE(mapped_stores_beside_an_appender)
TALE(shared_mappings)
TALE(private_mappings)
TALE(mapped_files_that_are_unlinked)
TALE(holes)
TALE(allocating)
TALE(copying_ranges)
TALE(direct_io)
TALE(synchronous_io)
TALE(path_descriptors)
TALE(a_program_that_runs)
TALE(locks)

static void ten_thousand_open_files_are_ordinary(void **state)
{
    if (fd_raise_limit() < OPEN_FILES + 200) {
        print_message("SKIP: the limit of open files is too low here\n");
        skip();
    }
    assert_same_tale(*state, "rw", tell_many_open_files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_and_writing_is_as_in_a_raw_folder),
        cmocka_unit_test(overwriting_small_and_large_is_as_in_a_raw_folder),
        cmocka_unit_test(truncating_small_and_large_is_as_in_a_raw_folder),
        cmocka_unit_test(truncating_what_others_read_is_as_in_a_raw_folder),
        cmocka_unit_test(limits_is_as_in_a_raw_folder),
        cmocka_unit_test(appending_together_is_as_in_a_raw_folder),
        cmocka_unit_test(append_that_is_toggled_is_as_in_a_raw_folder),
        cmocka_unit_test(mapped_stores_beside_an_appender_is_as_in_a_raw_folder),
        cmocka_unit_test(shared_mappings_is_as_in_a_raw_folder),
        cmocka_unit_test(private_mappings_is_as_in_a_raw_folder),
        cmocka_unit_test(mapped_files_that_are_unlinked_is_as_in_a_raw_folder),
        cmocka_unit_test(holes_is_as_in_a_raw_folder),
        cmocka_unit_test(allocating_is_as_in_a_raw_folder),
        cmocka_unit_test(copying_ranges_is_as_in_a_raw_folder),
        cmocka_unit_test(direct_io_is_as_in_a_raw_folder),
        cmocka_unit_test(synchronous_io_is_as_in_a_raw_folder),
        cmocka_unit_test(path_descriptors_is_as_in_a_raw_folder),
        cmocka_unit_test(a_program_that_runs_is_as_in_a_raw_folder),
        cmocka_unit_test(locks_is_as_in_a_raw_folder),
        cmocka_unit_test(ten_thousand_open_files_are_ordinary),
    };
    if (!mount_is_possible())
        return 77;
    int failed =
        cmocka_run_group_tests_name("over /dev/fuse", tests, given_mount_over_dev, end_of_mount);
    if (transport_is_here(TRANSPORT_URING))
        failed += cmocka_run_group_tests_name("over io_uring", tests, given_mount_over_uring,
                                              end_of_mount);
    return failed;
}
