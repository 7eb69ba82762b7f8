/* undo_step.h - private to journal/: one thing that an undo does, and how it is stored.
 *
 *   (1) A step knows what it expects and can tell whether its effect is already there: doing it
 * twice is doing it once. (2) Steps are done in their order; what is stored was planned as a whole
 * before the first one. */
#ifndef JOURNAL_UNDO_STEP_H
#define JOURNAL_UNDO_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/arena.h"
#include "journal/base/error.h"
#include "journal/base/strbuf.h"
#include "journal/event.h"

/* Stored numbers. */
enum step_kind {
    STEP_EVENTS = 1,   /* nothing to do: which events are taken back (data: ids) */
    STEP_REDONE = 2,   /* nothing to do: which undos are taken back as a whole (data: ids) */
    STEP_STAGE = 3,    /* builds a content in undo/ (data: patches, newest first) */
    STEP_MKDIR = 4,    /* path, with wish; attr: the folder that it stands for */
    STEP_MOVE_OUT = 5, /* path: version comes back itself */
    STEP_PLACE = 6,    /* path: the staged file, with wish; attr: the file that it stands for */
    STEP_LINK = 7,     /* path: a further name of path2 */
    STEP_RENAME = 8,   /* path -> path2 */
    STEP_REMOVE = 9,   /* path goes, into the vault if it is the last name */
    STEP_RMDIR = 10,
    STEP_REPLACE = 11, /* path gets the staged content, with wish */
    STEP_PATCH = 12,   /* path: patches (data), newest first, with wish */
    STEP_META = 13,    /* path gets wish */
    STEP_ABORTED = 14, /* nothing to do: which unfinished undo this one rolls back (data: its id) */
};

struct step {
    enum step_kind kind;
    uint64_t event;   /* the newest that it takes back */
    uint64_t version; /* MOVE_OUT, STAGE (unused else) */
    uint64_t staged;  /* STAGE, PLACE, REPLACE: number of the file in undo/ */
    const char *path; /* never NULL */
    const char *path2;
    struct attr
        attr; /* what is expected at path (at path2 for LINK; ino 0: what was just placed there) */
    unsigned fields;  /* enum wish_field */
    struct attr wish; /* mode, uid, gid, mtime */
    const void *xattrs;
    size_t xattr_bytes;
    const void *data;
    size_t data_bytes;
};

struct steps {
    struct step *list; /* owned; what it points to lives in an arena */
    size_t count;
    size_t room;
};
void steps_release(struct steps *s);
MUST_USE int steps_add(struct steps *s, const struct step *step);

void step_encode(const struct step *step, struct strbuf *out);
/* Paths are checked (undo_place.h); strings and blobs are copied into memory.  -EBADMSG: damaged.
 */
MUST_USE int step_decode(const void *data, size_t bytes, struct arena *memory, struct step *out);

/* What the wish of a step would change in a thing that is like that; its own value where none is
 * wished. */
uint32_t step_wished_uid(const struct step *step, const struct attr *now);
uint32_t step_wished_gid(const struct step *step, const struct attr *now);
bool step_owner_differs(const struct step *step, const struct attr *now);
bool step_mode_differs(const struct step *step, const struct attr *now);
bool step_mtime_differs(const struct step *step, const struct attr *now);
bool step_attr_differs(const struct step *step, const struct attr *now); /* one of them */

/* A version that alone makes a content; the others need what is there now. */
static inline bool kept_is_whole(uint64_t kept)
{
    return kept == KEPT_INODE || kept == KEPT_CLONE || kept == KEPT_COPY;
}

/* data of STAGE and PATCH. */
struct step_patch {
    uint64_t version; /* 0: only the size */
    uint64_t kept;
    uint64_t size;
};
void step_patch_add(struct strbuf *data, const struct step_patch *patch);
size_t step_patch_count(const struct step *step);
struct step_patch step_patch_at(const struct step *step, size_t at);

/* data of EVENTS, REDONE and ABORTED. */
void step_id_add(struct strbuf *data, uint64_t id);
size_t step_id_count(const struct step *step);
uint64_t step_id_at(const struct step *step, size_t at);

#endif
