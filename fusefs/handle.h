/* handle.h - private to fusefs/: open files.
 *
 * A handle is what one open() gave; a struct file is what all handles of an inode share: who writes,
 * and the write session (writing.h).
 * The kernel gets a table number, never a pointer.
 * Locks: handles->lock guards the table and the counts; file->lock guards a file's write session and is
 * held over capture and write, so that no byte changes between the two; and over an open, so that it does
 * not get the inode that a truncation is about to put away. */
#ifndef FUSEFS_HANDLE_H
#define FUSEFS_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fusefs/place.h"
#include "fusefs/writing.h"
#include "journal/journal.h"

/* How a handle's reads and writes reach the file; passthrough.h chooses. */
enum way {
    WAY_CACHED,  /* through us, and the kernel keeps pages of its own */
    WAY_DIRECT,  /* writes through us, each, while others pass */
    WAY_THROUGH, /* by the kernel alone: reads, writes and mappings are not seen */
};

struct file {
    pthread_mutex_t lock;
    struct node *node;
    unsigned handles;       /* under handles->lock */
    unsigned holds;         /* the same: handles and others */
    unsigned writers;       /* the same */
    struct writing writing; /* under lock */
    int backing;            /* under lock: the kernel's number of what is passed through, 0: none */
    unsigned cached, through; /* under lock: handles of either kind; direct ones count as through */
    unsigned unseen;          /* under lock: of those, that write unseen */
    unsigned mappable;        /* under lock: of those, that may be mapped for writing */
    /* Under lock: of the newest handle for writing, for stores that name nobody. */
    struct actor_ref opener;
};

struct handle {
    struct node *node; /* held */
    struct file *file;
    int fd;
    int flags; /* O_APPEND as set on fd; access mode */
    enum way way;
    bool writable; /* never changes */
    bool writes;   /* under handles->lock: it counts among the file's writers */
};

struct handles {
    pthread_mutex_t lock;
    struct handle **slots; /* by number; slot 0 is nobody's */
    uint64_t *free_slots;
    size_t count, room, free_count;
    size_t open;
};

void handles_init(struct handles *handles);
void handles_end(struct handles *handles); /* all must be closed */

/* Takes fd; -errno (then fd is closed).  file: entered. */
MUST_USE int handle_open_file(struct handles *handles, struct nodes *nodes, struct file *file,
                              int fd, int flags, enum way way, uint64_t *number);
struct handle *handle_get(struct handles *handles, uint64_t number);
/* Frees the handle.  The caller ended the write session of a last writer before. */
void handle_close(struct handles *handles, struct nodes *nodes, uint64_t number);
/* One writer less; *last: it was the last one. */
void handle_end_writing(struct handles *handles, struct handle *handle, bool *last);

/* The shared part of an inode that is open, held; NULL: it is not.  file_drop() it. */
struct file *file_of(struct handles *handles, struct node *node);
/* The same, made where there is none, and locked: until file_exit() nobody else opens, writes or
 * truncates the inode.  NULL: no memory. */
struct file *file_enter(struct handles *handles, struct nodes *nodes, struct node *node);
void file_exit(struct handles *handles, struct nodes *nodes, struct file *file); /* NULL is fine */
void file_drop(struct handles *handles, struct nodes *nodes, struct file *file);
/* Is this handle (or, with NULL, any) the only one of its inode? */
bool file_is_open(struct handles *handles, struct node *node, const struct handle *but);
/* The next open file, held, from slot *at on; NULL: no more. */
struct file *files_next(struct handles *handles, size_t *at, bool writers_only);
size_t handles_open(struct handles *handles);

#endif
