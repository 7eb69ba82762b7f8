/* tarball.c - see tarball.h.  With tar.c the door to libarchive. */
#include "launcher/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/text.h"
#include "journal/xattr.h"

#define CHUNK ((size_t)1 << 18)
#define BLOCK 10240 /* of reading */

struct tarball {
    struct archive *out;
    struct archive *disk; /* reads what a descriptor knows of its file */
    struct archive_entry_linkresolver *links;
};

static void entry_free(struct archive_entry **entry)
{
    archive_entry_free(*entry);
    *entry = NULL;
}

static void reader_free(struct archive **a)
{
    archive_read_free(*a);
    *a = NULL;
}

static void writer_free(struct archive **a)
{
    archive_write_free(*a);
    *a = NULL;
}

static int failed(struct archive *a, const char *what, const char *path, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf why = STRBUF_EMPTY;
    const char *said = archive_error_string(a);
    int code = archive_errno(a);
    text_escape(&shown, path, strlen(path));
    if (said)
        text_escape(&why, said, strlen(said));
    return error_say(err, code > 0 ? code : EIO, "%s%s%.150s: %.80s", what, *path ? " " : "",
                     strbuf_text(&shown), said ? strbuf_text(&why) : "no memory");
}

/* ---- making one ---- */

void tarball_free(struct tarball **t)
{
    struct tarball *tarball = *t;
    if (!tarball)
        return;
    archive_entry_linkresolver_free(tarball->links);
    archive_read_free(tarball->disk);
    archive_write_free(tarball->out);
    free(tarball);
    *t = NULL;
}

int tarball_create(int fd, struct tarball **out, struct error *err)
{
    CLEANUP(tarball_free) struct tarball *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, ENOMEM, "make an archive");
    t->out = archive_write_new();
    t->disk = archive_read_disk_new();
    t->links = archive_entry_linkresolver_new();
    if (!t->out || !t->disk || !t->links)
        return error_set(err, ENOMEM, "make an archive");
    archive_read_disk_set_symlink_physical(t->disk);
    if (archive_write_set_format_pax(t->out) != ARCHIVE_OK ||
        archive_write_add_filter_gzip(t->out) != ARCHIVE_OK ||
        archive_write_set_options(t->out, "gzip:!timestamp,pax:xattrheader=SCHILY") <
            ARCHIVE_WARN || /* as GNU tar reads them */
        archive_write_open_fd(t->out, fd) != ARCHIVE_OK)
        return failed(t->out, "make an archive", "", err);
    archive_entry_linkresolver_set_strategy(t->links, archive_format(t->out));
    *out = t;
    t = NULL;
    return 0;
}

int tarball_end(struct tarball **t, struct error *err)
{
    if (archive_write_close((*t)->out) != ARCHIVE_OK)
        return failed((*t)->out, "finish the archive", "", err);
    tarball_free(t);
    return 0;
}

static int take_attributes(struct tarball *t, struct archive_entry *entry,
                           const struct tarball_item *item, struct error *err)
{
    if (item->own_attributes) {
        struct xattr x;
        size_t at = 0;
        char name[256];
        while (xattr_next(item->xattrs, item->xattr_bytes, &at, &x) == 1) {
            if (x.value_bytes == XATTR_ABSENT || x.name_bytes >= sizeof name)
                continue;
            memcpy(name, x.name, x.name_bytes);
            name[x.name_bytes] = '\0';
            archive_entry_xattr_add_entry(entry, name, x.value, x.value_bytes);
        }
        return 0;
    }
    if (item->fd >= 0 &&
        archive_read_disk_entry_from_file(t->disk, entry, item->fd, &item->st) < ARCHIVE_WARN)
        return failed(t->disk, "read", item->path, err);
    return 0;
}

/* A file that became shorter meanwhile is filled up with zeros: its size was written already. */
static int add_content(struct tarball *t, const struct tarball_item *item, struct error *err)
{
    int64_t left = item->st.st_size;
    char *buffer = malloc(CHUNK);
    int r = buffer ? 0 : error_set(err, ENOMEM, "make an archive");
    for (off_t at = 0; left > 0 && r == 0;) {
        size_t want = left < (int64_t)CHUNK ? (size_t)left : CHUNK;
        ssize_t n = pread(item->fd, buffer, want, at);
        if (n < 0) {
            r = error_set(err, errno, "read %s", item->path);
            break;
        }
        if (n == 0) {
            memset(buffer, 0, want);
            n = (ssize_t)want;
        }
        if (archive_write_data(t->out, buffer, (size_t)n) != n)
            r = failed(t->out, "write", item->path, err);
        at += n;
        left -= n;
    }
    free(buffer);
    return r;
}

int tarball_add(struct tarball *t, const struct tarball_item *item, struct error *err)
{
    CLEANUP(entry_free) struct archive_entry *entry = archive_entry_new();
    struct archive_entry *later = NULL;
    if (!entry)
        return error_set(err, ENOMEM, "make an archive");
    archive_entry_copy_stat(entry, &item->st);
    archive_entry_copy_pathname(entry, item->path);
    if (S_ISLNK(item->st.st_mode))
        archive_entry_copy_symlink(entry, item->target);
    TRY(take_attributes(t, entry, item, err));
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
    archive_entry_linkify(t->links, &entry, &later); /* tar has nothing for later */
    bool other_name = archive_entry_hardlink(entry) != NULL;
    if (archive_write_header(t->out, entry) < ARCHIVE_WARN)
        return failed(t->out, "write", item->path, err);
    return S_ISREG(item->st.st_mode) && !other_name ? add_content(t, item, err) : 0;
}

/* ---- reading one ---- */

static struct archive *open_to_read(int fd, struct error *err)
{
    CLEANUP(reader_free) struct archive *a = archive_read_new();
    if (!a || lseek(fd, 0, SEEK_SET) < 0) {
        error_set(err, a ? errno : ENOMEM, "read the archive");
        return NULL;
    }
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK) {
        failed(a, "read the archive", "", err);
        return NULL;
    }
    struct archive *open = a;
    a = NULL;
    return open;
}

static int copy_data(struct archive *from, struct archive *to, const char *path, struct error *err)
{
    const void *data;
    size_t bytes;
    la_int64_t offset;
    int r;
    while ((r = archive_read_data_block(from, &data, &bytes, &offset)) == ARCHIVE_OK)
        if (archive_write_data_block(to, data, bytes, offset) < 0)
            return failed(to, "write", path, err);
    return r == ARCHIVE_EOF ? 0 : failed(from, "read", path, err);
}

/* A tar stream has no blocks at offsets: holes are written as what they are read as. */
static int copy_stream(struct archive *from, struct archive *to, const char *path,
                       struct error *err)
{
    char *buffer = malloc(CHUNK);
    int r = buffer ? 0 : error_set(err, ENOMEM, "make an archive");
    while (r == 0) {
        la_ssize_t n = archive_read_data(from, buffer, CHUNK);
        if (n == 0)
            break;
        if (n < 0)
            r = failed(from, "read", path, err);
        else if (archive_write_data(to, buffer, (size_t)n) != n)
            r = failed(to, "write", path, err);
    }
    free(buffer);
    return r;
}

int tarball_copy(int from, struct tarball *to, tarball_keep *keep, void *context, struct error *err)
{
    CLEANUP(reader_free) struct archive *in = open_to_read(from, err);
    struct archive_entry *entry;
    int r;
    if (!in)
        return -EIO;
    while ((r = archive_read_next_header(in, &entry)) == ARCHIVE_OK) {
        const char *path = archive_entry_pathname(entry);
        if (!keep(context, path, archive_entry_hardlink(entry)))
            continue;
        if (archive_write_header(to->out, entry) < ARCHIVE_WARN)
            return failed(to->out, "write", path, err);
        TRY(copy_stream(in, to->out, path, err));
    }
    return r == ARCHIVE_EOF ? 0 : failed(in, "read the archive", "", err);
}

/* The current folder is there already, so that libarchive leaves it as it is. */
static int dress_folder(const struct stat *st, struct error *err)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    if (!st->st_mode)
        return 0;
    if ((geteuid() == 0 && chown(".", st->st_uid, st->st_gid) < 0) ||
        chmod(".", st->st_mode & 07777) < 0 || utimensat(AT_FDCWD, ".", times, 0) < 0)
        return error_set(err, errno, "give the folder its owner, mode and time");
    return 0;
}

/* A device would be a door to the machine; no backup holds one.  Another name of a file has no
 * type. */
static int check_type(struct archive_entry *entry, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    const char *path = archive_entry_pathname(entry);
    mode_t type = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) || type == AE_IFREG || type == AE_IFDIR || type == AE_IFLNK ||
        type == AE_IFIFO)
        return 0;
    text_escape(&shown, path, strlen(path));
    return error_say(
        err, EBADMSG,
        "%.200s in the archive is neither file, folder, symlink nor FIFO: such are not "
        "unpacked",
        strbuf_text(&shown));
}

/* Who unpacks an archive as root must not leave programs that make others root: files come without
 * setuid, setgid and capabilities, as they come through the mount. */
static int take_privileges(struct archive_entry *entry, struct error *err)
{
    CLEANUP(entry_free) struct archive_entry *from = NULL;
    const char *name;
    const void *value;
    size_t bytes;
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return 0;
    archive_entry_set_perm(entry, archive_entry_perm(entry) & (mode_t) ~(S_ISUID | S_ISGID));
    if (archive_entry_xattr_count(entry) == 0)
        return 0;
    from = archive_entry_clone(entry);
    if (!from)
        return error_set(err, ENOMEM, "unpack the archive");
    archive_entry_xattr_clear(entry);
    archive_entry_xattr_reset(from);
    while (archive_entry_xattr_next(from, &name, &value, &bytes) == ARCHIVE_OK)
        if (strcmp(name, "security.capability") != 0)
            archive_entry_xattr_add_entry(entry, name, value, bytes);
    return 0;
}

static int unpack_all(struct archive *in, struct archive *disk, uint64_t *entries,
                      struct error *err)
{
    struct archive_entry *entry;
    struct stat top = {0};
    int r;
    while ((r = archive_read_next_header(in, &entry)) == ARCHIVE_OK) {
        const char *path = archive_entry_pathname(entry);
        if (!path)
            return error_say(err, EBADMSG, "the archive has a name that cannot be read");
        TRY(check_type(entry, err));
        TRY(take_privileges(entry, err));
        ++*entries;
        if (strcmp(path, ".") == 0 || strcmp(path, "./") == 0) {
            top = *archive_entry_stat(entry);
            continue;
        }
        if (archive_write_header(disk, entry) < ARCHIVE_WARN)
            return failed(disk, "unpack", path, err);
        TRY(copy_data(in, disk, path, err));
        if (archive_write_finish_entry(disk) < ARCHIVE_WARN)
            return failed(disk, "unpack", path, err);
    }
    if (r != ARCHIVE_EOF)
        return failed(in, "read the archive", "", err);
    if (archive_write_close(disk) != ARCHIVE_OK)
        return failed(disk, "unpack", "", err);
    return dress_folder(&top, err);
}

int tarball_unpack(int fd, uint64_t *entries, struct error *err)
{
    CLEANUP(reader_free) struct archive *in = open_to_read(fd, err);
    CLEANUP(writer_free) struct archive *disk = archive_write_disk_new();
    int wanted = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
                 ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SPARSE | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                 ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
    if (!in || !disk)
        return in ? error_set(err, ENOMEM, "unpack the archive") : -EIO;
    if (geteuid() == 0)
        wanted |= ARCHIVE_EXTRACT_OWNER;
    archive_write_disk_set_options(disk, wanted);
    return unpack_all(in, disk, entries, err);
}
