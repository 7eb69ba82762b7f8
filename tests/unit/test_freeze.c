/* A session's processes are held still, whatever they are at, and go on. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/freeze.h"
#include "launcher/process_tree.h"
#include "tests/support/test.h"

/* … until whoever started it is gone: nothing outlives a test that fails. */
static void wait_for_ever(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

/* As after vfork(2): the parent waits in the kernel for what its child does not do.  (With a memory
 * of its own, and by number: the sanitizers make an ordinary fork of vfork().) */
static void wait_in_vfork(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
    wait_for_ever();
}

static void trace_a_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
    }
    wait_for_ever();
}

static pid_t given_session(void (*at)(void))
{
    pid_t root = fork();
    assert_true(root >= 0);
    if (root == 0) {
        at();
        _exit(0);
    }
    return root;
}

static size_t processes_of(pid_t root)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    struct error err = ERROR_NONE;
    assert_int_equal(process_tree_find(root, &tree, &err), 0);
    return tree.count;
}

static size_t until_there_are(pid_t root, size_t wanted)
{
    size_t count = processes_of(root);
    for (int i = 0; i < 6000 && count < wanted; i++) {
        usleep(10000);
        count = processes_of(root);
    }
    return count;
}

static void end_session(pid_t root)
{
    CLEANUP(process_tree_release) struct process_tree tree = {0};
    struct error err = ERROR_NONE;
    assert_int_equal(process_tree_find(root, &tree, &err), 0);
    for (size_t i = tree.count; i-- > 0;)
        kill(tree.list[i].pid, SIGKILL);
    assert_int_equal(waitpid(root, NULL, 0), root);
}

static void is_frozen_and_thawed(void (*at)(void), size_t processes)
{
    pid_t root = given_session(at);
    struct error err = ERROR_NONE;
    size_t count = 0;
    size_t begun = until_there_are(root, processes);
    int r = freeze_session(root, &count, &err);
    size_t thawed = 0;
    int back = thaw_session(root, &thawed, &err);
    end_session(root);
    assert_int_equal(begun, processes);
    assert_string_equal(err.message, "");
    assert_int_equal(r, 0);
    assert_int_equal(count, processes);
    assert_int_equal(back, 0);
}

static void what_waits_is_frozen(void **state)
{
    (void)state;
    is_frozen_and_thawed(wait_for_ever, 1);
}

static void between_vfork_and_exec_it_is_frozen(void **state)
{
    (void)state;
    is_frozen_and_thawed(wait_in_vfork, 2);
}

static void who_is_traced_is_frozen(void **state)
{
    (void)state;
    is_frozen_and_thawed(trace_a_child, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_frozen),
        cmocka_unit_test(between_vfork_and_exec_it_is_frozen),
        cmocka_unit_test(who_is_traced_is_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
