/* test_seccomp.c - what the filters refuse, asked of the kernel itself by a child that lives under
 * them. */
#include "tests/support/test.h"

#include <asm/ioctls.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "launcher/harden.h"

#define NONE 1000000 /* of no system call */

static int load(int (*make)(int *out, struct error *err))
{
    static struct sock_filter code[4096];
    int fd = -1;
    if (make(&fd, NULL) < 0)
        return -1;
    ssize_t n = read(fd, code, sizeof code);
    close(fd);
    if (n <= 0 || (size_t)n == sizeof code || (size_t)n % sizeof *code)
        return -1;
    struct sock_fprog program = {.len = (unsigned short)((size_t)n / sizeof *code), .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* The errno that the call has in the sandbox; 0: it is let through and works.  Let through and
 * failing in the kernel it has the kernel's errno, so calls are chosen whose kernel errno differs.
 */
static int errno_inside(long nr, unsigned long a, unsigned long b, unsigned long c)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || load(harden_allowed) < 0 ||
            load(harden_refused) < 0)
            _exit(255);
        long r = syscall(nr, a, b, c, 0UL, 0UL, 0UL);
        _exit(r < 0 ? errno : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    assert_int_not_equal(WEXITSTATUS(status), 255);
    return WEXITSTATUS(status);
}

static void what_reaches_out_of_a_sandbox_is_refused(void **state)
{
    static const struct {
        const char *name;
        long nr;
    } cases[] = {
        {"mount", SYS_mount},
        {"umount2", SYS_umount2},
        {"unshare", SYS_unshare},
        {"setns", SYS_setns},
        {"bpf", SYS_bpf},
        {"keyctl", SYS_keyctl},
        {"add_key", SYS_add_key},
        {"request_key", SYS_request_key},
        {"perf_event_open", SYS_perf_event_open},
        {"userfaultfd", SYS_userfaultfd},
        {"kexec_load", SYS_kexec_load},
        {"init_module", SYS_init_module},
        {"reboot", SYS_reboot},
        {"swapon", SYS_swapon},
        {"pivot_root", SYS_pivot_root},
        {"chroot", SYS_chroot},
        {"open_by_handle_at", SYS_open_by_handle_at},
        {"quotactl", SYS_quotactl},
        {"syslog", SYS_syslog},
        {"acct", SYS_acct},
        {"settimeofday", SYS_settimeofday},
        {"sethostname", SYS_sethostname},
        {"io_uring_setup", SYS_io_uring_setup},
        {"move_mount", SYS_move_mount},
        {"open_tree", SYS_open_tree},
        {"fsopen", SYS_fsopen},
        {"kcmp", SYS_kcmp},
        {"pidfd_getfd", SYS_pidfd_getfd},
        {"move_pages", SYS_move_pages},
        {"fanotify_init", SYS_fanotify_init},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int code = errno_inside(cases[i].nr, (unsigned long)-1, 0, 0);
        if (code != EPERM)
            fail_msg("%s gave %d, not EPERM", cases[i].name, code);
    }
}

static void no_new_namespace_can_be_made(void **state)
{
    static const unsigned long flags[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                          CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                          CLONE_NEWNET};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        assert_int_equal(errno_inside(SYS_clone, flags[i] | SIGCHLD, 0, 0), EPERM);
    assert_int_equal(errno_inside(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, 0), EPERM);
    assert_int_equal(errno_inside(SYS_clone3, 0, 0, 0), ENOSYS);
}

static void a_terminal_cannot_be_typed_into(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(SYS_ioctl, 999, TIOCSTI, 0), EPERM);
    assert_int_equal(errno_inside(SYS_ioctl, 999, TIOCLINUX, 0), EPERM);
    /* the kernel looks at the lower half only, and so must the filter */
    assert_int_equal(errno_inside(SYS_ioctl, 999, 0x100000000UL | TIOCSTI, 0), EPERM);
    assert_int_equal(errno_inside(SYS_ioctl, 999, TIOCGWINSZ, 0), EBADF);
}

static void only_ordinary_sockets_can_be_made(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
    assert_int_equal(errno_inside(SYS_socket, AF_INET, SOCK_STREAM, 0), 0);
    assert_int_equal(errno_inside(SYS_socket, AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
    assert_int_equal(errno_inside(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
    assert_int_equal(errno_inside(SYS_socket, AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
}

static void only_harmless_personalities_can_be_set(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(SYS_personality, 0xffffffff, 0, 0), 0);
    assert_int_equal(errno_inside(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */, 0, 0), EPERM);
}

static void ordinary_work_is_let_through(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(SYS_getpid, 0, 0, 0), 0);
    assert_int_equal(errno_inside(SYS_clone, SIGCHLD, 0, 0), 0);
    assert_int_equal(errno_inside(SYS_memfd_create, (unsigned long)"x", 0, 0), 0);
    assert_int_equal(errno_inside(SYS_close, 999, 0, 0), EBADF);
    assert_int_equal(errno_inside(SYS_ptrace, 9999, 0, 0), ESRCH);
}

static void calls_newer_than_the_tables_do_not_exist(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(NONE, 0, 0, 0), ENOSYS);
}

#ifdef __x86_64__
static void the_other_entries_of_the_kernel_are_closed(void **state)
{
    (void)state;
    assert_int_equal(errno_inside(0x40000000 | SYS_getpid, 0, 0, 0), 128 + SIGSYS); /* x32 */
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_reaches_out_of_a_sandbox_is_refused),
        cmocka_unit_test(no_new_namespace_can_be_made),
        cmocka_unit_test(a_terminal_cannot_be_typed_into),
        cmocka_unit_test(only_ordinary_sockets_can_be_made),
        cmocka_unit_test(only_harmless_personalities_can_be_set),
        cmocka_unit_test(ordinary_work_is_let_through),
        cmocka_unit_test(calls_newer_than_the_tables_do_not_exist),
#ifdef __x86_64__
        cmocka_unit_test(the_other_entries_of_the_kernel_are_closed),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
