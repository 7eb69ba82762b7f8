/* backup_pack.c - what lies in the workspace goes into the archive as it is now.
 *
 * An agent may change the folder at the same time: every step is taken on an open folder, nothing
 * is followed, and what is gone is left out; the journal tells of it later. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/dir.h"
#include "journal/base/fd.h"
#include "journal/base/list.h"
#include "launcher/backup_part.h"

#define DEPTH_MOST 400 /* two descriptors each, of the 1024 that everybody has */
#define SHOW_EVERY 256

bool backup_excludes(const struct backup *b, const char *path)
{
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < b->wish->exclude->count; i++) {
        const char *glob = b->wish->exclude->items[i];
        if (fnmatch(glob, path, FNM_LEADING_DIR) == 0 ||
            (!strchr(glob, '/') && fnmatch(glob, slash ? slash + 1 : path, 0) == 0))
            return true;
    }
    return false;
}

bool backup_packs(mode_t mode)
{
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISFIFO(mode);
}

static int pack(struct backup *b, const struct tarball_item *item, struct error *err)
{
    const struct screen *screen = b->wish->screen;
    if (++b->result->entries % SHOW_EVERY == 0 && screen->terminal) {
        fprintf(screen->out, "\r%" PRIu64 " packed ", b->result->entries);
        fflush(screen->out);
    }
    return tarball_add(b->tarball, item, err);
}

static int remember_name(struct backup *b, uint64_t ino, const char *path)
{
    struct other_name *names = list_grown(b->names, b->name_count, &b->name_room, sizeof *names);
    if (!names)
        return -ENOMEM;
    b->names = names;
    char *copy = arena_copy_text(&b->memory, path);
    if (!copy)
        return -ENOMEM;
    b->names[b->name_count++] = (struct other_name){ino, copy};
    return 0;
}

static int pack_link(struct backup *b, int dir, const char *name, struct tarball_item *item,
                     struct error *err)
{
    char target[PATH_MAX + 1];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n < 0)
        return 0;
    target[n] = '\0';
    item->target = target;
    return pack(b, item, err);
}

static int pack_folder(struct backup *b, int fd, const char *path, unsigned depth,
                       struct error *err);

/* What was opened is what counts. */
static int pack_opened(struct backup *b, int fd, const char *path, unsigned depth,
                       struct error *err)
{
    struct tarball_item item = {.path = path, .fd = fd};
    if (fstat(fd, &item.st) < 0)
        return error_set(err, errno, "read %.200s", path);
    bool folder = S_ISDIR(item.st.st_mode);
    if (!folder && item.st.st_nlink > 1 && remember_name(b, item.st.st_ino, path) < 0)
        return error_set(err, ENOMEM, "make a backup");
    TRY(pack(b, &item, err));
    return folder ? pack_folder(b, fd, path, depth + 1, err) : 0;
}

static int pack_entry(struct backup *b, int dir, const char *name, const char *path, unsigned depth,
                      struct error *err)
{
    struct tarball_item item = {.path = path, .fd = -1};
    if (fstatat(dir, name, &item.st, AT_SYMLINK_NOFOLLOW) < 0 || !backup_packs(item.st.st_mode))
        return 0;
    if (S_ISLNK(item.st.st_mode))
        return pack_link(b, dir, name, &item, err);
    if (S_ISFIFO(item.st.st_mode))
        return pack(b, &item, err);
    CLEANUP(fd_close)
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return 0;
    if (fd < 0 && errno == EACCES) {
        b->result->left_out++;
        return 0;
    }
    if (fd < 0)
        return error_set(err, errno, "read %.200s", path);
    return pack_opened(b, fd, path, depth, err);
}

static int pack_folder(struct backup *b, int fd, const char *path, unsigned depth,
                       struct error *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    CLEANUP(dir_close) DIR *dir = own < 0 ? NULL : fdopendir(own);
    CLEANUP(strbuf_release) struct strbuf below = STRBUF_EMPTY;
    if (!dir)
        return error_set(err, errno, "read %.200s", path);
    if (depth > DEPTH_MOST) {
        b->result->left_out++;
        return 0;
    }
    for (const struct dirent *d; (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        strbuf_clear(&below);
        strbuf_add_format(&below, "%s%s%s", path, *path ? "/" : "", d->d_name);
        if (below.failed)
            return error_set(err, ENOMEM, "make a backup");
        if (strcmp(strbuf_text(&below), STATE_FOLDER) == 0 ||
            backup_excludes(b, strbuf_text(&below)))
            continue;
        TRY(pack_entry(b, fd, d->d_name, strbuf_text(&below), depth, err));
    }
    return 0;
}

int backup_pack_tree(struct backup *b, struct error *err)
{
    struct tarball_item root = {.path = ".", .fd = b->look->workspace.root};
    if (fstat(root.fd, &root.st) < 0)
        return error_set(err, errno, "read the workspace");
    TRY(pack(b, &root, err));
    return pack_folder(b, root.fd, "", 0, err);
}

int backup_pack_path(struct backup *b, const char *path, struct error *err)
{
    CLEANUP(fd_close)
    int fd = fd_open_beneath(b->look->workspace.root, path, O_RDONLY | O_NONBLOCK, 0);
    return fd < 0 ? 0 : pack_opened(b, fd, path, 0, err);
}

/* The queue and the sockets belong to the daemon; the database is copied by itself. */
int backup_pack_state(struct backup *b, struct error *err)
{
    static const char *const some[] = {STATE_FOLDER "/vault", STATE_FOLDER "/config.json"};
    for (size_t i = 0; i < COUNT_OF(some); i++)
        TRY(backup_pack_path(b, some[i], err));
    return 0;
}
