/* archive_file.c - see archive_file.h. */
#include "launcher/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/sha256.h"
#include "launcher/render.h"

void archive_file_close(struct archive_file *f)
{
    fd_close(&f->folder);
    free(f->path);
    f->path = NULL;
}

const char *archive_file_name(const struct archive_file *f)
{
    const char *slash = strrchr(f->path, '/');
    return slash ? slash + 1 : f->path;
}

static int default_path(const char *prefix, char **out, struct error *err)
{
    const struct passwd *owner = getpwuid(geteuid());
    const char *home = getenv("HOME");
    char day[32];
    struct tm local;
    time_t now = time(NULL);
    /* root that acts as the workspace's owner */
    if (owner && (!home || faccessat(AT_FDCWD, home, W_OK, AT_EACCESS) < 0))
        home = owner->pw_dir;
    if (!home)
        return error_say(err, ENOENT, "no home folder is known; name the archive's file");
    localtime_r(&now, &local);
    strftime(day, sizeof day, "%Y%m%d-%H%M%S", &local);
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    strbuf_add_format(&path, "%s/%s-%s.tar.gz", home, prefix, day);
    *out = strbuf_take(&path);
    return *out ? 0 : error_say(err, ENOMEM, "no memory for a path");
}

/* The folder in which the archive gets its name, which must not be packed itself. */
static int open_folder(struct archive_file *f, const struct workspace *w, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    char real[PATH_MAX];
    const char *slash = strrchr(f->path, '/');
    char *folder = slash == f->path ? strdup("/")
                   : slash          ? strndup(f->path, (size_t)(slash - f->path))
                                    : strdup(".");
    if (!folder)
        return error_set(err, ENOMEM, "make an archive");
    render_name(&shown, folder);
    const char *found = realpath(folder, real);
    free(folder);
    if (!found)
        return error_set(err, errno, "%.200s", strbuf_text(&shown));
    if (path_is_below(real, w->path))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "%.200s is in the workspace; an archive must lie outside it",
                         strbuf_text(&shown));
    f->folder = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return f->folder < 0 ? error_set(err, errno, "%.200s", strbuf_text(&shown)) : 0;
}

int archive_file_place(const struct archive_place *place, const struct workspace *w,
                       struct archive_file *out, struct error *err)
{
    CLEANUP(archive_file_close) struct archive_file f = ARCHIVE_FILE_NONE;
    if (place->path)
        f.path = strdup(place->path);
    else
        TRY(default_path(place->prefix, &f.path, err));
    if (!f.path)
        return error_set(err, ENOMEM, "make an archive");
    TRY(open_folder(&f, w, err));
    if (faccessat(f.folder, archive_file_name(&f), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_say(err, EEXIST, "%s is there already; nothing was written", f.path);
    *out = f;
    f = ARCHIVE_FILE_NONE;
    return 0;
}

int archive_file_nameless(const struct archive_file *f, int *out, struct error *err)
{
    *out = openat(f->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*out < 0 && errno == EOPNOTSUPP)
        return error_say(err, EXIT_AS_ERROR(EXIT_PLATFORM),
                         "that folder's filesystem has no unnamed files (O_TMPFILE); "
                         "name the archive in another");
    return *out < 0 ? error_set(err, errno, "make the archive") : 0;
}

int archive_file_sum(int fd, char sha256[65], struct error *err)
{
    unsigned char digest[SHA256_BYTES];
    struct sha256 *sha = sha256_new();
    int r = sha && lseek(fd, 0, SEEK_SET) == 0 ? sha256_file(sha, fd, NULL, digest) : -EIO;
    sha256_free(&sha);
    if (r < 0)
        return error_set(err, -r, "read an archive back");
    sha256_text(digest, sha256);
    return 0;
}

int archive_file_finish(const struct archive_file *f, int fd, char sha256[65], uint64_t *bytes,
                        struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    struct stat st;
    char self[32];
    TRY(archive_file_sum(fd, sha256, err));
    if (fstat(fd, &st) < 0 || fsync(fd) < 0)
        return error_set(err, errno, "finish the archive");
    *bytes = (uint64_t)st.st_size;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, f->folder, archive_file_name(f), AT_SYMLINK_FOLLOW) < 0) {
        render_name(&shown, f->path);
        return error_set(err, errno, "%.200s", strbuf_text(&shown));
    }
    return fsync(f->folder) == 0 ? 0 : error_set(err, errno, "name the archive");
}
