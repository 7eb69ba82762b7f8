/* Two programs on one file, one of which closes it just when the other one opens it to write:
 * whatever the second one writes is on record, and the vault holds of the removed file what the
 * journal says. */
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "tests/support/timeline.h"

#define MEETINGS 300
#define GO_ON "."

static void write_once(const char *path, const char *text, int go, int ready)
{
    char byte;
    int fd = -1;
    while (read(go, &byte, 1) == 1) {
        if (byte == 'o' || byte == 'b')
            fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0 && pwrite(fd, text, strlen(text), byte == 'b' ? 100 : 0) < 0)
            _exit(1);
        if (byte != 'o')
            fd_close(&fd);
        if (write(ready, GO_ON, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

struct writer {
    pid_t pid;
    int go;
    int ready;
};

static struct writer start(const char *path, const char *text, int others)
{
    int go[2];
    int ready[2];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(go[1]);
        if (others >= 0)
            close(others); /* else the other one never hears that it is over */
        write_once(path, text, go[0], ready[1]);
    }
    close(go[0]);
    close(ready[1]);
    return (struct writer){pid, go[1], ready[0]};
}

static void tell(const struct writer *w, char what)
{
    assert_int_equal(write(w->go, &what, 1), 1);
}

static void wait_for(const struct writer *w)
{
    char byte;
    assert_int_equal(read(w->ready, &byte, 1), 1);
}

static void end(struct writer *w)
{
    int status = 0;
    close(w->go);
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    assert_int_equal(status, 0);
    close(w->ready);
}

static void what_is_written_while_another_one_leaves_is_on_record(void **state)
{
    struct mount *m = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/rw/f", m->at);
    struct writer leaves = start(path, "written by who leaves", -1);
    struct writer comes = start(path, "written by who comes", leaves.go);
    for (int i = 0; i < MEETINGS; i++) {
        tell(&leaves, 'o');
        wait_for(&leaves);
        tell(&leaves, 'c');
        tell(&comes, 'b');
        wait_for(&leaves);
        wait_for(&comes);
        assert_int_equal(unlink(path), 0);
    }
    end(&comes);
    end(&leaves);
    mount_stop(m);
    assert_verified(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_while_another_one_leaves_is_on_record,
                                        given_mount, end_of_mount),
    };
    if (!mount_is_possible())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
