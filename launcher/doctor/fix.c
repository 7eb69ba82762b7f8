/* fix.c - see fix.h. */
#include "launcher/doctor/fix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/journal.h"
#include "launcher/control_client.h"
#include "launcher/mountpoint.h"
#include "launcher/workspace.h"

#define URING "/sys/module/fuse/parameters/enable_uring"

char uring_switch(void)
{
    char word = 0;
    CLEANUP(fd_close) int fd = open(URING, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &word, 1) != 1)
        return 0;
    return word == 'Y' || word == '1' ? 'Y' : 'N';
}

static int fix_uring(const struct cli *cli, struct error *err)
{
    (void)cli;
    char word = uring_switch();
    if (word == 'Y') {
        puts("io_uring for FUSE is on already");
        return 0;
    }
    if (word == 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_PLATFORM),
                         "this kernel has no io_uring for FUSE, or its module is not loaded (as "
                         "root: modprobe fuse)");
    CLEANUP(fd_close) int fd = open(URING, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return error_say(err, EXIT_AS_ERROR(EXIT_PERMISSION),
                         "only root may switch it on: sudo ccfs doctor --fix uring");
    if (fd < 0 || write(fd, "Y", 1) != 1)
        return error_set(err, errno, "switch io_uring for FUSE on");
    puts("io_uring for FUSE is on until the next boot; for good: options fuse enable_uring=1 in "
         "/etc/modprobe.d/fuse.conf");
    return 0;
}

bool made_folder(size_t i, const char **name, mode_t *mode)
{
    if (i > workspace_folder_count)
        return false;
    *name = i < workspace_folder_count ? workspace_folders[i] : STATE_FOLDER;
    *mode = i < workspace_folder_count ? 0755 : 0700;
    return true;
}

/* What is no folder, or a symlink, stays as it is. */
static int fix_folder(const struct workspace *w, const char *name, mode_t mode, unsigned *count,
                      struct error *err)
{
    struct stat st;
    CLEANUP(fd_close) int fd = fd_open_beneath(w->root, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(err, fd < 0 ? -fd : errno, "open %s", name);
    if ((st.st_mode & 0777) == mode)
        return 0;
    if (fchmod(fd, mode) < 0)
        return error_set(err, errno, "set the mode of %s", name);
    ++*count;
    return 0;
}

static int fix_folders(const struct cli *cli, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    const char *name = NULL;
    mode_t mode = 0;
    unsigned count = 0;
    TRY(workspace_open(cli, &w, err));
    for (size_t i = 0; made_folder(i, &name, &mode); i++)
        TRY(fix_folder(&w, name, mode, &count, err));
    printf("%u folder%s got the mode that init gives\n", count, count == 1 ? "" : "s");
    return 0;
}

static int fix_mount(const struct cli *cli, struct error *err)
{
    CLEANUP(workspace_close) struct workspace w = WORKSPACE_NONE;
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    char *mountpoint = NULL;
    TRY(workspace_open_as_is(cli, &w, err));
    int runs = control_connect(w.root, &daemon, err);
    TRY(runs);
    if (runs || mountpoint_find(&w, &mountpoint, NULL) < 0) {
        puts("there is no dead mount");
        return 0;
    }
    int r = mountpoint_detach(mountpoint, true, err);
    free(mountpoint);
    if (r == 0)
        puts("took the dead mount away");
    return r;
}

static const struct {
    const char *name;
    int (*run)(const struct cli *cli, struct error *err);
} fixes[] = {{"uring", fix_uring}, {"folders", fix_folders}, {"mount", fix_mount}};

int doctor_fix(const struct cli *cli, const char *name, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(fixes); i++)
        if (strcmp(fixes[i].name, name) == 0)
            return fixes[i].run(cli, err);
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "doctor: --fix wants uring, folders or mount; see: ccfs doctor --help");
}
