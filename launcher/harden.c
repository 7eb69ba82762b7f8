/* harden.c - see harden.h.
 *
 *   (1) A system call is refused unless it stands in a table here.
 *   (2) Only the machine's own system calls: no 32-bit and no x32 entry, which filters see
 * differently. (3) No new namespace: what has one has all capabilities in it, and the kernel's
 * whole inside. */
#include "launcher/harden.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "journal/base/fd.h"

/* Docker's default profile without what it ties to capabilities, and without the 32-bit twins.
 * Names that the libseccomp of this machine does not know are no rules: they answer ENOSYS. */
/* clang-format off */
static const char *const allowed[] = {
    /* files */
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat",
    "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir",
    "fchmod", "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr",
    "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat",
    "getcwd", "getdents", "getdents64", "getxattr", "ioctl", "lchown", "lgetxattr", "link",
    "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir",
    "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2",
    "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir",
    "sendfile", "setxattr", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync",
    "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime",
    "utimensat", "utimes", "vmsplice", "write", "writev", "name_to_handle_at", "fchmodat2",
    "getxattrat", "listxattrat", "removexattrat", "setxattrat",
    /* watching files */
    "fanotify_mark", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "poll", "ppoll", "pselect6", "select",
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
    /* memory */
    "arch_prctl", "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2",
    "mlockall", "mmap", "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages", "process_mrelease",
    "memfd_secret", "mseal", "cachestat", "map_shadow_stack",
    /* processes and threads */
    "alarm", "capget", "capset", "clone", "clone3", "execve", "execveat", "exit", "exit_group",
    "fork", "futex", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake",
    "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid", "getgid", "getgroups",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pause",
    "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall", "rseq",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp",
    "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid",
    "setgroups", "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid",
    "setrlimit", "setsid", "setuid", "tgkill", "times", "tkill", "uname", "sysinfo", "vfork",
    "wait4", "waitid",
    /* debuggers, since kernel 4.8 behind the filter */
    "ptrace", "process_vm_readv", "process_vm_writev",
    /* signals */
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack", "signalfd",
    "signalfd4",
    /* time */
    "adjtimex", "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer",
    "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime",
    "timerfd_settime",
    /* talking to each other */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    "msgctl", "msgget", "msgrcv", "msgsnd", "recvfrom", "recvmmsg", "recvmsg", "semctl", "semget",
    "semop", "semtimedop", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat", "shmctl",
    "shmdt", "shmget", "shutdown", "socket", "socketpair",
    /* chance */
    "getrandom",
};
/* clang-format on */

const char *const *harden_allowed_names(size_t *count)
{
    *count = COUNT_OF(allowed);
    return allowed;
}

/* One argument of an allowed call, compared with value where mask has bits. */
struct refusal {
    const char *name;
    int code;
    unsigned argument;
    uint64_t mask; /* 0: whatever the arguments */
    uint64_t value;
};

#define LOW_HALF UINT64_C(0xffffffff) /* of an int argument the kernel looks at nothing else */
#define NAMESPACE(flag)                                                                            \
    {                                                                                              \
        "clone", EPERM, 0, flag, flag                                                              \
    }
#define FAMILY(family)                                                                             \
    {                                                                                              \
        "socket", EAFNOSUPPORT, 0, LOW_HALF, family                                                \
    }

static const struct refusal refused[] = {
    /* types into the terminal as if the person had */
    {"ioctl", EPERM, 1, LOW_HALF, TIOCSTI},
    {"ioctl", EPERM, 1, LOW_HALF, TIOCLINUX},
    {"ioctl", EPERM, 1, LOW_HALF, TIOCSETD},
    /* flags behind a pointer cannot be checked; without clone3 the C library takes clone */
    {"clone3", ENOSYS, 0, 0, 0},
    NAMESPACE(CLONE_NEWNS),
    NAMESPACE(CLONE_NEWCGROUP),
    NAMESPACE(CLONE_NEWUTS),
    NAMESPACE(CLONE_NEWIPC),
    NAMESPACE(CLONE_NEWUSER),
    NAMESPACE(CLONE_NEWPID),
    NAMESPACE(CLONE_NEWNET),
    /* reach the host's hypervisor, the kernel's keys and ciphers, raw devices */
    FAMILY(AF_VSOCK),
    FAMILY(AF_ALG),
    FAMILY(AF_PACKET),
    FAMILY(AF_KEY),
    FAMILY(AF_RXRPC),
    FAMILY(AF_TIPC),
    FAMILY(AF_BLUETOOTH),
    FAMILY(AF_CAN),
    FAMILY(AF_XDP),
    FAMILY(AF_QIPCRTR),
};

/* The only personalities that Docker lets be set; the last one asks which it is. */
static const uint64_t personalities[] = {PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26,
                                         0xffffffff};

const uint64_t *harden_personalities(size_t *count)
{
    *count = COUNT_OF(personalities);
    return personalities;
}

static void release(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
    *filter = NULL;
}

static int begin(uint32_t otherwise, scmp_filter_ctx *out, struct error *err)
{
    CLEANUP(release) scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter)
        return error_say(err, ENOMEM, "no memory for a seccomp filter");
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0) /* a search tree: a hundred comparisons become seven */
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r < 0)
        return error_set(err, -r, "make a seccomp filter");
    *out = filter;
    filter = NULL;
    return 0;
}

static int finish(scmp_filter_ctx filter, int fd, struct error *err)
{
    int r = seccomp_export_bpf(filter, fd);
    if (r < 0)
        return error_set(err, -r, "write a seccomp filter");
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, "write a seccomp filter");
    return 0;
}

static int memory_file(int *out, struct error *err)
{
    *out = memfd_create("seccomp", MFD_CLOEXEC);
    return *out < 0 ? error_set(err, errno, "make a file in memory") : 0;
}

/* ---- calls that this build's tables cannot know ---- */

#define X32_BIT 0x40000000

/* The first number that libseccomp has no name for. */
static uint32_t first_unknown(void)
{
    int nr = 1023;
    for (; nr > 0; nr--) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        bool known = name != NULL;
        free(name);
        if (known)
            break;
    }
    return (uint32_t)nr + 1;
}

/* Goes before the exported program, whose jumps are relative: numbers that nobody knows here answer
 * ENOSYS, upon which programs take an older way.  EPERM would stop them. */
static int write_prologue(int fd, struct error *err)
{
    const struct sock_filter prologue[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_unknown(), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    int r = fd_write_all(fd, prologue, sizeof prologue);
    return r < 0 ? error_set(err, -r, "write a seccomp filter") : 0;
}

/* ---- the two filters ---- */

/* A name that this machine's architecture does not have is no rule. */
static int allow(scmp_filter_ctx filter, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);
    return nr < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
}

static int allow_personalities(scmp_filter_ctx filter)
{
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(personalities) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, LOW_HALF, personalities[i]));
    return r;
}

int harden_allowed(int *out, struct error *err)
{
    CLEANUP(release) scmp_filter_ctx filter = NULL;
    CLEANUP(fd_close) int fd = -1;
    int r = 0;
    TRY(begin(SCMP_ACT_ERRNO(EPERM), &filter, err));
    for (size_t i = 0; i < COUNT_OF(allowed) && r == 0; i++)
        r = allow(filter, allowed[i]);
    if (r == 0)
        r = allow_personalities(filter);
    if (r < 0)
        return error_set(err, -r, "make a seccomp filter");
    TRY(memory_file(&fd, err));
    TRY(write_prologue(fd, err));
    TRY(finish(filter, fd, err));
    *out = fd_take(&fd);
    return 0;
}

static int refuse(scmp_filter_ctx filter, const struct refusal *rule)
{
    uint32_t action = SCMP_ACT_ERRNO((uint32_t)rule->code);
    int nr = seccomp_syscall_resolve_name(rule->name);
    struct scmp_arg_cmp is = {.arg = rule->argument,
                              .op = SCMP_CMP_MASKED_EQ,
                              .datum_a = rule->mask,
                              .datum_b = rule->value};
    if (nr < 0)
        return 0;
    return seccomp_rule_add_array(filter, action, nr, rule->mask ? 1 : 0, &is);
}

int harden_refused(int *out, struct error *err)
{
    CLEANUP(release) scmp_filter_ctx filter = NULL;
    CLEANUP(fd_close) int fd = -1;
    int r = 0;
    TRY(begin(SCMP_ACT_ALLOW, &filter, err));
    for (size_t i = 0; i < COUNT_OF(refused) && r == 0; i++)
        r = refuse(filter, &refused[i]);
    if (r < 0)
        return error_set(err, -r, "make a seccomp filter");
    TRY(memory_file(&fd, err));
    TRY(finish(filter, fd, err));
    *out = fd_take(&fd);
    return 0;
}

/* ---- limits ---- */

/* Never above what is allowed to us already. */
static int set_limit(__rlimit_resource_t resource, uint64_t wish, const char *what,
                     struct error *err)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0)
        return error_set(err, errno, "ask for the limit of %s", what);
    if (limit.rlim_max > wish)
        limit.rlim_max = wish;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) < 0)
        return error_set(err, errno, "limit %s", what);
    return 0;
}

int harden_limits(const struct sandbox_limits *limits, bool with_memory, struct error *err)
{
    TRY(set_limit(RLIMIT_CORE, 0, "core dumps", err));
    TRY(set_limit(RLIMIT_NOFILE, limits->files, "open files", err));
    /* RLIMIT_DATA and not RLIMIT_AS: address space that is only reserved costs nothing, and
     * JavaScript engines reserve a lot */
    if (with_memory)
        TRY(set_limit(RLIMIT_DATA, limits->memory_bytes, "memory", err));
    return 0;
}

int harden_processes(int pid, const struct sandbox_limits *limits)
{
    struct rlimit limit = {.rlim_cur = limits->processes, .rlim_max = limits->processes};
    return prlimit(pid, RLIMIT_NPROC, &limit, NULL) < 0 ? -errno : 0;
}
