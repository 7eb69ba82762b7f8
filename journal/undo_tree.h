/* undo_tree.h - private to journal/: the workspace in four views, as an undo thinks about it.
 *
 * A node is a file, folder, symlink …; a link is one name of a node; a slot is a place for a name:
 * a folder and a name in it.  A link sits in at most one slot in each view:
 *
 *   VIEW_DISK     as it is now;
 *   VIEW_PAST     as it was before the event that is looked at, all later ones taken back;
 *   VIEW_TARGET   as it shall be: now, without the selected events;
 *   VIEW_STEP     as it is after the steps that are already planned.
 *
 * The tree is read from the disk slot by slot, when first asked for, and is the same in all views
 * until somebody moves a link.  (1) Nothing on the disk changes, but that without privilege folders
 * that their owner locked against himself are open to him while the tree is.  (2) .ccfs is not part
 * of the tree. */
#ifndef JOURNAL_UNDO_TREE_H
#define JOURNAL_UNDO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/arena.h"
#include "journal/base/error.h"
#include "journal/base/map.h"
#include "journal/base/strbuf.h"
#include "journal/event.h"

enum view {
    VIEW_DISK,
    VIEW_PAST,
    VIEW_TARGET,
    VIEW_STEP,
    VIEWS,
};

struct slot {
    struct node *folder;
    struct slot *same; /* another name with the same hash */
    struct slot *next; /* of the folder */
    struct link *in[VIEWS];
    size_t name_bytes;
    char name[];
};

struct link {
    struct node *node;
    struct link *of_node; /* the node's next one */
    struct link *next;    /* the tree's next one */
    struct slot *at[VIEWS];
    uint64_t event; /* the newest selected event that made, moved or removed it */
    uint64_t stays; /* the newest event that did and stays */
    bool busy;      /* being put in order */
};

/* Where a node's bytes are. */
enum origin {
    ORIGIN_DISK,
    ORIGIN_INODE,   /* in the vault, itself */
    ORIGIN_CONTENT, /* its content is in the vault, its metadata in `attr` and `wish` */
    ORIGIN_FOLDER,  /* a folder that is gone: nothing but metadata */
    ORIGIN_LOST,    /* nowhere */
};

/* Old content over newer: what to do, newest first; a whole version makes all newer ones
 * irrelevant. */
struct patch {
    struct patch *older;
    uint64_t version; /* 0: only the size changes */
    enum kept kept;
    uint64_t size;  /* of the file before */
    uint64_t event; /* the newest that is taken back by it */
    uint64_t own;   /* the event that it is of */
};

struct old_xattr {
    struct old_xattr *next;
    const char *name;
    const void *value;
    uint32_t value_bytes; /* or XATTR_ABSENT */
};

enum wish_field {
    WISH_MODE = 1,
    WISH_UID = 2,
    WISH_GID = 4,
    WISH_MTIME = 8,
    WISH_XATTRS = 16,     /* those named */
    WISH_ALL_XATTRS = 32, /* exactly those named */
};

struct wish {
    unsigned fields;
    uint32_t mode; /* without type */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime;
    struct old_xattr *xattrs;
    uint64_t event; /* the newest that is taken back by it */
    bool asked;     /* by an event about the thing itself, not about a folder's entries */
};

enum trouble {
    TROUBLE_NONE = 0,
    TROUBLE_LATER,   /* `by` came later and stays */
    TROUBLE_OUTSIDE, /* not what the journal last saw */
    TROUBLE_BETWEEN, /* `by`, which is taken back too, found it changed outside */
    TROUBLE_EXISTS,  /* its place is taken */
    TROUBLE_BYTES,   /* no longer in the vault */
    TROUBLE_EXPIRED, /* dropped from the vault by retention */
    TROUBLE_ALTERED, /* the vault holds something else than was kept */
    TROUBLE_BASE,    /* only blocks of it are there, and what they belong to was changed outside */
    TROUBLE_FOLDER,  /* the folder that it belongs in is gone; `by`, if known, took it away */
    TROUBLE_FOREIGN, /* holds something that the journal never saw */
    TROUBLE_UNKNOWN, /* the journal does not say enough */
};

struct node {
    struct node *next; /* of the tree */
    uint64_t number;
    struct attr attr; /* as it is on the disk or in the vault, else as journaled */
    enum origin origin;
    uint64_t version; /* of ORIGIN_INODE, ORIGIN_CONTENT, and what ORIGIN_LOST should have */
    struct thing *thing;
    struct link *links;
    struct slot *slots;
    struct patch *patches; /* newest first */
    struct patch *oldest_patch;
    struct wish wish;
    uint64_t gone_event; /* a selected event met it while it is not in the target … */
    uint64_t gone_by;    /* … since this one took it away */
    const char *gone_path;
    uint64_t touched_by; /* folder: the newest event that stays and changed its entries or times */
    int64_t last_entry;  /* folder: time of the newest event that changed its entries */
    int64_t known_mtime; /* folder: the last mtime that the journal saw set */
    bool unmade;         /* its creation is taken back */
    struct node *with; /* undo_effect.c: its names are undone or left together with that one's … */
    bool moves;        /* … which are not all as they were */
    bool tells;        /* … which alone tell the time of a folder */
    bool verified;
    bool troubled;
    bool forced; /* not as the journal last saw it, and replaced nevertheless */
    bool lifted; /* folder: must be made writable for the time of the undo */
};

/* A folder that was opened to its owner. */
struct unlocked {
    struct unlocked *next;
    int fd;
    uint32_t mode;
};

struct undo_tree {
    int root;             /* borrowed */
    struct arena *memory; /* borrowed: holds what strings and steps live in */
    struct map slots;     /* (folder number, hash of name) */
    struct map inodes;    /* (ino, born) of files that the disk or the vault holds */
    struct node *top;
    struct node *nodes;
    struct link *links;
    uint64_t numbers;
    int dir; /* the folder that was read last, and its descriptor */
    const struct node *dir_node;
    struct unlocked *unlocked; /* the last one first */
    size_t unlocked_count;
};

MUST_USE int tree_open(struct undo_tree *t, int root, struct arena *memory, struct error *err);
void tree_close(struct undo_tree *t);

/* The slot `name` of folder. */
MUST_USE int tree_slot(struct undo_tree *t, struct node *folder, const char *name, size_t bytes,
                       struct slot **out, struct error *err);
/* The slot that a sound path leads to in a view; NULL: its folder is not there. */
MUST_USE int tree_find(struct undo_tree *t, enum view view, const char *path, struct slot **out,
                       struct error *err);
/* Every slot of a folder that the disk fills is loaded. */
MUST_USE int tree_list(struct undo_tree *t, struct node *folder, struct error *err);

/* A node that is not on the disk; a further name of a node.  NULL: no memory. */
struct node *tree_add_node(struct undo_tree *t, const struct attr *attr, enum origin origin);
struct link *tree_add_link(struct undo_tree *t, struct node *node);
/* Leaves its slot in that view and enters another (NULL: none). */
void link_move(struct link *link, enum view view, struct slot *slot);

struct link *node_link_in(const struct node *node, enum view view);
bool tree_has_in_target(const struct undo_tree *t, const struct node *node);
size_t node_count_in(const struct node *node, enum view view);
/* Is the folder connected with the root? */
bool tree_reaches(struct undo_tree *t, enum view view, const struct node *folder);
/* Appends the path of a slot (of a folder: of its link) in a view; in no view: as far as it is
 * known. */
void tree_path(const struct undo_tree *t, enum view view, const struct slot *slot,
               struct strbuf *out);
/* A copy in t->memory; NULL: no memory. */
const char *tree_path_text(const struct undo_tree *t, enum view view, const struct slot *slot);

/* Looks through the whole workspace for files with these numbers, and loads them. */
MUST_USE int tree_search(struct undo_tree *t, const struct map *inos, struct error *err);

#endif
