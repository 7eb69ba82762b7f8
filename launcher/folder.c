/* folder.c - see folder.h. */
#include "launcher/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/fd.h"

int folder_find(const struct workspace *w, const char *wish, char *out, struct error *err)
{
    const char *at = wish ? wish : "Projects";
    struct stat st;
    if (strncmp(at, "/workspace", 10) == 0 && (at[10] == '/' || at[10] == '\0'))
        at += 10;
    else if (at[0] == '/')
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "--cd %s is outside the workspace, where the command cannot be", at);
    at += strspn(at, "/");
    CLEANUP(fd_close) int fd = fd_open_beneath(w->root, at, O_PATH | O_DIRECTORY, 0);
    bool there = fd >= 0 && fstat(fd, &st) == 0 && strncmp(at, ".ccfs", 5) != 0;
    if (!there && wish)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "--cd %s: there is no such folder in the workspace", wish);
    snprintf(out, FOLDER_LIMIT, "/workspace%s%s", there && *at ? "/" : "", there ? at : "");
    return 0;
}
