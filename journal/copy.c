/* copy.c - see copy.h. */
#include "journal/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/db.h"
#include "journal/journal.h"

int journal_copy(int root, int dir, int *out, struct error *err)
{
    CLEANUP(db_close) struct db *db = NULL;
    char name[32];
    char into[80];
    snprintf(name, sizeof name, ".ccfs-journal-%d", (int)getpid());
    snprintf(into, sizeof into, "/proc/self/fd/%d/%s", dir, name); /* SQLite needs a name */
    TRY(db_open_in(root, DB_READ, &db, err));
    CLEANUP(fd_close)
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "copy the journal");
    int r = db_copy(db, into, err);
    (void)unlinkat(dir, name, 0);
    if (r == 0)
        *out = fd_take(&fd);
    return r;
}
