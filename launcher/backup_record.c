/* backup_record.c - see backup_record.h.
 *
 * One line: the time, a space, the file, escaped.  It replaces the one before by a rename. */
#include "launcher/backup_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/strbuf.h"
#include "journal/base/text.h"
#include "journal/journal.h"

#define NAME "last-backup"

static int open_state(int root)
{
    return fd_open_beneath(root, STATE_FOLDER, O_RDONLY | O_DIRECTORY, 0);
}

static int write_line(int state, const struct strbuf *line)
{
    CLEANUP(fd_close)
    int fd = openat(state, NAME ".new",
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, strbuf_text(line), line->bytes);
    if (r == 0 && renameat(state, NAME ".new", state, NAME) < 0)
        r = -errno;
    return r;
}

int backup_record_write(int root, const struct backup_record *record, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(fd_close) int state = open_state(root);
    strbuf_add_format(&line, "%" PRId64 " ", record->time);
    text_escape(&line, record->file, strlen(record->file));
    strbuf_add_text(&line, "\n");
    int r = line.failed ? -ENOMEM : state < 0 ? state : write_line(state, &line);
    return r < 0 ? error_set(err, -r, "note the backup in " STATE_FOLDER) : 0;
}

static bool parse(char *text, struct backup_record *out)
{
    CLEANUP(strbuf_release) struct strbuf file = STRBUF_EMPTY;
    int at = 0;
    text[strcspn(text, "\n")] = '\0';
    if (sscanf(text, "%" SCNd64 " %n", &out->time, &at) != 1 || at == 0 ||
        !text_unescape(&file, text + at) || file.failed)
        return false;
    bool fits = file.bytes > 0 && file.bytes < sizeof out->file && file.data[0] == '/' &&
                strlen(strbuf_text(&file)) == file.bytes;
    if (fits)
        memcpy(out->file, file.data, file.bytes + 1);
    return fits && out->time > 0;
}

int backup_record_read(int root, struct backup_record *out)
{
    char text[4 * sizeof out->file + 64];
    CLEANUP(fd_close) int state = open_state(root);
    if (state < 0)
        return -ENOENT;
    CLEANUP(fd_close) int fd = openat(state, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -ENOENT;
    text[n] = '\0';
    return parse(text, out) ? 0 : -ENOENT;
}
