/* passthrough.c - files that the kernel reads and writes without us: what was there before is kept
 * all the same, every change has its event, and nobody meets an error that a raw folder does not
 * know. */
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "tests/support/mount.h"

#define SMALL 5000u
#define LARGE (300u * 1024) /* beyond what is copied whole */

/* ---- what every story begins with
 * ------------------------------------------------------------------ */

static char *given_file(struct mount *m, const char *name, size_t bytes)
{
    char *data = malloc(bytes + 1);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)('a' + (i / 4096 * 7 + i) % 26);
    data[bytes] = '\0';
    test_file_write(m->root, name, data, bytes);
    return data;
}

static int at_mount(struct mount *m, const char *name, int flags)
{
    int fd = open(path_in(m->at, name), flags | O_CLOEXEC, 0644);
    if (fd < 0)
        fail_msg("open %s: %s", name, strerror(errno));
    return fd;
}

static void write_at(int fd, const char *text, off_t at)
{
    assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
}

static struct event only_write(struct mount *m, const char *path, struct seen **s)
{
    *s = mount_events_ended(m, 0);
    if (seen_count(*s, OP_WRITE, path) != 1)
        fail_msg("%zu writes of %s", seen_count(*s, OP_WRITE, path), path);
    return *seen_find(*s, OP_WRITE, path);
}

static void assert_no_write(struct mount *m, const char *path)
{
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, path), 0);
    seen_free(&s);
}

static void assert_keeps(struct mount *m, const struct event *e, const char *data, size_t bytes)
{
    size_t kept = 0;
    char *held = version_bytes(m, e, path_in(m->raw, e->path), &kept);
    assert_int_equal(kept, bytes);
    assert_memory_equal(held, data, bytes);
    free(held);
}

static bool status_says(struct mount *m, const char *what)
{
    char *status = mount_ask(m, "status");
    bool says = strstr(status, what) != NULL;
    free(status);
    return says;
}

/* ---- one writer
 * ---------------------------------------------------------------------------------------- */

static void a_new_file_is_one_event_of_all_its_bytes(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    int fd = at_mount(m, "rw/new", O_WRONLY | O_CREAT);
    write_at(fd, "hello", 0);
    write_at(fd, "world", 100000);
    write_at(fd, "HELLO", 0);
    close(fd);
    struct event e = only_write(m, "rw/new", &s);
    assert_int_equal(e.outcome, OUTCOME_OK);
    assert_int_equal(e.actor.pid, getpid());
    assert_int_equal(e.version, 0);
    assert_int_equal(e.before.size, 0);
    assert_int_equal(e.after.size, 100005);
    assert_int_equal(e.range_count, 1);
    assert_int_equal(e.ranges[0].length, 100005);
    seen_free(&s);
}

static void what_a_small_file_held_is_kept_and_the_difference_told(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", SMALL);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "XXXX", 100);
    write_at(fd, "YY", 4000);
    write_at(fd, "Z", SMALL);
    close(fd);
    struct event e = only_write(m, "rw/file", &s);
    assert_int_equal(e.range_count, 3);
    assert_int_equal(e.ranges[0].offset, 100);
    assert_int_equal(e.ranges[0].length, 4);
    assert_int_equal(e.ranges[2].offset, SMALL);
    assert_keeps(m, &e, data, SMALL);
    seen_free(&s);
    free(data);
}

static void who_opens_for_writing_and_writes_nothing_leaves_no_event(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", SMALL));
    sleep_ms(100);
    close(at_mount(m, "rw/file", O_RDWR));
    close(at_mount(m, "rw/file", O_WRONLY));
    free(given_file(m, "rw/young", SMALL)); /* its times tell nothing yet */
    close(at_mount(m, "rw/young", O_RDWR));
    close(at_mount(m, "rw/empty", O_RDWR | O_CREAT));
    assert_no_write(m, "rw/file");
    assert_no_write(m, "rw/young");
    assert_no_write(m, "rw/empty");
}

/* Times that are put back do not hide a change. */
static void a_change_is_found_whatever_the_times_say(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    struct stat before;
    char *data = given_file(m, "rw/file", SMALL);
    assert_int_equal(stat(path_in(m->raw, "rw/file"), &before), 0);
    sleep_ms(100);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "XXXX", 100);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    struct event e = only_write(m, "rw/file", &s);
    assert_keeps(m, &e, data, SMALL);
    seen_free(&s);
    free(data);
}

static void whoever_asks_meanwhile_is_told(void **state)
{
    struct mount *m = *state;
    int fd = at_mount(m, "rw/new", O_WRONLY | O_CREAT);
    write_at(fd, "hello", 0);
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/new");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_OPEN);
    assert_int_equal(e->after.size, 5);
    seen_free(&s);
    close(fd);
    seen_free(&(struct seen *){mount_events_ended(m, 0)});
}

static void what_happens_to_an_open_file_is_told_beside_its_session(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    int fd = at_mount(m, "rw/new", O_RDWR | O_CREAT);
    write_at(fd, "hello", 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    write_at(fd, "world", 0);
    assert_int_equal(ftruncate(fd, 2), 0);
    write_at(fd, "behind", 2);
    assert_int_equal(rename(path_in(m->at, "rw/new"), path_in(m->at, "rw/moved")), 0);
    write_at(fd, "last", 0);
    close(fd);
    s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_CHMOD, "rw/new"), 1);
    assert_int_equal(seen_count(s, OP_TRUNCATE, "rw/new"), 1);
    const struct event *cut = seen_find(s, OP_TRUNCATE, "rw/new");
    assert_keeps(m, cut, "world", 5);
    const struct event *behind = seen_find(s, OP_WRITE, "rw/new"); /* the newest */
    assert_true(behind->id > cut->id);
    assert_int_equal(behind->before.size, 2);
    assert_int_equal(behind->after.size, 8);
    assert_keeps(m, behind, "wo", 2);
    seen_free(&s);
}

static void undo(struct mount *m, const struct seen *s, enum op op, const char *path)
{
    char request[64];
    const struct event *e = seen_find(s, op, path);
    assert_non_null(e);
    snprintf(request, sizeof request, "undo ids=%llu", (unsigned long long)e->id);
    char *reply = mount_ask(m, request);
    if (strncmp(reply, "ok", 2) != 0)
        fail_msg("%s: %s", request, reply);
    free(reply);
}

static void a_session_that_went_on_behind_other_events_can_be_taken_back(void **state)
{
    struct mount *m = *state;
    struct stat st;
    char *data = given_file(m, "rw/file", SMALL);
    assert_int_equal(chmod(path_in(m->raw, "rw/file"), 0644), 0);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "first", 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    sleep_ms(20);
    write_at(fd, "second", 10);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    undo(m, s, OP_CHMOD, "rw/file");
    assert_int_equal(stat(path_in(m->raw, "rw/file"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    undo(m, s, OP_WRITE, "rw/file");
    assert_file_is(m->root, "rw/file", data, SMALL);
    seen_free(&s);
    free(data);
}

static void a_removed_file_that_is_still_written_spares_its_old_content(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", SMALL);
    int fd = at_mount(m, "rw/file", O_RDWR);
    assert_int_equal(unlink(path_in(m->at, "rw/file")), 0);
    write_at(fd, "late", 0);
    close(fd);
    s = mount_events_ended(m, 0);
    const struct event *gone = seen_find(s, OP_UNLINK, "rw/file");
    const struct event *late = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(gone);
    assert_non_null(late);
    assert_true(late->id > gone->id);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 1); /* nothing was written before */
    size_t kept = 0;
    char *held = version_bytes(m, late, "", &kept);
    assert_int_equal(kept, SMALL);
    assert_memory_equal(held, data, SMALL);
    free(held);
    seen_free(&s);
    free(data);
}

/* ---- mappings
 * ---------------------------------------------------------------------------------------- */

static void a_mapping_that_outlives_its_file_is_still_recorded(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", SMALL);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    close(fd);
    sleep_ms(100);
    s = mount_events(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 1); /* open: nobody knows yet */
    seen_free(&s);
    memcpy(map + 10, "stored", 6);
    s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_OPEN);
    assert_int_equal(e->range_count, 1);
    assert_int_equal(e->ranges[0].offset, 10);
    assert_int_equal(e->ranges[0].length, 6);
    seen_free(&s);
    memcpy(map + 20, "stored", 6);
    assert_int_equal(munmap(map, SMALL), 0);
    struct event ended = only_write(m, "rw/file", &s);
    assert_int_equal(ended.outcome, OUTCOME_OK);
    assert_keeps(m, &ended, data, SMALL);
    seen_free(&s);
    free(data);
}

static void a_mapping_that_is_only_read_leaves_no_event(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", SMALL));
    sleep_ms(100);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    close(fd);
    assert_int_equal(map[0], 'a');
    munmap(map, SMALL);
    assert_no_write(m, "rw/file");
}

static void a_mapping_is_recorded_where_nobody_could_look_for_it(void **state)
{
    struct mount *m = *state;
    struct rlimit limit;
    struct seen *s;
    char *data = given_file(m, "rw/file", SMALL);
    sleep_ms(100);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(prlimit(m->daemon, RLIMIT_NOFILE, NULL, &limit), 0);
    const struct rlimit none = {3, limit.rlim_max};
    assert_int_equal(prlimit(m->daemon, RLIMIT_NOFILE, &none, NULL), 0);
    close(fd);
    sleep_ms(200);
    assert_int_equal(prlimit(m->daemon, RLIMIT_NOFILE, &limit, NULL), 0);
    memcpy(map, "stored", 6);
    munmap(map, SMALL);
    struct event write = only_write(m, "rw/file", &s);
    assert_keeps(m, &write, data, SMALL);
    seen_free(&s);
    free(data);
}

static void who_truncates_to_read_keeps_no_session_open(void **state)
{
    static const int ways[] = {O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT};
    struct mount *m = *state;
    struct seen *s;
    free(given_file(m, "rw/0", SMALL));
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char name[] = {'r', 'w', '/', (char)('0' + i), '\0'};
        int reader = at_mount(m, name, ways[i]);
        int fd = at_mount(m, name, O_RDWR);
        write_at(fd, "written", 0);
        close(fd);
        close(reader);
        only_write(m, name, &s);
        seen_free(&s);
    }
}

/* A page that is dirty already takes the next store without a fault, and its file keeps its time.
 */
static void a_store_behind_another_ones_open_is_recorded_too(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", SMALL);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    memcpy(map, "first", 5);
    sleep_ms(100);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int own = open(path_in(m->at, "rw/file"), O_RDWR);
        (void)!write(ends[1], own < 0 ? "n" : "y", 1);
        pause();
    }
    char opened = 'n';
    assert_int_equal(read(ends[0], &opened, 1), 1);
    assert_int_equal(opened, 'y');
    memcpy(map, "other", 5);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
    close(ends[1]);
    munmap(map, SMALL);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 2);
    memcpy(data, "first", 5);
    assert_keeps(m, seen_find(s, OP_WRITE, "rw/file"), data, SMALL);
    seen_free(&s);
    free(data);
}

/* There a store into a page that was read before leaves the file's times as they were. */
static void a_store_in_memory_alone_is_recorded(void **state)
{
    struct mount *m = mount_make("/dev/shm");
    struct seen *s;
    *state = m;
    mount_start(m);
    char *data = given_file(m, "rw/file", SMALL);
    sleep_ms(100);
    int fd = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(map[0], data[0]);
    memcpy(map, "stored", 6);
    assert_int_equal(munmap(map, SMALL), 0);
    close(fd);
    struct event write = only_write(m, "rw/file", &s);
    assert_keeps(m, &write, data, SMALL);
    seen_free(&s);
    free(data);
}

/* ---- several at once
 * --------------------------------------------------------------------------------- */

static void a_large_file_keeps_only_its_blocks_beside_a_reader(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char byte = 0;
    char *data = given_file(m, "rw/file", LARGE);
    int reader = at_mount(m, "rw/file", O_RDONLY);
    const char *map = mmap(NULL, LARGE, PROT_READ, MAP_SHARED, reader, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    int writer = at_mount(m, "rw/file", O_WRONLY);
    write_at(writer, "X", 200000);
    assert_int_equal(map[200000], 'X');
    assert_int_equal(pread(reader, &byte, 1, 200000), 1);
    assert_int_equal(byte, 'X');
    close(writer);
    struct event e = only_write(m, "rw/file", &s);
    assert_true(e.kept == KEPT_BLOCKS || e.kept == KEPT_CLONE);
    assert_keeps(m, &e, data, LARGE);
    seen_free(&s);
    munmap((void *)(uintptr_t)map, LARGE);
    close(reader);
    free(data);
}

/* Every other block, so that no two of them are kept as one. */
static void overwrite(struct mount *m, const char *name, char with)
{
    char block[4096];
    memset(block, with, sizeof block);
    int fd = at_mount(m, name, O_WRONLY);
    for (off_t at = 0; at + 4096 <= (off_t)LARGE; at += 8192)
        assert_int_equal(pwrite(fd, block, sizeof block, at), sizeof block);
    close(fd);
}

static char *bytes_of(struct mount *m, const char *name)
{
    char *data = malloc(LARGE);
    CLEANUP(fd_close) int fd = open(path_in(m->raw, name), O_RDONLY | O_CLOEXEC);
    assert_non_null(data);
    assert_int_equal(fd_pread_all(fd, data, LARGE, 0), 0);
    return data;
}

/* Each time the old bytes must be right; at last they were there before anybody asked. */
static void a_large_file_that_is_written_again_and_again_passes_through(void **state)
{
    struct mount *m = *state;
    enum kept kept = KEPT_BLOCKS;
    free(given_file(m, "rw/file", LARGE));
    for (int i = 0; i < 100 && kept == KEPT_BLOCKS; i++) {
        char *before = bytes_of(m, "rw/file");
        overwrite(m, "rw/file", (char)('A' + i % 26));
        struct seen *s = mount_events_ended(m, 0);
        const struct event *e = seen_find(s, OP_WRITE, "rw/file");
        assert_non_null(e);
        assert_keeps(m, e, before, LARGE);
        kept = e->kept;
        seen_free(&s);
        free(before);
        sleep_ms(100);
    }
    assert_int_not_equal(kept, KEPT_BLOCKS);
}

static void what_was_kept_ahead_is_not_used_for_a_file_that_changed_meanwhile(void **state)
{
    struct mount *m = *state;
    free(given_file(m, "rw/file", LARGE));
    for (int i = 0; i < 5; i++) {
        overwrite(m, "rw/file", (char)('A' + i));
        struct seen *first = mount_events_ended(m, 0);
        seen_free(&first);
        sleep_ms(i * 40); /* before, while and after it is kept */
        int raw = open(path_in(m->raw, "rw/file"), O_WRONLY | O_CLOEXEC);
        write_at(raw, "outside", 4096 * (off_t)i + 5);
        close(raw);
        char *before = bytes_of(m, "rw/file");
        overwrite(m, "rw/file", (char)('a' + i));
        struct seen *s = mount_events_ended(m, 0);
        const struct event *e = seen_find(s, OP_WRITE, "rw/file");
        assert_non_null(e);
        assert_keeps(m, e, before, LARGE);
        seen_free(&s);
        free(before);
    }
}

static void one_that_may_be_mapped_beside_a_reader_is_kept_whole(void **state)
{
    struct mount *m = *state;
    struct seen *s;
    char *data = given_file(m, "rw/file", LARGE);
    int reader = at_mount(m, "rw/file", O_RDONLY);
    int writer = at_mount(m, "rw/file", O_RDWR);
    char *map = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    map[100000] = 'X';
    munmap(map, LARGE);
    close(writer);
    struct event e = only_write(m, "rw/file", &s);
    assert_true(e.kept == KEPT_COPY || e.kept == KEPT_CLONE);
    assert_keeps(m, &e, data, LARGE);
    seen_free(&s);
    close(reader);
    free(data);
}

static void open_in_any_way(const char *path, unsigned seed)
{
    static const int ways[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_APPEND};
    int held[4] = {-1, -1, -1, -1};
    char byte = 'x';
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245u + 12345u;
        int *fd = &held[(seed >> 8) % COUNT_OF(held)];
        int flags = ways[(seed >> 16) % COUNT_OF(ways)];
        fd_close(fd);
        *fd = open(path, flags | O_CLOEXEC);
        if (*fd < 0)
            _exit(errno);
        bool reads = (flags & O_ACCMODE) == O_RDONLY;
        ssize_t n = reads ? pread(*fd, &byte, 1, 10) : pwrite(*fd, &byte, 1, (off_t)(seed % LARGE));
        if (n != 1)
            _exit(200);
    }
    _exit(0);
}

static void opens_of_every_kind_never_get_in_each_others_way(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", LARGE);
    char path[300];
    snprintf(path, sizeof path, "%s", path_in(m->at, "rw/file"));
    fflush(NULL);
    for (unsigned i = 0; i < 4; i++)
        if (fork() == 0)
            open_in_any_way(path, i * 77 + 1);
    for (int i = 0; i < 4; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        if (status != 0)
            fail_msg("an open or a write failed: %s", strerror(WEXITSTATUS(status)));
    }
    struct seen *s = mount_events_ended(m, 0);
    for (size_t i = s->count; i-- > 0;) /* oldest: what all of them began with */
        if (s->list[i].op == OP_WRITE && s->list[i].version) {
            assert_true(s->list[i].before.size >= LARGE);
            break;
        }
    assert_true(seen_count(s, OP_WRITE, "rw/file") > 0);
    seen_free(&s);
    free(data);
}

static void a_second_writer_is_named_as_inferred(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", SMALL);
    int fd = at_mount(m, "rw/file", O_RDWR);
    write_at(fd, "mine", 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int own = open(path_in(m->at, "rw/file"), O_RDWR);
        _exit(own < 0 || pwrite(own, "yours", 5, 10) != 5);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 2);
    const struct event *second = seen_find(s, OP_WRITE, "rw/file");
    assert_int_equal(second->actor.pid, pid);
    assert_true(second->flags & EVENT_INFERRED);
    memcpy(data, "mine", 4);
    assert_keeps(m, second, data, SMALL);
    seen_free(&s);
    free(data);
}

/* ---- what must be seen
 * ------------------------------------------------------------------------------- */

static void a_write_still_takes_setuid_away(void **state)
{
    struct mount *m = *state;
    struct stat st;
    free(given_file(m, "setid/file", SMALL));
    assert_int_equal(chmod(path_in(m->raw, "setid/file"), 06755), 0);
    assert_int_equal(chmod(path_in(m->raw, "setid"), 0777), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int reader = open(path_in(m->at, "setid/file"), O_RDONLY);
        int fd = open(path_in(m->at, "setid/file"), O_RDWR);
        if (reader < 0 || fd < 0)
            _exit(1);
        if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        _exit(pwrite(fd, "x", 1, 0) != 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(stat(path_in(m->raw, "setid/file"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
}

static void it_can_be_switched_off(void **state)
{
    struct mount *m = mount_make(NULL);
    *state = m;
    m->options.passthrough = false;
    mount_start(m);
    assert_true(status_says(m, "passthrough=no"));
    close(at_mount(m, "rw/new", O_RDWR | O_CREAT));
}

static void a_normal_user_has_all_go_through_the_daemon(void **state)
{
    const struct passwd *games = getpwnam("games"); /* fusermount3 wants a user with a name */
    if (getuid() != 0 || !games || access("/usr/bin/fusermount3", X_OK) < 0) {
        print_message("SKIP: needs fusermount3, and root to be two users\n");
        skip();
    }
    struct mount *m = mount_make(NULL);
    *state = m;
    mount_give_to(m, games->pw_uid);
    mount_start(m);
    assert_true(status_says(m, "passthrough=no"));
}

/* ---- the daemon's death
 * ------------------------------------------------------------------------------- */

static void what_was_written_unseen_survives_the_daemon(void **state)
{
    struct mount *m = *state;
    char *data = given_file(m, "rw/file", SMALL);
    free(given_file(m, "rw/idle", SMALL));
    sleep_ms(100);
    int idle = at_mount(m, "rw/idle", O_RDWR);
    int fd = at_mount(m, "rw/file", O_RDWR);
    struct stat old;
    assert_int_equal(fstat(fd, &old), 0);
    write_at(fd, "XXXX", 100);
    const struct timespec again[2] = {old.st_atim, old.st_mtim}; /* its time tells nothing */
    assert_int_equal(utimensat(AT_FDCWD, path_in(m->at, "rw/file"), again, 0), 0);
    assert_int_equal(kill(m->daemon, SIGKILL), 0);
    mount_wait(m);
    close(fd);
    close(idle);
    mount_clear(m);
    mount_start(m);
    struct seen *s = mount_events_ended(m, 0);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/file"), 1);
    assert_int_equal(seen_count(s, OP_WRITE, "rw/idle"), 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_true(e->flags & EVENT_SETTLED);
    assert_keeps(m, e, data, SMALL);
    seen_free(&s);
    free(data);
}

#define MOUNTED(test) cmocka_unit_test_setup_teardown(test, given_mount, end_of_mount)

static bool passthrough_is_here(void)
{
    void *state = NULL;
    given_mount(&state);
    bool here = status_says(state, "passthrough=yes");
    end_of_mount(&state);
    if (!here)
        print_message(
            "SKIP: the kernel passes no files through here (6.9 or newer, CAP_SYS_ADMIN)\n");
    return here;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOUNTED(a_new_file_is_one_event_of_all_its_bytes),
        MOUNTED(what_a_small_file_held_is_kept_and_the_difference_told),
        MOUNTED(who_opens_for_writing_and_writes_nothing_leaves_no_event),
        MOUNTED(a_change_is_found_whatever_the_times_say),
        MOUNTED(whoever_asks_meanwhile_is_told),
        MOUNTED(what_happens_to_an_open_file_is_told_beside_its_session),
        MOUNTED(a_session_that_went_on_behind_other_events_can_be_taken_back),
        MOUNTED(a_removed_file_that_is_still_written_spares_its_old_content),
        MOUNTED(a_mapping_that_outlives_its_file_is_still_recorded),
        MOUNTED(a_mapping_that_is_only_read_leaves_no_event),
        MOUNTED(a_mapping_is_recorded_where_nobody_could_look_for_it),
        MOUNTED(who_truncates_to_read_keeps_no_session_open),
        MOUNTED(a_store_behind_another_ones_open_is_recorded_too),
        cmocka_unit_test_teardown(a_store_in_memory_alone_is_recorded, end_of_mount),
        MOUNTED(a_large_file_keeps_only_its_blocks_beside_a_reader),
        MOUNTED(a_large_file_that_is_written_again_and_again_passes_through),
        MOUNTED(what_was_kept_ahead_is_not_used_for_a_file_that_changed_meanwhile),
        MOUNTED(one_that_may_be_mapped_beside_a_reader_is_kept_whole),
        MOUNTED(opens_of_every_kind_never_get_in_each_others_way),
        MOUNTED(a_second_writer_is_named_as_inferred),
        MOUNTED(a_write_still_takes_setuid_away),
        cmocka_unit_test_teardown(it_can_be_switched_off, end_of_mount),
        cmocka_unit_test_teardown(a_normal_user_has_all_go_through_the_daemon, end_of_mount),
        MOUNTED(what_was_written_unseen_survives_the_daemon),
    };
    if (!mount_is_possible() || !passthrough_is_here())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
