/* repository.c - see repository.h.
 *
 *   (1) Nothing is written into the repository: GIT_OPTIONAL_LOCKS=0 keeps the index as it is.
 *   (2) Nothing is fetched: no protocol is allowed.
 *   (3) Submodules are not looked into: they are repositories of their own, found as such. */
#include "launcher/doctor/repository.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/capture.h"
#include "launcher/scratch.h"

#define HEAD_LIMIT 4096
#define OUTPUT_LIMIT (8 << 20)
#define PATIENCE_MS 15000

/* ---- the folder ---- */

static int copy_head(int git, const struct scratch *to, struct error *err)
{
    char head[HEAD_LIMIT];
    CLEANUP(fd_close)
    int from = openat(git, "HEAD", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = from < 0 ? -1 : read(from, head, sizeof head);
    if (n <= 0)
        return error_say(err, EIO, "it has no HEAD that can be read");
    return scratch_write(to, "HEAD", head, (size_t)n, err);
}

static int write_config(const struct scratch *to, struct error *err)
{
    static const char config[] = "[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n"
                                 "\tfsmonitor = false\n\tuntrackedCache = false\n"
                                 "\thooksPath = /dev/null\n\tattributesFile = /dev/null\n"
                                 "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
                                 "[protocol]\n\tallow = never\n";
    return scratch_write(to, "config", config, sizeof config - 1, err);
}

static int link_rest(const char *path, int to, struct error *err)
{
    static const char *const names[] = {"objects", "refs", "packed-refs"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CLEANUP(strbuf_release) struct strbuf target = STRBUF_EMPTY;
        strbuf_add_format(&target, "%s/.git/%s", path, names[i]);
        if (target.failed || symlinkat(strbuf_text(&target), to, names[i]) < 0)
            return error_set(err, errno, "make a link in /tmp");
    }
    return 0;
}

/* The folder in place of .git. */
static int make_stand_in(int folder, const char *path, struct scratch *out, struct error *err)
{
    CLEANUP(fd_close)
    int git = openat(folder, ".git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (git < 0)
        return error_set(err, errno, "open its .git");
    TRY(scratch_make(out, err));
    TRY(write_config(out, err));
    TRY(copy_head(git, out, err));
    return link_rest(path, out->fd, err);
}

/* ---- git ---- */

static int ask(const char *const *argv, const struct scratch *s, int folder, struct capture *out,
               struct error *err)
{
    char git_dir[96];
    snprintf(git_dir, sizeof git_dir, "GIT_DIR=%s", s->path);
    const char *const environment[] = {
        git_dir,
        "GIT_WORK_TREE=.",
        "GIT_INDEX_FILE=.git/index",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_OPTIONAL_LOCKS=0",
        "GIT_NO_LAZY_FETCH=1",
        "GIT_NO_REPLACE_OBJECTS=1",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_PAGER=cat",
        "LC_ALL=C",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "HOME=/nonexistent",
        NULL,
    };
    const struct capture_wish wish = {.argv = argv,
                                      .environment = environment,
                                      .folder = folder,
                                      .most = OUTPUT_LIMIT,
                                      .patience_ms = PATIENCE_MS};
    return capture_done(&wish, out, err);
}

/* Records end with a NUL each. */
static uint64_t count_records(const struct strbuf *output)
{
    uint64_t count = 0;
    for (size_t i = 0; i < output->bytes; i++)
        count += output->data[i] == '\0';
    return count;
}

static int count_uncommitted(const char *git, const struct scratch *s, int folder, uint64_t *out,
                             struct error *err)
{
    const char *const argv[] = {git,
                                "status",
                                "--porcelain=v1",
                                "-z",
                                "--no-renames",
                                "--untracked-files=normal",
                                "--ignore-submodules=all",
                                NULL};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    TRY(ask(argv, s, folder, &said, err));
    *out = count_records(&said.output);
    return 0;
}

static int count_commits(const char *const *argv, const struct scratch *s, int folder,
                         uint64_t *out, struct error *err)
{
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    TRY(ask(argv, s, folder, &said, err));
    *out = strtoull(strbuf_text(&said.output), NULL, 10);
    return 0;
}

static int look_at_remotes(const char *git, const struct scratch *s, int folder, bool *out,
                           struct error *err)
{
    const char *const argv[] = {git, "for-each-ref", "--count=1", "refs/remotes", NULL};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    TRY(ask(argv, s, folder, &said, err));
    *out = said.output.bytes > 0;
    return 0;
}

int repository_look(const char *git, int folder, const char *path, struct repository_state *out,
                    struct error *err)
{
    CLEANUP(scratch_remove) struct scratch s = SCRATCH_NONE;
    const char *const unpushed[] = {git,     "rev-list",  "--count", "--branches",
                                    "--not", "--remotes", NULL};
    *out = (struct repository_state){0};
    TRY(make_stand_in(folder, path, &s, err));
    TRY(count_uncommitted(git, &s, folder, &out->uncommitted, err));
    TRY(look_at_remotes(git, &s, folder, &out->has_remote, err));
    return count_commits(unpushed, &s, folder, &out->unpushed, err);
}
