/* ends.c - a daemon ends: asked to, by a signal, killed, unmounted under load; and begins again.
 *
 * Whatever was acknowledged before is in the journal after, and no name is gone without its inode
 * in the vault.  ENDS=N: so many times each. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "journal/vault.h"
#include "tests/support/mount.h"

/* ---- a load that remembers what was acknowledged
 * ------------------------------------------------------- */

/* A shared page: which files were made, written and removed, as far as the calls have returned. */
struct ledger {
    volatile int created;
    volatile int unlinked;
    volatile int ended;
};

static void load_one(const char *folder, int i, struct ledger *done)
{
    char name[300];
    snprintf(name, sizeof name, "%s/%05d", folder, i);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, name, strlen(name)) < 0)
        _exit(0);
    close(fd);
    done->created = i + 1;
    if (i % 2 == 0)
        return;
    snprintf(name, sizeof name, "%s/%05d", folder, i - 1);
    if (unlink(name) < 0)
        _exit(0);
    done->unlinked = i;
}

static struct ledger *given_ledger(void)
{
    struct ledger *l = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(l, MAP_FAILED);
    return l;
}

static pid_t given_load(struct mount *m, struct ledger *done, int worker)
{
    char folder[200];
    snprintf(folder, sizeof folder, "%s/rw/load%d", m->at, worker);
    assert_int_equal(mkdir(folder, 0755), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 100000; i++)
            load_one(folder, i, done);
        _exit(0);
    }
    return pid;
}

static void wait_for_load(struct ledger *done)
{
    for (int i = 0; i < 12000 && done->created < 20; i++)
        sleep_ms(5);
    assert_true(done->created >= 20);
}

static void end_load(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Every removal that was acknowledged is an event with a version that holds the file's bytes. */
static void assert_nothing_lost(struct mount *m, const struct ledger *done, int worker)
{
    struct seen *s = mount_events(m, 0);
    for (int i = 0; i < done->created; i++) {
        char path[64];
        char text[300];
        snprintf(path, sizeof path, "rw/load%d/%05d", worker, i);
        snprintf(text, sizeof text, "%s/%s", m->at, path);
        assert_non_null(seen_find(s, OP_CREATE, path));
        if (i % 2 == 1 || i >= done->unlinked)
            continue;
        const struct event *e = seen_find(s, OP_UNLINK, path);
        if (!e || e->outcome != OUTCOME_OK)
            fail_msg("%s was removed, and the journal does not know", path);
        size_t bytes;
        char *held = version_bytes(m, e, "", &bytes);
        assert_int_equal(bytes, strlen(text));
        assert_memory_equal(held, text, bytes);
        free(held);
    }
    seen_free(&s);
}

/* ---- ways to end
 * ------------------------------------------------------------------------------------------ */

enum ending {
    END_SIGTERM,
    END_SIGKILL,
    END_LAZY,    /* umount -l from outside, then the load ends */
    END_CONTROL, /* the control socket, lazily */
};

static void unmount_lazily(struct mount *m)
{
    char command[300];
    snprintf(command, sizeof command, "fusermount3 -u -z -- '%s'", m->at);
    assert_true(umount2(m->at, MNT_DETACH) == 0 || system(command) == 0);
}

static void end_by(struct mount *m, enum ending how)
{
    if (how == END_SIGTERM || how == END_SIGKILL)
        assert_int_equal(kill(m->daemon, how == END_SIGTERM ? SIGTERM : SIGKILL), 0);
    if (how == END_LAZY)
        unmount_lazily(m);
    if (how == END_CONTROL)
        free(mount_ask(m, "umount lazy=1"));
}

static void check_status(int status, enum ending how)
{
    if (how == END_SIGKILL) {
        assert_true(WIFSIGNALED(status));
        return;
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void one_round(struct mount *m, enum ending how)
{
    static int worker;
    struct ledger *done = given_ledger();
    mount_start(m);
    int first = worker;
    pid_t load = given_load(m, done, worker++);
    pid_t other = given_load(m, given_ledger(), worker++);
    wait_for_load(done);
    end_by(m, how);
    if (how == END_LAZY) { /* it lives as long as somebody is inside */
        sleep_ms(50);
        end_load(load);
        end_load(other);
        check_status(mount_wait(m), how);
    } else {
        check_status(mount_wait(m), how);
        end_load(load);
        end_load(other);
    }
    if (how == END_SIGKILL)
        mount_clear(m);
    assert_false(mount_is_there(m));
    mount_start(m);
    assert_nothing_lost(m, done, first);
    mount_stop(m);
    munmap(done, 4096);
}

static void rounds(void **state, enum transport transport, enum ending how)
{
    struct mount *m = *state;
    if (!transport_is_here(transport))
        skip();
    m->options.transport = transport;
    const char *asked = getenv("ENDS");
    int count = asked ? atoi(asked) : 3;
    for (int i = 0; i < count; i++)
        one_round(m, how);
}

#define ROUNDS(name, transport, how)                                                               \
    static void name(void **state)                                                                 \
    {                                                                                              \
        rounds(state, transport, how);                                                             \
    }

ROUNDS(a_terminated_daemon_leaves_all_in_order, TRANSPORT_DEV, END_SIGTERM)
ROUNDS(a_killed_daemon_loses_nothing_that_was_acknowledged, TRANSPORT_DEV, END_SIGKILL)
ROUNDS(a_lazy_unmount_ends_when_the_last_one_leaves, TRANSPORT_DEV, END_LAZY)
ROUNDS(the_control_socket_ends_it_under_load, TRANSPORT_DEV, END_CONTROL)
ROUNDS(over_uring_a_terminated_daemon_leaves_all_in_order, TRANSPORT_URING, END_SIGTERM)
ROUNDS(over_uring_a_killed_daemon_loses_nothing, TRANSPORT_URING, END_SIGKILL)
ROUNDS(over_uring_a_lazy_unmount_ends_when_the_last_one_leaves, TRANSPORT_URING, END_LAZY)
ROUNDS(over_uring_the_control_socket_ends_it_under_load, TRANSPORT_URING, END_CONTROL)

/* ---- one at a time
 * ------------------------------------------------------------------------------------------ */

static void a_second_daemon_on_a_workspace_is_refused(void **state)
{
    struct mount *m = *state;
    struct mount other = *m;
    mount_start(m);
    snprintf(other.at, sizeof other.at, "%s/other", m->base);
    assert_int_equal(mkdir(other.at, 0755), 0);
    other.options.mountpoint = other.at;
    assert_int_equal(mount_try(&other), -EBUSY);
    assert_false(mount_is_there(&other));
    close((int)open(path_in(m->at, "rw/still here"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    assert_true(test_exists(m->root, "rw/still here"));
    mount_stop(m);
}

static void a_busy_mount_is_not_removed_unless_lazily(void **state)
{
    struct mount *m = *state;
    mount_start(m);
    int fd = open(path_in(m->at, "rw/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    char *reply = mount_ask(m, "umount");
    assert_true(strncmp(reply, "err 16 ", 7) == 0);
    free(reply);
    assert_true(mount_is_there(m));
    assert_int_equal(write(fd, "works", 5), 5);
    reply = mount_ask(m, "umount-if-idle");
    assert_string_equal(reply, "ok"); /* no session lives */
    free(reply);
    check_status(mount_wait(m), END_CONTROL);
    close(fd);
    assert_false(mount_is_there(m));
    assert_file_is(m->root, "rw/file", "works", 5);
}

static void open_handles_are_recorded_before_the_end(void **state)
{
    struct mount *m = *state;
    test_file_text(m->root, "rw/file", "old content");
    mount_start(m);
    int fd = open(path_in(m->at, "rw/file"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "new", 3), 3);
    assert_int_equal(kill(m->daemon, SIGTERM), 0);
    check_status(mount_wait(m), END_SIGTERM);
    close(fd);
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_OK);
    assert_int_equal(e->range_count, 1);
    size_t bytes;
    char *held = version_bytes(m, e, "", &bytes);
    assert_memory_equal(held, "old content", 11);
    free(held);
    seen_free(&s);
}

static void a_write_session_that_was_cut_off_is_settled(void **state)
{
    struct mount *m = *state;
    test_file_text(m->root, "rw/file", "old content");
    mount_start(m);
    int fd = open(path_in(m->at, "rw/file"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "new", 3), 3);
    assert_int_equal(kill(m->daemon, SIGKILL), 0);
    mount_wait(m);
    close(fd);
    mount_clear(m);
    mount_start(m);
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, OP_WRITE, "rw/file");
    assert_non_null(e);
    assert_int_equal(e->outcome, OUTCOME_OK);
    size_t bytes;
    char *held = version_bytes(m, e, "", &bytes);
    assert_memory_equal(held, "old content", 11);
    free(held);
    seen_free(&s);
    mount_stop(m);
}

static void a_mountpoint_that_is_gone_is_an_error(void **state)
{
    struct mount *m = *state;
    assert_int_equal(rmdir(m->at), 0);
    assert_true(mount_try(m) < 0);
    assert_int_equal(mkdir(m->at, 0755), 0);
    mount_start(m); /* the workspace was left as it was */
    mount_stop(m);
}

/* ---- what the host's user does
 * ------------------------------------------------------------------------------- */

#define SOON_MS 1300

static bool soon(struct mount *m, const char *name, off_t size)
{
    struct stat st;
    for (int waited = 0; waited < SOON_MS; waited += 20) {
        int r = lstat(path_in(m->at, name), &st);
        if (size < 0 ? r < 0 && errno == ENOENT : r == 0 && st.st_size == size)
            return true;
        sleep_ms(20);
    }
    return false;
}

static void changes_from_outside_are_seen_soon(void **state)
{
    struct mount *m = *state;
    struct stat st;
    mount_start(m);
    test_file_text(m->root, "rw/file", "one");
    assert_true(soon(m, "rw/file", 3));
    test_file_text(m->root, "rw/file", "four");
    assert_true(soon(m, "rw/file", 4));
    assert_file_is(AT_FDCWD, path_in(m->at, "rw/file"), "four", 4);
    assert_int_equal(lstat(path_in(m->at, "rw/missing"), &st), -1);
    test_file_text(m->root, "rw/missing", "now there");
    assert_true(soon(m, "rw/missing", 9));
    assert_int_equal(renameat(m->root, "rw/file", m->root, "rw/moved"), 0);
    assert_true(soon(m, "rw/file", -1));
    assert_true(soon(m, "rw/moved", 4));
    assert_int_equal(unlinkat(m->root, "rw/moved", 0), 0);
    assert_true(soon(m, "rw/moved", -1));
    mount_stop(m);
}

/* A name that means another inode now must never lead to the old one's zone or content. */
static void a_file_replaced_from_outside_is_the_new_one(void **state)
{
    struct mount *m = *state;
    struct stat raw;
    struct stat seen;
    test_file_text(m->root, "rw/file", "old");
    mount_start(m);
    assert_file_is(AT_FDCWD, path_in(m->at, "rw/file"), "old", 3);
    test_file_text(m->root, "rw/other", "new content");
    assert_int_equal(renameat(m->root, "rw/other", m->root, "rw/file"), 0);
    assert_true(soon(m, "rw/file", 11));
    assert_int_equal(fstatat(m->root, "rw/file", &raw, 0), 0);
    assert_int_equal(stat(path_in(m->at, "rw/file"), &seen), 0);
    assert_int_equal(raw.st_ino, seen.st_ino);
    assert_file_is(AT_FDCWD, path_in(m->at, "rw/file"), "new content", 11);
    mount_stop(m);
}

#define IN_WORKSPACE(test) cmocka_unit_test_setup_teardown(test, given_unmounted, end_of_mount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSPACE(a_terminated_daemon_leaves_all_in_order),
        IN_WORKSPACE(a_killed_daemon_loses_nothing_that_was_acknowledged),
        IN_WORKSPACE(a_lazy_unmount_ends_when_the_last_one_leaves),
        IN_WORKSPACE(the_control_socket_ends_it_under_load),
        IN_WORKSPACE(over_uring_a_terminated_daemon_leaves_all_in_order),
        IN_WORKSPACE(over_uring_a_killed_daemon_loses_nothing),
        IN_WORKSPACE(over_uring_a_lazy_unmount_ends_when_the_last_one_leaves),
        IN_WORKSPACE(over_uring_the_control_socket_ends_it_under_load),
        IN_WORKSPACE(a_second_daemon_on_a_workspace_is_refused),
        IN_WORKSPACE(a_busy_mount_is_not_removed_unless_lazily),
        IN_WORKSPACE(open_handles_are_recorded_before_the_end),
        IN_WORKSPACE(a_write_session_that_was_cut_off_is_settled),
        IN_WORKSPACE(a_mountpoint_that_is_gone_is_an_error),
        IN_WORKSPACE(changes_from_outside_are_seen_soon),
        IN_WORKSPACE(a_file_replaced_from_outside_is_the_new_one),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
