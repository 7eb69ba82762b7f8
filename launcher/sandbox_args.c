/* sandbox_args.c - see sandbox_args.h. */
#include "launcher/sandbox_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "launcher/net/gate.h"
#include "launcher/net/proxy.h"

#define AGENT_ID "1000" /* inside; outside it is whoever owns the workspace */

/* ---- words, NUL-separated, as --args reads them ---- */

static void add(struct strbuf *args, const char *word)
{
    strbuf_add(args, word, strlen(word) + 1);
}

#define ADD(args, ...) add_all(args, (const char *const[]){__VA_ARGS__, NULL})

static void add_all(struct strbuf *args, const char *const *words)
{
    for (; *words; words++)
        add(args, *words);
}

static void add_fd(struct strbuf *args, const char *option, int fd)
{
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    ADD(args, option, text);
}

/* /bin and its like are symlinks into /usr, or folders of their own. */
static void add_system(struct strbuf *args)
{
    static const char *const folders[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    ADD(args, "--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/var");
    ADD(args, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        char target[256];
        ssize_t n = readlink(folders[i], target, sizeof target - 1);
        if (n > 0) {
            target[n] = '\0';
            ADD(args, "--symlink", target, folders[i]);
        } else {
            ADD(args, "--ro-bind-try", folders[i], folders[i]);
        }
    }
}

/* As little of /etc as programs need; nothing that names users, hosts, keys or passwords. */
static void add_etc(struct strbuf *args)
{
    static const char *const shared[] = {
        "/etc/ld.so.cache", "/etc/ld.so.conf",      "/etc/ld.so.conf.d",    "/etc/alternatives",
        "/etc/ssl/certs",   "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs",
        "/etc/localtime",   "/etc/timezone",        "/etc/mime.types",      "/etc/services",
        "/etc/protocols",   "/etc/bash.bashrc",     "/etc/inputrc",         "/etc/terminfo",
        "/etc/magic",       "/etc/debian_version",  "/etc/os-release",
    };
    for (size_t i = 0; i < COUNT_OF(shared); i++)
        ADD(args, "--ro-bind-try", shared[i], shared[i]);
}

/* What of /proc tells about the host and is nobody's business in here: Docker hides the same.  What
 * remains of the kernel's switches is read-only: bwrap leaves that to the modes of the files, but
 * root's own workspace is worked on by root's own user id, which owns them all. */
static void close_proc(struct strbuf *args)
{
    static const char *const files[] = {
        "/proc/kcore",       "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/interrupts",    "/proc/kmsg",
        "/proc/kpagecount",  "/proc/kpageflags",  "/proc/kpagecgroup",   "/proc/slabinfo",
        "/proc/vmallocinfo",
    };
    static const char *const folders[] = {"/proc/acpi", "/proc/asound", "/proc/scsi"};
    static const char *const read_only[] = {
        "/proc/sys",  "/proc/sysrq-trigger", "/proc/fs",       "/proc/driver",
        "/proc/mtrr", "/proc/tty",           "/proc/pressure",
    };
    for (size_t i = 0; i < COUNT_OF(read_only); i++)
        if (access(read_only[i], F_OK) == 0)
            ADD(args, "--ro-bind", read_only[i], read_only[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (access(files[i], F_OK) == 0)
            ADD(args, "--ro-bind", "/dev/null", files[i]);
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (access(folders[i], F_OK) == 0)
            ADD(args, "--tmpfs", folders[i], "--remount-ro", folders[i]);
}

static const struct {
    const char *path;
    const char *text;
} made_files[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                    "agent:x:" AGENT_ID ":" AGENT_ID ":agent:/home/agent:/bin/bash\n"
                    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\nagent:x:" AGENT_ID ":\nnogroup:x:65534:\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"/etc/hosts", "127.0.0.1 localhost ccfs\n::1 localhost\n"},
};

/* In memory, to be read from its start. */
static int make_file(const void *data, size_t bytes, const char *path, int *file, struct error *err)
{
    *file = memfd_create("ccfs", MFD_CLOEXEC);
    int r = *file < 0 ? -errno : fd_write_all(*file, data, bytes);
    if (r < 0 || lseek(*file, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, "make %s", path);
    return 0;
}

static int add_made_file(struct strbuf *args, const char *path, const char *text, int *file,
                         struct error *err)
{
    TRY(make_file(text, strlen(text), path, file, err));
    add_fd(args, "--ro-bind-data", *file);
    add(args, path);
    return 0;
}

_Static_assert(COUNT_OF(made_files) < SANDBOX_MADE_FILES, "room for resolv.conf");

static int add_made_files(struct strbuf *args, const struct net_policy *network, int *files,
                          struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf servers = STRBUF_EMPTY;
    size_t n = 0;
    for (; n < COUNT_OF(made_files); n++)
        TRY(add_made_file(args, made_files[n].path, made_files[n].text, &files[n], err));
    if (network->mode != NET_INTERNET)
        return 0;
    net_policy_resolv_conf(network, &servers);
    return add_made_file(args, "/etc/resolv.conf", strbuf_text(&servers), &files[n], err);
}

/* A value of ours goes in only when it is a plain word. */
static const char *plain(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    if (!value || !value[0] || strlen(value) > 64)
        return otherwise;
    for (const char *at = value; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+", *at))
            return otherwise;
    return value;
}

static void add_variable(void *args, const char *name, const char *value)
{
    ADD(args, "--setenv", name, value);
}

static void add_environment(struct strbuf *args, const struct backend_job *job,
                            const struct net_policy *network)
{
    const char *shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
    ADD(args, "--clearenv");
    ADD(args, "--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    ADD(args, "--setenv", "HOME", "/home/agent", "--setenv", "USER", "agent", "--setenv", "LOGNAME",
        "agent");
    ADD(args, "--setenv", "SHELL", shell);
    ADD(args, "--setenv", "TERM", plain("TERM", "dumb"), "--setenv", "LANG",
        plain("LANG", "C.UTF-8"));
    if (network->mode == NET_ALLOWLIST)
        proxy_variables(GATE_ADDRESS, add_variable, args);
    for (size_t i = 0; i < job->env->count; i++) {
        char name[128];
        const char *equals = strchr(job->env->items[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - job->env->items[i]), job->env->items[i]);
        ADD(args, "--setenv", name, equals + 1);
    }
}

static int add_secret_files(struct strbuf *args, const struct secrets *all, struct sandbox_given *g,
                            struct error *err)
{
    char path[sizeof SECRETS_FOLDER + VARIABLE_NAME_LIMIT];
    if (all->count == 0)
        return 0;
    ADD(args, "--perms", "0755", "--dir", "/run");
    ADD(args, "--perms", "0500", "--size", SECRETS_TMPFS, "--tmpfs", SECRETS_FOLDER);
    for (size_t i = 0; i < all->count; i++) {
        const struct secret *s = &all->items[i];
        snprintf(path, sizeof path, SECRETS_FOLDER "/%s", s->name);
        TRY(make_file(s->value, s->bytes, path, &g->secrets[g->secret_count++], err));
        ADD(args, "--perms", "0400");
        add_fd(args, "--file", g->secrets[i]);
        add(args, path);
    }
    ADD(args, "--remount-ro", SECRETS_FOLDER);
    return 0;
}

/* As a shell's $(cat FILE) has it, and so as in a container: without newlines at its end. */
static int add_secret_variables(struct strbuf *args, const struct secrets *all,
                                const struct secrets_wish *wish, struct error *err)
{
    for (size_t i = 0; i < wish->env_count; i++) {
        const struct secret *s = NULL;
        TRY(secrets_find_variable(all, wish->env[i], &s, err));
        size_t bytes = s->bytes;
        while (bytes && s->value[bytes - 1] == '\n')
            bytes--;
        ADD(args, "--setenv", s->name);
        strbuf_add(args, s->value, bytes);
        strbuf_add(args, "", 1);
    }
    return 0;
}

static int add_secrets(struct strbuf *args, const struct backend_job *job, struct sandbox_given *g,
                       struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    TRY(secrets_load(job->workspace, &all, err));
    TRY(add_secret_variables(args, &all, &job->config->secrets, err));
    return add_secret_files(args, &all, g, err);
}

static void add_folders(struct strbuf *args, const struct backend_job *job)
{
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)job->config->sandbox.tmp_bytes);
    ADD(args, "--proc", "/proc", "--dev", "/dev");
    close_proc(args);
    ADD(args, "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev");
    ADD(args, "--perms", "1777", "--size", size, "--tmpfs", "/tmp");
    ADD(args, "--size", size, "--tmpfs", "/home", "--dir", "/home/agent");
    ADD(args, "--symlink", "/tmp", "/var/tmp");
    ADD(args, "--bind", job->mountpoint, "/workspace", "--chdir", job->folder, "--remount-ro", "/");
}

static void add_isolation(struct strbuf *args, const struct backend_job *job,
                          const struct net_policy *network)
{
    ADD(args, "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL");
    if (network->mode != NET_NONE)
        ADD(args, "--share-net"); /* the one that was made for it: bwrap is in there already */
    ADD(args, "--uid", AGENT_ID, "--gid", AGENT_ID, "--hostname", "ccfs");
    if (job->terminal < 0)
        ADD(args, "--new-session"); /* else it has a terminal of its own already */
}

void sandbox_given_close(struct sandbox_given *g)
{
    int *const all[] = {&g->args, &g->allowed, &g->refused, &g->status, &g->block};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        fd_close(all[i]);
    for (size_t i = 0; i < COUNT_OF(g->made); i++)
        fd_close(&g->made[i]);
    for (size_t i = 0; i < g->secret_count; i++)
        fd_close(&g->secrets[i]);
}

int sandbox_args_write(const struct backend_job *job, const struct net_policy *network,
                       struct sandbox_given *g, struct error *err)
{
    CLEANUP(strbuf_wipe) struct strbuf args = STRBUF_EMPTY; /* with values of secrets in it */
    add_isolation(&args, job, network);
    add_environment(&args, job, network);
    add_system(&args);
    add_etc(&args);
    TRY(add_made_files(&args, network, g->made, err));
    TRY(add_secrets(&args, job, g, err));
    add_folders(&args, job);
    add_fd(&args, "--add-seccomp-fd", g->allowed);
    add_fd(&args, "--add-seccomp-fd", g->refused);
    add_fd(&args, "--json-status-fd", g->status);
    add_fd(&args, "--block-fd", g->block);
    if (args.failed)
        return error_say(err, ENOMEM, "no memory for the sandbox's arguments");
    g->args = memfd_create("args", MFD_CLOEXEC);
    int r = g->args < 0 ? -errno : fd_write_all(g->args, args.data, args.bytes);
    if (r < 0 || lseek(g->args, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, "write the sandbox's arguments");
    return 0;
}
