/* image_root.c - see image_root.h. */
#include "launcher/docker/image_root.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "launcher/child.h"
#include "launcher/cli.h"
#include "launcher/docker/image_files.h"
#include "launcher/net/tool.h"
#include "launcher/tar.h"
#include "launcher/tree_remove.h"

#define SUITE "bookworm"

/* ---- programs that do the work ---- */

/* With the caller's environment: proxies and mirrors are configured there. */
static void become(const char *const *argv, const char *folder, int said)
{
    union { /* exec(3) does not write to its arguments */
        const char *const *ours;
        char *const *theirs;
    } words = {.ours = argv};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0 && chdir(folder) == 0 && dup2(nothing, 0) >= 0 && dup2(said, 1) >= 0 &&
        dup2(said, 2) >= 0)
        execv(argv[0], words.theirs);
    _exit(EXIT_FAILED);
}

/* What it said last is why it failed. */
static void last_line(int said, char *out, size_t bytes)
{
    char text[400];
    off_t size = lseek(said, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text ? size - (off_t)sizeof text : 0;
    ssize_t n = pread(said, text, sizeof text, from);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    ssize_t begin = n;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    snprintf(out, bytes, "%.*s", (int)(n > begin ? n - begin : 0), text + begin);
}

static int run(const char *const *argv, const char *folder, struct error *err)
{
    CLEANUP(fd_close) int said = -1;
    char why[256];
    TRY(tool_said_open(&said, err));
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "start %s", argv[0]);
    if (pid == 0)
        become(argv, folder, said);
    int status = child_wait(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    last_line(said, why, sizeof why);
    if (why[0] == '\0')
        child_how_ended(status, why, sizeof why);
    return error_say(err, EIO, "%s failed: %s", argv[0], why);
}

/* ---- a folder of ours ---- */

void image_root_remove(struct image_root *root)
{
    if (root->work)
        tree_remove(root->work);
    free(root->work);
    free(root->path);
    *root = IMAGE_ROOT_NONE;
}

static int make_work(struct image_root *root, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    char folder[] = "/var/tmp/ccfs-image-XXXXXX";
    if (!mkdtemp(folder))
        return error_set(err, errno, "make a folder in /var/tmp");
    root->work = strdup(folder);
    strbuf_add_format(&path, "%s/root", folder);
    root->path = strbuf_take(&path);
    return root->work && root->path ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

/* ---- Debian ---- */

static const struct image_file *embedded(const char *name)
{
    for (size_t i = 0; i < image_file_count; i++)
        if (strcmp(image_files[i].name, name) == 0)
            return &image_files[i];
    abort(); /* it is built in */
}

static void include_list(struct strbuf *out)
{
    const struct image_file *list = embedded("packages");
    strbuf_add_text(out, "--include=");
    for (size_t i = 0; i + 1 < list->bytes; i++) { /* it ends with a newline */
        const char *c = (const char *)&list->data[i];
        strbuf_add(out, *c == '\n' ? "," : c, 1);
    }
}

static int debootstrap(const struct image_root *root, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf include = STRBUF_EMPTY;
    char program[4096];
    TRY(tool_find("debootstrap", "debootstrap", program, sizeof program, err));
    include_list(&include);
    log_line("making Debian " SUITE " with debootstrap: this takes a minute or two");
    const char *const argv[] = {
        program, "--variant=minbase", strbuf_text(&include), SUITE, root->path, NULL,
    };
    return run(argv, "/", err);
}

static int copy_given(const char *given, const struct image_root *root, struct error *err)
{
    char program[4096];
    TRY(tool_find("cp", "coreutils", program, sizeof program, err));
    const char *const argv[] = {program, "-a", "--reflink=auto", "--", given, root->path, NULL};
    return run(argv, "/", err);
}

/* ---- what comes on top; the same as in the Dockerfile ---- */

static int write_at(int folder, const char *name, int flags, const void *data, size_t bytes,
                    struct error *err)
{
    CLEANUP(fd_close) int fd = fd_open_beneath(folder, name, O_WRONLY | O_CREAT | flags, 0644);
    int r = fd < 0 ? fd : fd_write_all(fd, data, bytes);
    return r < 0 ? error_set(err, -r, "write %s", name) : 0;
}

static int add_line(int root, const char *name, const char *line, struct error *err)
{
    return write_at(root, name, O_APPEND, line, strlen(line), err);
}

static int add_user(int root, struct error *err)
{
    TRY(add_line(root, "etc/passwd", "agent:x:1000:1000::/home/agent:/bin/bash\n", err));
    TRY(add_line(root, "etc/group", "agent:x:1000:\n", err));
    if ((mkdirat(root, "home/agent", 0755) < 0 || mkdirat(root, "workspace", 0755) < 0) &&
        errno != EEXIST)
        return error_set(err, errno, "make the agent's folders");
    if (fchownat(root, "home/agent", 1000, 1000, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno, "make the agent's home");
    const struct image_file *git = embedded("gitconfig");
    return write_at(root, "etc/gitconfig", O_TRUNC, git->data, git->bytes, err);
}

/* npm ci: exactly the versions of the lock, each checked by its digest; no script of them runs. */
static int fetch_client(const char *folder, struct error *err)
{
    static const char *const files[] = {"package.json", "package-lock.json"};
    char program[4096];
    TRY(tool_find("npm", "npm", program, sizeof program, err));
    CLEANUP(fd_close) int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return error_set(err, errno, "open %s", folder);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const struct image_file *file = embedded(files[i]);
        TRY(write_at(at, file->name, O_TRUNC, file->data, file->bytes, err));
    }
    const char *const argv[] = {
        program, "ci", "--ignore-scripts", "--no-audit", "--no-fund", NULL,
    };
    log_line("fetching Claude Code with npm");
    return run(argv, folder, err);
}

#if defined(__aarch64__)
#define CLIENT_MACHINE "arm64"
#else
#define CLIENT_MACHINE "x64"
#endif

static int install_client(const struct image_root *root, int at, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    CLEANUP(fd_close) int to = -1;
    struct stat st;
    TRY(fetch_client(root->work, err));
    strbuf_add_format(&path, "%s/node_modules/@anthropic-ai/claude-code-linux-%s/claude",
                      root->work, CLIENT_MACHINE);
    CLEANUP(fd_close) int from = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0 || fstat(from, &st) < 0)
        return error_set(err, errno, "find Claude Code in what npm fetched");
    to = fd_open_beneath(at, "usr/local/bin/claude", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    int r = to < 0 ? to : fd_copy(from, to, st.st_size);
    if (r < 0 || fchmod(to, 0755) < 0)
        return error_set(err, r < 0 ? -r : errno, "install Claude Code");
    return 0;
}

int image_root_make(const char *given, struct image_root *out, struct error *err)
{
    if (geteuid() != 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         "only root can make an image with debootstrap: run ccfs image build as "
                         "root, or where a registry answers");
    TRY(make_work(out, err));
    TRY(given ? copy_given(given, out, err) : debootstrap(out, err));
    CLEANUP(fd_close) int at = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return error_set(err, errno, "open %s", out->path);
    TRY(add_user(at, err));
    return install_client(out, at, err);
}

/* ---- as a stream ---- */

int image_stream_open(const struct image_root *root, struct image_stream *out, struct error *err)
{
    CLEANUP(fd_close) int to = -1;
    TRY(fd_pipe(&out->fd, &to, err));
    out->writer = fork();
    if (out->writer == 0) {
        struct error why = ERROR_NONE;
        (void)signal(SIGPIPE, SIG_DFL);
        fd_close(&out->fd);
        if (tar_tree(root->path, to, &why) < 0)
            log_error(&why);
        _exit(why.code ? EXIT_FAILED : EXIT_DONE);
    }
    return out->writer < 0 ? error_set(err, errno, "start a process") : 0;
}

long image_stream_read(void *context, char *data, size_t room)
{
    struct image_stream *stream = context;
    ssize_t n = 0;
    while ((n = read(stream->fd, data, room)) < 0 && errno == EINTR)
        continue;
    return n < 0 ? -errno : n;
}

int image_stream_end(struct image_stream *stream, struct error *err)
{
    int status = child_wait(stream->writer);
    stream->writer = 0;
    return status == 0 ? 0 : error_say(err, EIO, "the image was not sent whole");
}

void image_stream_close(struct image_stream *stream)
{
    fd_close(&stream->fd); /* its writer gets SIGPIPE */
    (void)!image_stream_end(stream, NULL);
}
