/* tar.c - see tar.h. */
#include "launcher/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"

static void end_writer(struct archive **a)
{
    archive_write_free(*a);
    *a = NULL;
}

static void end_reader(struct archive **a)
{
    archive_read_free(*a);
    *a = NULL;
}

static void end_entry(struct archive_entry **e)
{
    archive_entry_free(*e);
    *e = NULL;
}

static int say_failed(struct archive *a, struct error *err)
{
    const char *why = archive_error_string(a);
    int code = archive_errno(a);
    return error_say(err, code > 0 ? code : EIO, "write an archive: %s", why ? why : "no memory");
}

/* ---- files in memory ---- */

static la_ssize_t append(struct archive *a, void *context, const void *data, size_t bytes)
{
    struct strbuf *out = context;
    strbuf_add(out, data, bytes);
    if (!out->failed)
        return (la_ssize_t)bytes;
    archive_set_error(a, ENOMEM, "no memory");
    return -1;
}

static int add_file(struct archive *a, const struct tar_file *file, struct error *err)
{
    CLEANUP(end_entry) struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return error_say(err, ENOMEM, "no memory for an archive");
    archive_entry_set_pathname(entry, file->name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)file->bytes);
    if (archive_write_header(a, entry) != ARCHIVE_OK ||
        archive_write_data(a, file->data, file->bytes) != (la_ssize_t)file->bytes)
        return say_failed(a, err);
    return 0;
}

int tar_files(const struct tar_file *files, size_t count, struct strbuf *out, struct error *err)
{
    CLEANUP(end_writer) struct archive *a = archive_write_new();
    if (!a || archive_write_set_format_ustar(a) != ARCHIVE_OK ||
        archive_write_open(a, out, NULL, append, NULL) != ARCHIVE_OK)
        return say_failed(a, err);
    for (size_t i = 0; i < count; i++)
        TRY(add_file(a, &files[i], err));
    return archive_write_close(a) == ARCHIVE_OK ? 0 : say_failed(a, err);
}

static int take_content(struct archive *a, struct strbuf *out, struct error *err)
{
    char buffer[64 * 1024];
    la_ssize_t n = 0;
    while ((n = archive_read_data(a, buffer, sizeof buffer)) > 0)
        strbuf_add(out, buffer, (size_t)n);
    if (n < 0)
        return error_say(err, EPROTO, "the archive is torn");
    return out->failed ? error_say(err, ENOMEM, "no memory for a file") : 0;
}

int tar_first_file(const void *data, size_t bytes, struct strbuf *out, struct error *err)
{
    CLEANUP(end_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry = NULL;
    int r = ARCHIVE_FATAL;
    if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, data, bytes) != ARCHIVE_OK)
        return error_say(err, EPROTO, "that is no archive");
    while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN)
        if (archive_entry_filetype(entry) == AE_IFREG)
            return take_content(a, out, err);
    return error_say(err, r == ARCHIVE_EOF ? ENOENT : EPROTO,
                     r == ARCHIVE_EOF ? "the archive holds no file" : "that is no archive");
}

/* ---- a tree on disk ---- */

static int copy_content(struct archive *a, const char *path, la_int64_t size, struct error *err)
{
    char buffer[64 * 1024];
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set(err, errno, "open %s", path);
    while (size > 0) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, n < 0 ? errno : ENODATA, "read %s", path);
        size_t take = n > size ? (size_t)size : (size_t)n;
        if (archive_write_data(a, buffer, take) != (la_ssize_t)take)
            return say_failed(a, err);
        size -= (la_int64_t)take;
    }
    return 0;
}

/* "ROOT/usr/bin" is ./usr/bin in the archive; the root itself is left out. */
static int add_entry(struct archive *a, struct archive_entry *entry, const char *root,
                     struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf source = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf link = STRBUF_EMPTY;
    size_t skip = strlen(root);
    const char *hard = archive_entry_hardlink(entry);
    strbuf_add_text(&source, archive_entry_sourcepath(entry));
    if (source.failed || source.bytes <= skip)
        return source.failed ? error_say(err, ENOMEM, "no memory for an archive") : 0;
    strbuf_add_format(&name, ".%s", strbuf_text(&source) + skip);
    if (hard && strlen(hard) > skip)
        strbuf_add_format(&link, ".%s", hard + skip);
    archive_entry_set_pathname(entry, strbuf_text(&name));
    if (hard)
        archive_entry_set_hardlink(entry, strbuf_text(&link));
    archive_entry_set_perm(entry, archive_entry_perm(entry) & (mode_t) ~(S_ISUID | S_ISGID));
    if (archive_write_header(a, entry) < ARCHIVE_WARN)
        return say_failed(a, err);
    if (archive_entry_filetype(entry) != AE_IFREG || hard)
        return 0;
    return copy_content(a, strbuf_text(&source), archive_entry_size(entry), err);
}

static int add_all(struct archive *a, struct archive *disk,
                   struct archive_entry_linkresolver *links, const char *root, struct error *err)
{
    for (;;) {
        CLEANUP(end_entry) struct archive_entry *entry = archive_entry_new();
        struct archive_entry *later = NULL;
        if (!entry)
            return error_say(err, ENOMEM, "no memory for an archive");
        int r = archive_read_next_header2(disk, entry);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN)
            return say_failed(disk, err);
        archive_read_disk_descend(disk);
        archive_entry_linkify(links, &entry, &later); /* tar needs none of them later */
        TRY(add_entry(a, entry, root, err));
    }
}

static void end_links(struct archive_entry_linkresolver **links)
{
    archive_entry_linkresolver_free(*links);
    *links = NULL;
}

int tar_tree(const char *root, int fd, struct error *err)
{
    CLEANUP(end_writer) struct archive *a = archive_write_new();
    CLEANUP(end_reader) struct archive *disk = archive_read_disk_new();
    CLEANUP(end_links) struct archive_entry_linkresolver *links = archive_entry_linkresolver_new();
    if (!a || !disk || !links)
        return error_say(err, ENOMEM, "no memory for an archive");
    archive_read_disk_set_symlink_physical(disk);
    archive_read_disk_set_behavior(disk, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS);
    if (archive_read_disk_open(disk, root) != ARCHIVE_OK)
        return say_failed(disk, err);
    if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        archive_write_open_fd(a, fd) != ARCHIVE_OK)
        return say_failed(a, err);
    archive_entry_linkresolver_set_strategy(links, archive_format(a));
    TRY(add_all(a, disk, links, root, err));
    return archive_write_close(a) == ARCHIVE_OK ? 0 : say_failed(a, err);
}
