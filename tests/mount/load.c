/* load.c - many threads at once do whatever they like; meant for the thread sanitizer.
 *
 * Nobody knows what such a load leaves behind, but mount and raw folder must show the same, every
 * inode that is gone must be on record, and no byte may be in a place where nobody wrote it. */
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/mount.h"

#define THREADS 4
#define NAMES 12
#define SECONDS 4

/* ---- random operations on few names
 * ----------------------------------------------------------------------- */

struct worker {
    int root; /* of the playground, in the mount */
    unsigned seed;
    time_t until;
    unsigned long operations;
};

static unsigned pick(struct worker *w, unsigned from)
{
    w->seed = w->seed * 1103515245u + 12345u;
    return (w->seed >> 16) % from;
}

/* Few enough that threads meet: folders d0…d3, one below another at times, and files in them. */
static void any_folder(struct worker *w, char out[64])
{
    unsigned a = pick(w, 4);
    if (pick(w, 3) == 0)
        snprintf(out, 64, "d%u/e%u", a, pick(w, 2));
    else
        snprintf(out, 64, "d%u", a);
}

static void any_file(struct worker *w, char out[64])
{
    char folder[40];
    any_folder(w, out);
    snprintf(folder, sizeof folder, "%.32s", out);
    snprintf(out, 64, "%s/f%u", folder, pick(w, NAMES));
}

static void write_some(struct worker *w)
{
    static const size_t sizes[] = {0, 10, 5000, 200000};
    char name[64];
    any_file(w, name);
    int flags = pick(w, 3) == 0 ? O_TRUNC : pick(w, 3) == 0 ? O_APPEND : 0;
    int fd = openat(w->root, name, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
    if (fd < 0)
        return;
    size_t bytes = sizes[pick(w, 4)];
    char *data = calloc(bytes + 1, 1);
    (void)!pwrite(fd, data, bytes, pick(w, 2) ? 0 : 70000);
    if (pick(w, 4) == 0)
        (void)!ftruncate(fd, pick(w, 100000));
    (void)!pread(fd, data, bytes, 0);
    free(data);
    close(fd);
}

static void look_around(struct worker *w)
{
    char name[64];
    struct stat st;
    any_file(w, name);
    fstatat(w->root, name, &st, AT_SYMLINK_NOFOLLOW);
    any_folder(w, name);
    int fd = openat(w->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    while (dir && readdir(dir))
        ;
    if (dir)
        closedir(dir);
}

static void two_names(struct worker *w, char a[64], char b[64])
{
    any_file(w, a);
    any_file(w, b);
}

static void do_one(struct worker *w)
{
    char a[64];
    char b[64];
    two_names(w, a, b);
    switch (pick(w, 14)) {
    case 0:
        renameat(w->root, a, w->root, b);
        break;
    case 1:
        renameat2(w->root, a, w->root, b, pick(w, 2) ? RENAME_EXCHANGE : RENAME_NOREPLACE);
        break;
    case 2:
        (void)!linkat(w->root, a, w->root, b, 0);
        break;
    case 3:
        (void)!symlinkat(a, w->root, b);
        break;
    case 4:
    case 5:
        unlinkat(w->root, a, 0);
        break;
    case 6:
        any_folder(w, a);
        mkdirat(w->root, a, 0755);
        break;
    case 7:
        any_folder(w, a);
        unlinkat(w->root, a, AT_REMOVEDIR);
        break;
    case 8:
        any_folder(w, a);
        any_folder(w, b);
        renameat2(w->root, a, w->root, b, pick(w, 2) ? RENAME_EXCHANGE : 0);
        break;
    case 9:
        (void)!fchmodat(w->root, a, pick(w, 2) ? 0644 : 0600, 0);
        break;
    case 10:
        look_around(w);
        break;
    default:
        write_some(w);
        break;
    }
    w->operations++;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    while (time(NULL) < w->until)
        do_one(w);
    return NULL;
}

/* In a child: the test itself stays without threads. */
static void play(const char *folder, unsigned seed)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    unsigned long operations = 0;
    int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.root = root, .seed = seed + i, .until = time(NULL) + SECONDS};
        if (root < 0 || pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            _exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        operations += workers[i].operations;
    }
    _exit(operations < 100);
}

static pid_t given_players(const char *folder, unsigned seed)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        play(folder, seed);
    return pid;
}

static void wait_for(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the tests
 * ------------------------------------------------------------------------------------------------
 */

/* What was made through the mount and is not there any more was seen to go. */
static void assert_all_on_record(struct mount *m)
{
    struct seen *s = mount_events(m, 0);
    for (size_t i = 0; i < s->count; i++) {
        const struct event *e = &s->list[i];
        assert_int_not_equal(e->outcome, OUTCOME_DENIED);
        if (e->outcome == OUTCOME_OK && e->op == OP_UNLINK && e->before.nlink == 1)
            assert_true(e->version != 0);
    }
    assert_true(s->count > 100);
    seen_free(&s);
}

static void play_on(struct mount *m, enum transport transport)
{
    m->options.transport = transport;
    mount_start(m);
    assert_int_equal(mkdir(path_in(m->at, "rw/play"), 0755), 0);
    pid_t players = given_players(path_in(m->at, "rw/play"), 1);
    for (int i = 0; i < SECONDS * 4; i++) { /* somebody always wants to know */
        mount_drain(m);
        free(mount_ask(m, "status"));
        sleep_ms(200);
    }
    wait_for(players);
    sleep_ms(1100); /* names that were read as missing may be remembered so long */
    assert_same_trees(path_in(m->raw, "rw/play"), path_in(m->at, "rw/play"));
    assert_all_on_record(m);
    mount_stop(m);
}

static void threads_that_do_as_they_like_leave_the_same_in_both(void **state)
{
    play_on(*state, TRANSPORT_DEV);
}

static void over_uring_they_do_too(void **state)
{
    if (!transport_is_here(TRANSPORT_URING))
        skip();
    play_on(*state, TRANSPORT_URING);
}

/* ---- truncations that meet
 * -------------------------------------------------------------------------------------- */

#define SAME_BYTES 200000

/* Each empties the one file and fills it with its own letter; in the end it holds one of theirs. */
static void *fill_again_and_again(void *argument)
{
    struct worker *w = argument;
    char *data = malloc(SAME_BYTES);
    memset(data, 'a' + (int)w->seed, SAME_BYTES);
    for (int i = 0; i < 60; i++) {
        int fd = openat(w->root, "same", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || pwrite(fd, data, SAME_BYTES, 0) != SAME_BYTES)
            _exit(2);
        struct stat st;
        if (fstat(fd, &st) < 0 || st.st_nlink != 1)
            _exit(3); /* it writes into something that has no name any more */
        close(fd);
    }
    free(data);
    return NULL;
}

static void fill_together(const char *folder)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.root = root, .seed = i};
        if (root < 0 || pthread_create(&threads[i], NULL, fill_again_and_again, &workers[i]) != 0)
            _exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

static void assert_versions_are_whole(struct mount *m)
{
    struct seen *s = mount_events(m, 0);
    for (size_t i = 0; i < s->count; i++) {
        const struct event *e = &s->list[i];
        if (e->op != OP_TRUNCATE || e->kept != KEPT_INODE || e->outcome != OUTCOME_OK)
            continue;
        size_t bytes;
        char *held = version_bytes(m, e, "", &bytes);
        assert_int_equal(bytes, e->before.size);
        free(held);
    }
    seen_free(&s);
}

static void truncations_that_meet_lose_nothing(void **state)
{
    struct mount *m = *state;
    mount_start(m);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        fill_together(path_in(m->at, "rw"));
    wait_for(pid);
    struct stat st;
    assert_int_equal(fstatat(m->root, "rw/same", &st, 0), 0);
    assert_int_equal(st.st_size, SAME_BYTES);
    sleep_ms(1100);
    assert_same_trees(path_in(m->raw, "rw"), path_in(m->at, "rw"));
    assert_versions_are_whole(m);
    mount_stop(m);
}

/* ---- names that go one by one
 * --------------------------------------------------------------------------------- */

static int open_descriptors(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* The kernel keeps the inodes; the daemon must not keep a descriptor of each. */
static void removing_one_of_two_names_costs_no_descriptor_each(void **state)
{
    struct mount *m = *state;
    char name[32];
    char twin[32];
    m->descriptors = 2000; /* a quarter is for what need not be open */
    mount_start(m);
    int root = open(path_in(m->at, "rw"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int before = open_descriptors(m->daemon);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        snprintf(twin, sizeof twin, "twin%d", i);
        close(openat(root, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        assert_int_equal(linkat(root, name, root, twin, 0), 0);
        assert_int_equal(unlinkat(root, twin, 0), 0);
        struct stat st;
        assert_int_equal(fstatat(root, name, &st, 0), 0);
    }
    close(root);
    assert_true(open_descriptors(m->daemon) < before + 700);
    mount_stop(m);
}

#define IN_WORKSPACE(test) cmocka_unit_test_setup_teardown(test, given_unmounted, end_of_mount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSPACE(threads_that_do_as_they_like_leave_the_same_in_both),
        IN_WORKSPACE(over_uring_they_do_too),
        IN_WORKSPACE(truncations_that_meet_lose_nothing),
        IN_WORKSPACE(removing_one_of_two_names_costs_no_descriptor_each),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
