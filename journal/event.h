/* event.h - what one remembered thing looks like, in memory.  FORMAT.md says how it is stored.
 *
 * Paths are bytes, relative to the workspace, without a leading slash; "" is its root.
 * Times are UTC nanoseconds.  Pointers in a struct event are borrowed from whoever made it. */
#ifndef JOURNAL_EVENT_H
#define JOURNAL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Stored numbers: never reused, never renumbered. */
enum op {
    OP_NONE = 0,
    OP_CREATE = 1,
    OP_MKDIR = 2,
    OP_MKNOD = 3, /* a FIFO or socket */
    OP_SYMLINK = 4,
    OP_LINK = 5, /* path is the new name, path2 an older one */
    OP_UNLINK = 6,
    OP_RMDIR = 7,
    OP_RENAME = 8,   /* path -> path2; what stood at path2 is `replaced` */
    OP_EXCHANGE = 9, /* path <-> path2; `replaced` is the object that stood at path2 */
    OP_WRITE = 10,   /* one open-to-close write session, or one write call ("each") */
    OP_TRUNCATE = 11,
    OP_CHMOD = 12,
    OP_CHOWN = 13,
    OP_UTIMENS = 14,
    OP_SETXATTR = 15,
    OP_REMOVEXATTR = 16,
    OP_OPEN = 17, /* 17 to 20 only ever refused */
    OP_READLINK = 18,
    OP_LIST = 19,
    OP_GETXATTR = 20,
    OP_MOUNT = 32, /* the journal starts to run */
    OP_UMOUNT = 33,
    OP_GAP = 34,      /* it did not run: before.mtime to time */
    OP_UNDO = 35,     /* a person took something back; its steps carry `undoes` */
    OP_HISTORY = 36,  /* a person read the journal */
    OP_SESSION = 37,  /* an agent session began (count 1) or ended (count 2) */
    OP_GC = 38,       /* retention dropped something; reason says what */
    OP_NETWORK = 39,  /* a session's proxy was asked count times; path is "name:port", no path */
    OP_EXTERNAL = 40, /* changed outside ccfs; before: as last seen, after: as it was found */
};

enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_DENIED = 1,  /* refused by ccfs; reason says why */
    OUTCOME_FAILED = 2,  /* tried, and the system said error_code; nothing changed */
    OUTCOME_OPEN = 3,    /* a write session that has not ended */
    OUTCOME_NOTHING = 4, /* nothing changed in it, and it was sealed as open: never told */
};

enum event_flag {
    EVENT_INFERRED = 1, /* the actor is inferred: the kernel named no process (mmap stores) */
    EVENT_SETTLED = 2,  /* outcome decided by recovery, from what was on disk */
    EVENT_BY_UNDO = 4,  /* a step of an undo */
};

/* A thing's metadata; valid when mode != 0.  ino and born (statx btime, 0 where the filesystem has
 * none) together are its identity as long as it lives, also when the number is used again later. */
struct attr {
    uint64_t ino;
    int64_t born;
    uint32_t mode; /* type and permissions */
    uint32_t uid;
    uint32_t gid;
    uint32_t nlink;
    uint64_t size;
    int64_t mtime;
    int64_t ctime;
};

/* How the bytes of a version are kept in the vault. */
enum kept {
    KEPT_NONE = 0,
    KEPT_INODE = 1,  /* the inode itself was moved or linked there: files, symlinks, FIFOs */
    KEPT_CLONE = 2,  /* FICLONE of the whole file */
    KEPT_COPY = 3,   /* copy of the whole file */
    KEPT_BLOCKS = 4, /* the overwritten ranges: over the present content they give the old one */
};

struct range {
    int64_t offset;
    int64_t length;
};

struct actor {
    uint64_t id;     /* 0: unknown */
    int32_t pid;     /* thread group id on the host */
    int64_t started; /* UTC ns */
    uint64_t parent; /* actor id, 0: unknown */
    uint32_t uid;
    uint32_t gid;
    const char *exe;     /* bytes; NULL: unknown */
    const char *cmdline; /* arguments joined by spaces */
    const char *container;
};

struct event {
    uint64_t id;
    int64_t time;
    uint64_t session; /* 0: none */
    struct actor actor;
    int32_t tid;
    enum op op;
    unsigned flags; /* enum event_flag */
    enum outcome outcome;
    int error_code;     /* errno of denied and failed ones */
    const char *reason; /* NULL or a short text */
    uint32_t count;     /* how many alike this row stands for */
    const char *path;
    const char *path2;
    uint64_t object;   /* file id that survives renames and undo; 0: none */
    uint64_t replaced; /* the object that path2 named before */
    struct attr before;
    struct attr after;
    struct attr before2;        /* of the replaced object */
    int64_t dir_mtime;          /* of path's folder before; 0: unknown */
    int64_t dir2_mtime;         /* of path2's folder before */
    uint64_t version;           /* vault reference, 0: none */
    enum kept kept;             /* how that version is kept */
    const struct range *ranges; /* changed byte ranges */
    size_t range_count;
    const void *xattrs; /* old extended attributes, see xattr.h */
    size_t xattr_bytes;
    uint64_t undoes;                    /* the event that this one takes back */
    uint64_t undone_by;                 /* the OP_UNDO event that took this one back, 0: none */
    const unsigned char *sha256_before; /* 32 bytes or NULL */
    const unsigned char *sha256_after;
};

const char *op_name(enum op op);          /* "unlink" */
enum op op_from_name(const char *name);   /* OP_NONE: no such */
const char *outcome_name(enum outcome o); /* "ok" "denied" "failed" "open" */
bool op_changes(enum op op);              /* ops that alter the workspace and can be undone */
const char *type_name(uint32_t mode);     /* "file" "dir" "symlink" "fifo" "socket" … */
struct attr attr_from_statx(const struct statx *x);
/* statx(2) of name below dir (not followed; "" = dir itself).  0 or -errno. */
int attr_read(int dir, const char *name, struct attr *out);
/* Same object, and as far as its metadata tells the same content: ino, born, type, size, mtime. */
bool attr_same_object(const struct attr *a, const struct attr *b);
bool attr_same_content(const struct attr *a, const struct attr *b);
/* The times of a kernel tick are alike: a content of just now may change and keep its time. */
#define ATTR_TICK_NS (NS_PER_S / 20)

#endif
