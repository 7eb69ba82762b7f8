/* backup.c - see backup.h.
 *
 * Two files without a name in the folder where the archive is to be: the first is packed straight
 * from the workspace; where something changed meanwhile, the second gets what of it still holds,
 * and the rest from the past (backup_mend.c).  The last one gets the name. */
#include "launcher/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/copy.h"
#include "launcher/backup_part.h"
#include "launcher/backup_record.h"

void backup_result_release(struct backup_result *result)
{
    free(result->file);
    free(result->first_as_is);
    *result = (struct backup_result){0};
}

int backup_is_whole(const struct backup_result *result, struct error *err)
{
    return result->left_out
               ? error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT),
                           "the backup is not whole: %" PRIu64
                           " files and folders lie too deep or cannot be read, and are not in it",
                           result->left_out)
               : 0;
}

static void backup_release(struct backup *b)
{
    tarball_free(&b->tarball);
    touched_release(&b->touched);
    arena_release(&b->memory);
    free(b->names);
}

/* ---- the journal, if it is wished ---- */

static int pack_journal(struct backup *b, struct error *err)
{
    CLEANUP(fd_close) int copy = -1;
    struct tarball_item item = {.path = STATE_FOLDER "/journal.db", .own_attributes = true};
    TRY(journal_copy(b->look->workspace.root, b->file->folder, &copy, err));
    if (fstat(copy, &item.st) < 0)
        return error_set(err, errno, "copy the journal");
    item.fd = copy;
    TRY(backup_pack_state(b, err));
    return tarball_add(b->tarball, &item, err);
}

/* ---- the whole ---- */

static int pack_all(struct backup *b, int fd, struct error *err)
{
    TRY(tarball_create(fd, &b->tarball, err));
    TRY(backup_pack_tree(b, err));
    if (b->wish->with_journal)
        TRY(pack_journal(b, err));
    return tarball_end(&b->tarball, err);
}

static int drain(struct backup *b, struct error *err)
{
    return b->look->daemon.fd < 0 ? 0 : control_ask(&b->look->daemon, "drain", NULL, NULL, err);
}

/* What happened since is in the journal now. */
static int mend(struct backup *b, int *fd, struct error *err)
{
    CLEANUP(fd_close) int mended = -1;
    TRY(drain(b, err));
    TRY(touched_collect(b->look->history, b->since.event, &b->touched, err));
    TRY(backup_add_other_names(b, err));
    if (b->touched.count == 0)
        return 0;
    TRY(archive_file_nameless(b->file, &mended, err));
    TRY(tarball_create(mended, &b->tarball, err));
    TRY(backup_mend(b, *fd, err));
    TRY(tarball_end(&b->tarball, err));
    fd_close(fd);
    *fd = fd_take(&mended);
    return 0;
}

static int write_all(struct backup *b, int *out, struct error *err)
{
    CLEANUP(fd_close) int fd = -1;
    TRY(past_now(b->look->history, &b->since, err));
    TRY(archive_file_nameless(b->file, &fd, err));
    TRY(pack_all(b, fd, err));
    TRY(mend(b, &fd, err));
    *out = fd_take(&fd);
    return 0;
}

int backup_write(struct look *look, const struct backup_wish *wish, const struct archive_file *file,
                 struct backup_result *result, int *fd, struct error *err)
{
    CLEANUP(backup_release)
    struct backup b = {.look = look, .wish = wish, .result = result, .file = file};
    return write_all(&b, fd, err);
}

/* For ccfs doctor.  The archive is there, whether it can be noted or not. */
static void note(const struct look *look, const struct backup_result *result)
{
    struct error err = ERROR_NONE;
    struct backup_record record = {.time = clock_now_ns()};
    if (!realpath(result->file, record.file) ||
        backup_record_write(look->workspace.root, &record, &err) < 0)
        log_line("the backup is made, but not noted: %s",
                 err.code ? err.message : "it cannot be found again");
}

int backup_make(struct look *look, const struct backup_wish *wish, struct backup_result *out,
                struct error *err)
{
    CLEANUP(archive_file_close) struct archive_file file = ARCHIVE_FILE_NONE;
    CLEANUP(fd_close) int fd = -1;
    const struct archive_place place = {.path = wish->file, .prefix = "claude-workspace"};
    TRY(archive_file_place(&place, &look->workspace, &file, err));
    TRY(backup_write(look, wish, &file, out, &fd, err));
    TRY(archive_file_finish(&file, fd, out->sha256, &out->bytes, err));
    out->file = file.path;
    file.path = NULL;
    note(look, out);
    return 0;
}
