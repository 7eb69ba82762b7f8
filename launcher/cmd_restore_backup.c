/* cmd_restore_backup.c - `ccfs restore-backup`: an archive becomes a workspace of its own.
 *
 * Never over anything: it is unpacked beside the place under a name of its own, which becomes the
 * wished one when all is there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal.h"
#include "journal/sha256.h"
#include "launcher/commands.h"
#include "launcher/render.h"
#include "launcher/tarball.h"
#include "launcher/tree_remove.h"
#include "launcher/workspace.h"

static const struct cli_verb verb = {
    .name = "restore-backup",
    .usage = "ARCHIVE DIR",
    .about =
        "Unpacks an archive that ccfs backup made into DIR, which must not exist: it becomes a\n"
        "workspace of its own, and nothing that is there is touched.  With a journal in it the\n"
        "history of the old one can be read there, not undone: these are other files.\n",
    .examples = "  ccfs restore-backup ~/claude-workspace-20260102-100000.tar.gz ~/again\n"
                "  ccfs -w ~/again status\n",
    .operands_min = 2,
    .operands_max = 2,
};

static int check_sum(int fd, const char *wanted, struct error *err)
{
    unsigned char digest[SHA256_BYTES];
    char text[SHA256_TEXT];
    struct sha256 *sha = sha256_new();
    int r = sha ? sha256_file(sha, fd, NULL, digest) : -ENOMEM;
    sha256_free(&sha);
    if (r < 0)
        return error_set(err, -r, "read the archive");
    sha256_text(digest, text);
    if (strcasecmp(text, wanted) != 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_INTEGRITY),
                         "the archive's sha256 is %s: it is not the one that was made", text);
    return 0;
}

/* The folder that holds DIR, and the name there. */
static int open_parent(const char *dir, char name[NAME_MAX + 1], int *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    char *path = strdup(dir);
    size_t bytes = path ? strlen(path) : 0;
    render_name(&shown, dir);
    while (bytes > 1 && path[bytes - 1] == '/')
        path[--bytes] = '\0';
    char *slash = path ? strrchr(path, '/') : NULL;
    const char *last = slash ? slash + 1 : path;
    bool usable = last && *last && strlen(last) <= NAME_MAX && strcmp(last, ".") != 0 &&
                  strcmp(last, "..") != 0;
    if (usable) {
        strcpy(name, last);
        if (slash)
            *slash = '\0';
        *out = open(!slash ? "." : *path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    int code = errno;
    free(path);
    if (!usable)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE), "%.200s is no name for a new folder",
                         strbuf_text(&shown));
    return *out < 0 ? error_set(err, code, "%.200s", strbuf_text(&shown)) : 0;
}

static int unpack_here(int archive, int parent, const char *folder, uint64_t *entries,
                       struct error *err)
{
    if (mkdirat(parent, folder, 0755) < 0)
        return error_set(err, errno, "make %.200s", folder);
    CLEANUP(fd_close) int dir = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (dir < 0 || fchdir(dir) < 0)
        return error_set(err, errno, "open %.200s", folder);
    if (mkdir(STATE_FOLDER, 0700) < 0) /* before it gets its times */
        return error_set(err, errno, "make " STATE_FOLDER);
    return tarball_unpack(archive, entries, err);
}

static int unpack(int archive, const char *dir, uint64_t *entries, struct error *err)
{
    CLEANUP(fd_close) int parent = -1;
    char name[NAME_MAX + 1];
    char beside[64];
    TRY(open_parent(dir, name, &parent, err));
    snprintf(beside, sizeof beside, ".ccfs-unpacking-%d", (int)getpid());
    if (faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_say(err, EEXIST, "%.200s is there already; name a folder that is not", name);
    int r = unpack_here(archive, parent, beside, entries, err);
    if (r == 0 && renameat2(parent, beside, parent, name, RENAME_NOREPLACE) < 0)
        r = error_set(err, errno, "%.200s", name);
    if (r < 0 && fchdir(parent) == 0)
        tree_remove(beside);
    return r;
}

/* With a journal, if none came along. */
static int become_workspace(const char *dir, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    const struct cli there = {.workspace = dir};
    bool made;
    return workspace_create(&there, &w, &made, err);
}

/* It says what sessions may reach, and whoever made the archive wrote it. */
static void tell_of_config(const char *shown)
{
    if (access(STATE_FOLDER "/config.json", F_OK) == 0)
        log_line("the archive brought a configuration, which says what sessions may reach; read "
                 "it before one starts: %s/" STATE_FOLDER "/config.json",
                 shown);
}

int cmd_restore_backup(struct cli *cli, int argc, char **argv)
{
    const char *sha256 = NULL;
    const struct cli_option options[] = {
        {"sha256", 0, OPTION_TEXT, &sha256, "SUM", "unpack only if the archive has this checksum"},
    };
    struct error err = ERROR_NONE;
    uint64_t entries = 0;
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    CLEANUP(fd_close) int archive = open(cli->operands[0], O_RDONLY | O_CLOEXEC);
    int r = archive < 0 ? error_set(&err, errno, "%.200s", cli->operands[0]) : 0;
    if (r == 0 && sha256)
        r = check_sum(archive, sha256, &err);
    CLEANUP(fd_close) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    render_name(&shown, cli->operands[1]);
    if (r == 0)
        r = unpack(archive, cli->operands[1], &entries, &err);
    if (r == 0)
        tell_of_config(strbuf_text(&shown));
    if (r == 0 && fchdir(here) < 0)
        r = error_set(&err, errno, "come back");
    if (r == 0)
        r = become_workspace(cli->operands[1], &err);
    if (r < 0)
        return cli_fail(&err);
    printf("unpacked %" PRIu64 " files and folders; look: ccfs -w %s status\n", entries,
           strbuf_text(&shown));
    return EXIT_DONE;
}
