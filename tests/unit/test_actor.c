/* test_actor.c - a thread is told from its successors, a process has one row, a session follows its
 * root. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "journal/actor.h"
#include "journal/actor_proc.h"
#include "tests/support/test.h"

enum {
    SEEN_MAX = 256
};

struct seen {
    int count;
    struct actor actors[SEEN_MAX];
    char exes[SEEN_MAX][128];
    char cmdlines[SEEN_MAX][128];
};
static struct seen seen;

static uint64_t remember(void *context, const struct actor *a)
{
    struct seen *s = context;
    assert_true(s->count < SEEN_MAX);
    snprintf(s->exes[s->count], sizeof s->exes[0], "%s", a->exe ? a->exe : "");
    snprintf(s->cmdlines[s->count], sizeof s->cmdlines[0], "%s", a->cmdline ? a->cmdline : "");
    s->actors[s->count] = *a;
    return (uint64_t)++s->count;
}

static int make_actors(void **state)
{
    seen.count = 0;
    *state = actors_new(remember, &seen);
    return *state ? 0 : -1;
}

static int free_actors(void **state)
{
    struct actors *a = *state;
    actors_free(&a);
    return 0;
}

/* A child that sleeps, with a pipe that tells when it is there. */
static pid_t given_a_child(const char *program)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (program)
            execlp(program, program, "1000", (char *)NULL);
        if (write(ready[1], "+", 1) < 0)
            _exit(1);
        pause();
    }
    close(ready[1]);
    assert_true(read(ready[0], &byte, 1) >= 0); /* a byte, or the end by exec */
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static struct actor_ref find(struct actors *a, pid_t pid)
{
    return actors_find(a, pid, getuid(), getgid());
}

static void nobody_is_nobody(void **state)
{
    assert_int_equal(find(*state, 0).actor, 0);
    assert_int_equal(find(*state, -5).actor, 0);
    assert_int_equal(find(*state, 0x3fffffff).actor, 0); /* no such process */
    assert_int_equal(seen.count, 0);
}

static void a_process_and_its_parents_get_one_row_each(void **state)
{
    struct actor_ref first = find(*state, getpid());
    int count = seen.count;
    assert_int_equal(first.actor, count); /* parents come first */
    assert_int_equal(find(*state, getpid()).actor, first.actor);
    usleep(300000); /* looked at again */
    assert_int_equal(find(*state, getpid()).actor, first.actor);
    assert_int_equal(seen.count, count);
    const struct actor *me = &seen.actors[first.actor - 1];
    assert_int_equal(me->pid, getpid());
    assert_true(me->started > 0);
    assert_non_null(strstr(seen.exes[first.actor - 1], "actor"));
    assert_true(count < 2 || seen.actors[me->parent - 1].pid == getppid());
}

static void an_exec_makes_another_actor_with_the_same_pid(void **state)
{
    int go[2];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        if (read(go[0], &byte, 1) == 1)
            execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(1);
    }
    struct actor_ref before = find(*state, pid);
    assert_int_equal(write(go[1], "+", 1), 1);
    struct actor_ref after = before;
    for (int i = 0; i < 12000 && after.actor == before.actor; i++) {
        usleep(5000);
        after = find(*state, pid);
    }
    assert_true(after.actor != before.actor);
    assert_string_equal(seen.cmdlines[after.actor - 1], "sleep 1000");
    assert_int_equal(seen.actors[after.actor - 1].pid, pid);
    end(pid);
    close(go[0]);
    close(go[1]);
}

static void a_dead_thread_is_not_remembered(void **state)
{
    pid_t pid = given_a_child(NULL);
    assert_true(find(*state, pid).actor > 0);
    end(pid);
    assert_int_equal(find(*state, pid).actor, 0);
}

static void another_owner_is_another_actor(void **state)
{
    struct actor_ref one = actors_find(*state, getpid(), 1000, 1000);
    struct actor_ref two = actors_find(*state, getpid(), 1001, 1000);
    assert_true(one.actor != two.actor);
    assert_int_equal(seen.actors[one.actor - 1].uid, 1000);
    assert_int_equal(seen.actors[two.actor - 1].uid, 1001);
}

static void a_session_holds_its_root_and_descendants_and_nobody_else(void **state)
{
    struct actors *a = *state;
    pid_t inside = given_a_child(NULL);
    pid_t outside = given_a_child(NULL);
    assert_int_equal(find(a, inside).session, 0); /* cached before the session began */
    assert_int_equal(actors_session_begin(a, inside, 7), 0);
    assert_int_equal(find(a, inside).session, 7);
    assert_int_equal(find(a, outside).session, 0);
    assert_int_equal(actors_session_begin(a, getpid(), 8),
                     0); /* an outer one: the inner one stays */
    assert_int_equal(find(a, inside).session, 7);
    assert_int_equal(find(a, outside).session, 8);
    assert_int_equal(actors_sessions(a), 2);
    actors_session_end(a, 8);
    actors_session_end(a, 7);
    assert_int_equal(actors_sessions(a), 0);
    end(inside);
    end(outside);
}

/* The last of a line of children, each the parent of the next; they end when go is closed. */
static pid_t given_a_line(int length, int go[2])
{
    int told[2];
    pid_t last = 0;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(go[1]);
        while (length-- > 1 && fork() == 0)
            continue;
        last = getpid();
        if (length <= 0 && write(told[1], &last, sizeof last) < 0)
            _exit(1);
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(told[0], &last, sizeof last), sizeof last);
    close(told[0]);
    close(told[1]);
    return last;
}

static void no_line_of_children_is_too_long_for_a_session(void **state)
{
    struct actors *a = *state;
    int go[2];
    pid_t last = given_a_line(100, go);
    assert_int_equal(actors_session_begin(a, getpid(), 7), 0);
    assert_int_equal(find(a, last).session, 7);
    assert_int_equal(seen.actors[find(a, last).actor - 1].pid, last);
    actors_session_end(a, 7);
    close(go[0]);
    close(go[1]);
    while (wait(NULL) > 0)
        continue;
}

static void without_descriptors_nobody_is_taken_for_unknown(void **state)
{
    struct rlimit before;
    pid_t pid = given_a_child(NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct actor_ref ref = find(*state, pid);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(ref.error, -EMFILE);
    assert_int_equal(ref.actor, 0);
    ref = find(*state, pid);
    assert_int_equal(ref.error, 0);
    assert_true(ref.actor > 0);
    end(pid);
}

static void sessions_are_bounded(void **state)
{
    uint64_t id = 0;
    while (actors_session_begin(*state, 0, ++id) == 0)
        assert_true(id < 1000);
    assert_true(id > 8);
    assert_int_equal(find(*state, getpid()).session, 0);
}

static void more_threads_than_are_remembered_are_still_known(void **state)
{
    pid_t pids[16];
    for (int i = 0; i < 16; i++)
        pids[i] = given_a_child(NULL);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 16; i++)
            assert_int_equal(seen.actors[find(*state, pids[i]).actor - 1].pid, pids[i]);
    for (int i = 0; i < 16; i++)
        end(pids[i]);
}

static void containers_are_found_in_all_their_spellings(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    char id[65];
    (void)state;
    assert_string_equal(actor_container("0::/system.slice/docker-" ID ".scope\n", id), ID);
    assert_string_equal(actor_container("12:cpu:/docker/" ID "\n0::/\n", id), ID);
    assert_string_equal(actor_container("0::/kubepods/pod1-2/cri-containerd-" ID ".scope", id), ID);
    assert_string_equal(actor_container("0::/machine.slice/libpod-" ID ".scope/container", id), ID);
    assert_null(actor_container("0::/user.slice/user-1000.slice\n", id));
    assert_null(actor_container("0::/" ID "0\n", id)); /* 65 digits are none */
    assert_null(actor_container("", id));
}

static void a_name_full_of_parentheses_does_not_confuse(void **state)
{
    pid_t parent = 0;
    uint64_t ticks = 0;
    (void)state;
    assert_int_equal(
        actor_stat_parse("12 (a) R 1 (b) S 77 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 9 9",
                         &parent, &ticks),
        0);
    assert_int_equal(parent, 77);
    assert_int_equal(ticks, 4242);
    assert_int_equal(actor_stat_parse("12 (a) S 77 1", &parent, &ticks), -EBADMSG);
    assert_int_equal(actor_stat_parse("12 (a)", &parent, &ticks), -EBADMSG);
    assert_int_equal(actor_stat_parse("", &parent, &ticks), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_actors, free_actors)
        T(nobody_is_nobody),
        T(a_process_and_its_parents_get_one_row_each),
        T(an_exec_makes_another_actor_with_the_same_pid),
        T(a_dead_thread_is_not_remembered),
        T(another_owner_is_another_actor),
        T(a_session_holds_its_root_and_descendants_and_nobody_else),
        T(no_line_of_children_is_too_long_for_a_session),
        T(without_descriptors_nobody_is_taken_for_unknown),
        T(sessions_are_bounded),
        T(more_threads_than_are_remembered_are_still_known),
        T(containers_are_found_in_all_their_spellings),
        T(a_name_full_of_parentheses_does_not_confuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
