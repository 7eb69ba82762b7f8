/* forgotten.c - an undo tells the kernel what changed in a folder that somebody removes just then:
 * the kernel forgets it, and the daemon must not have let go of it before it is through. */
#include <sys/wait.h>

#include "tests/support/mount.h"

#define PAUSE_MS 400

static uint64_t event_of(struct mount *m, enum op op, const char *path)
{
    struct seen *s = mount_events(m, 0);
    const struct event *e = seen_find(s, op, path);
    assert_non_null(e);
    uint64_t id = e->id;
    seen_free(&s);
    return id;
}

static pid_t when_undone_by_another(struct mount *m, uint64_t event)
{
    char request[64];
    snprintf(request, sizeof request, "undo ids=%llu", (unsigned long long)event);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    char *reply = mount_ask(m, request);
    _exit(strncmp(reply, "ok", 2) == 0 ? 0 : 1);
}

static bool goes(const char *path)
{
    for (int waited = 0; waited < 10000; waited++) {
        if (!test_exists(AT_FDCWD, path))
            return true;
        usleep(1000);
    }
    return false;
}

static void a_folder_may_go_while_an_undo_tells_of_it(void **state)
{
    (void)state;
    char pause[32];
    snprintf(pause, sizeof pause, "told:%d", PAUSE_MS);
    struct mount *m = mount_make(NULL);
    m->options.transport = TRANSPORT_DEV;
    setenv("CCFS_PAUSE", pause, 1); /* a build without fault points does not stop there */
    mount_start(m);
    unsetenv("CCFS_PAUSE");
    assert_int_equal(mkdir(path_in(m->at, "rw/d"), 0755), 0);
    assert_int_equal(symlink("x", path_in(m->at, "rw/d/l")), 0);
    pid_t child = when_undone_by_another(m, event_of(m, OP_SYMLINK, "rw/d/l"));
    assert_true(goes(path_in(m->raw, "rw/d/l")));
    usleep(PAUSE_MS * 1000 / 4);
    assert_int_equal(rmdir(path_in(m->at, "rw/d")), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    mount_stop(m); /* it ended in order: not by a sanitizer */
    mount_remove(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_may_go_while_an_undo_tells_of_it),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
