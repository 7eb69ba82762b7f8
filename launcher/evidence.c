/* evidence.c - see evidence.h. */
#include "launcher/evidence.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "launcher/tarball.h"

#define SUMS "SHA256SUMS"

int evidence_open(const struct archive_file *place, const struct secrets *all, struct evidence *out,
                  struct error *err)
{
    *out = (struct evidence){.place = place};
    return redactor_new(all, &out->redactor, err);
}

void evidence_close(struct evidence *e)
{
    for (size_t i = 0; i < e->count; i++)
        fd_close(&e->files[i].fd);
    e->count = 0;
    redactor_free(&e->redactor);
}

int evidence_add(struct evidence *e, const char *path, int *fd, struct error *err)
{
    if (e->count == EVIDENCE_LIMIT)
        return error_say(err, E2BIG, "more than %d files of evidence", EVIDENCE_LIMIT);
    struct evidence_file *file = &e->files[e->count++];
    snprintf(file->path, sizeof file->path, "%s", path);
    file->fd = fd_take(fd);
    return 0;
}

int evidence_begin(struct evidence *e, struct error *err, const char *path, ...)
{
    CLEANUP(fd_close) int fd = -1;
    char name[160];
    va_list args;
    va_start(args, path);
    vsnprintf(name, sizeof name, path, args);
    va_end(args);
    TRY(archive_file_nameless(e->place, &fd, err));
    redactor_begin(e->redactor, fd);
    e->error = ERROR_NONE;
    return evidence_add(e, name, &fd, err);
}

bool evidence_feed(void *evidence, const char *data, size_t bytes)
{
    struct evidence *e = evidence;
    return !e->error.code && redactor_feed(e->redactor, data, bytes, &e->error) == 0;
}

int evidence_end(struct evidence *e, struct error *err)
{
    TRY(error_pass(err, &e->error));
    return redactor_end(e->redactor, err);
}

/* ---- packing ---- */

static int add_sums(struct evidence *e, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf sums = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = -1;
    for (size_t i = 0; i < e->count; i++) {
        char sha256[65];
        TRY(archive_file_sum(e->files[i].fd, sha256, err));
        strbuf_add_format(&sums, "%s  %s\n", sha256, e->files[i].path);
    }
    TRY(archive_file_nameless(e->place, &fd, err));
    int r = sums.failed ? -ENOMEM : fd_write_all(fd, strbuf_text(&sums), sums.bytes);
    if (r < 0)
        return error_set(err, -r, "write the checksums");
    return evidence_add(e, SUMS, &fd, err);
}

static void own(struct tarball_item *item, const struct workspace *owner, mode_t mode)
{
    item->st.st_mode = mode;
    item->st.st_uid = owner->owner;
    item->st.st_gid = owner->group;
}

static int pack_one(struct tarball *t, const char *folder, const struct evidence_file *file,
                    const struct workspace *owner, struct error *err)
{
    char path[400];
    struct tarball_item item = {.path = path, .fd = file->fd, .own_attributes = true};
    snprintf(path, sizeof path, "%s/%s", folder, file->path);
    if (fstat(file->fd, &item.st) < 0)
        return error_set(err, errno, "look at %s", file->path);
    item.st.st_nlink = 1;
    own(&item, owner, S_IFREG | 0600);
    return tarball_add(t, &item, err);
}

static int pack_folder(struct tarball *t, const char *folder, const struct workspace *owner,
                       struct error *err)
{
    struct tarball_item item = {.path = folder, .fd = -1, .own_attributes = true};
    own(&item, owner, S_IFDIR | 0700);
    item.st.st_mtime = time(NULL);
    return tarball_add(t, &item, err);
}

int evidence_pack(struct evidence *e, const char *folder, const struct workspace *owner, int fd,
                  struct error *err)
{
    CLEANUP(tarball_free) struct tarball *t = NULL;
    TRY(add_sums(e, err));
    TRY(tarball_create(fd, &t, err));
    TRY(pack_folder(t, folder, owner, err));
    for (size_t i = 0; i < e->count; i++)
        TRY(pack_one(t, folder, &e->files[i], owner, err));
    return tarball_end(&t, err);
}
