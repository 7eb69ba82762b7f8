/* backup.c - see backup.h.
 *
 * Two files without a name in the folder where the archive is to be: the first is packed straight
 * from the workspace; where something changed meanwhile, the second gets what of it still holds,
 * and the rest from the past (backup_mend.c).  The last one gets the name. */
#include "launcher/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/copy.h"
#include "journal/sha256.h"
#include "launcher/backup_part.h"
#include "launcher/backup_record.h"

void backup_result_release(struct backup_result *result)
{
    free(result->file);
    free(result->first_as_is);
    *result = (struct backup_result){0};
}

static void backup_release(struct backup *b)
{
    tarball_free(&b->tarball);
    touched_release(&b->touched);
    arena_release(&b->memory);
    free(b->names);
}

/* ---- where it is to be ---- */

static int default_name(char out[PATH_MAX], struct error *err)
{
    const struct passwd *owner = getpwuid(geteuid());
    const char *home = getenv("HOME");
    char day[32];
    struct tm local;
    time_t now = time(NULL);
    if (owner && (!home || access(home, W_OK) < 0)) /* root became the workspace's owner */
        home = owner->pw_dir;
    if (!home)
        return error_say(err, ENOENT,
                         "no home folder is known; name the archive: ccfs backup FILE");
    localtime_r(&now, &local);
    strftime(day, sizeof day, "%Y%m%d-%H%M%S", &local);
    snprintf(out, PATH_MAX, "%s/claude-workspace-%s.tar.gz", home, day);
    return 0;
}

/* The folder in which the archive gets its name, which must not be packed itself. */
static int open_folder(struct backup *b, const char *file, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    char real[PATH_MAX];
    const char *slash = strrchr(file, '/');
    char *folder = slash == file ? strdup("/")
                   : slash       ? strndup(file, (size_t)(slash - file))
                                 : strdup(".");
    if (!folder)
        return error_set(err, ENOMEM, "make a backup");
    render_name(&shown, folder);
    const char *found = realpath(folder, real);
    free(folder);
    if (!found)
        return error_set(err, errno, "%.200s", strbuf_text(&shown));
    size_t bytes = strlen(b->look->workspace.path);
    if (strncmp(real, b->look->workspace.path, bytes) == 0 && (real[bytes] == '/' || !real[bytes]))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "%.200s is in the workspace; a backup must lie outside it",
                         strbuf_text(&shown));
    b->folder = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return b->folder < 0 ? error_set(err, errno, "%.200s", strbuf_text(&shown)) : 0;
}

static int nameless(const struct backup *b, int *out, struct error *err)
{
    *out = openat(b->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*out < 0 && errno == EOPNOTSUPP)
        return error_say(err, EXIT_AS_ERROR(EXIT_PLATFORM),
                         "that folder's filesystem has no unnamed files (O_TMPFILE); "
                         "name the archive in another: ccfs backup FILE");
    return *out < 0 ? error_set(err, errno, "make the archive") : 0;
}

/* ---- the journal, if it is wished ---- */

static int pack_journal(struct backup *b, struct error *err)
{
    CLEANUP(fd_close) int copy = -1;
    struct tarball_item item = {.path = STATE_FOLDER "/journal.db", .own_attributes = true};
    TRY(journal_copy(b->look->workspace.root, b->folder, &copy, err));
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
    TRY(nameless(b, &mended, err));
    TRY(tarball_create(mended, &b->tarball, err));
    TRY(backup_mend(b, *fd, err));
    TRY(tarball_end(&b->tarball, err));
    fd_close(fd);
    *fd = fd_take(&mended);
    return 0;
}

static int finish(struct backup *b, int fd, const char *file, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    unsigned char digest[SHA256_BYTES];
    struct sha256 *sha = sha256_new();
    struct stat st;
    char self[32];
    const char *slash = strrchr(file, '/');
    int r = sha && lseek(fd, 0, SEEK_SET) == 0 ? sha256_file(sha, fd, NULL, digest) : -EIO;
    sha256_free(&sha);
    if (r < 0 || fstat(fd, &st) < 0 || fsync(fd) < 0)
        return error_set(err, r < 0 ? -r : errno, "finish the archive");
    sha256_text(digest, b->result->sha256);
    b->result->bytes = (uint64_t)st.st_size;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, b->folder, slash ? slash + 1 : file, AT_SYMLINK_FOLLOW) < 0) {
        render_name(&shown, file);
        return error_set(err, errno, "%.200s", strbuf_text(&shown));
    }
    b->result->file = strdup(file);
    return b->result->file && fsync(b->folder) == 0 ? 0 : error_set(err, errno, "name the archive");
}

static int make(struct backup *b, struct error *err)
{
    char made[PATH_MAX];
    CLEANUP(fd_close) int fd = -1;
    const char *file = b->wish->file;
    if (!file) {
        TRY(default_name(made, err));
        file = made;
    }
    TRY(open_folder(b, file, err));
    const char *slash = strrchr(file, '/');
    if (faccessat(b->folder, slash ? slash + 1 : file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_say(err, EEXIST, "%.200s is there already; nothing was written", file);
    TRY(past_now(b->look->history, &b->since, err));
    TRY(nameless(b, &fd, err));
    TRY(pack_all(b, fd, err));
    TRY(mend(b, &fd, err));
    return finish(b, fd, file, err);
}

/* For ccfs doctor.  The archive is there, whether it can be noted or not. */
static void note(const struct backup *b)
{
    struct error err = ERROR_NONE;
    struct backup_record record = {.time = clock_now_ns()};
    if (!realpath(b->result->file, record.file) ||
        backup_record_write(b->look->workspace.root, &record, &err) < 0)
        log_line("the backup is made, but not noted: %s",
                 err.code ? err.message : "it cannot be found again");
}

int backup_make(struct look *look, const struct backup_wish *wish, struct backup_result *out,
                struct error *err)
{
    CLEANUP(backup_release)
    struct backup b = {.look = look, .wish = wish, .result = out};
    b.folder = -1;
    int r = make(&b, err);
    fd_close(&b.folder);
    if (r == 0)
        note(&b);
    return r;
}
