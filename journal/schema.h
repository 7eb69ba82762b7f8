/* schema.h - private to journal/: the tables and the numbers that name this format. */
#ifndef JOURNAL_SCHEMA_H
#define JOURNAL_SCHEMA_H

#define SCHEMA_APPLICATION_ID 0x63636673 /* "ccfs": PRAGMA application_id */
#define SCHEMA_VERSION 1                 /* PRAGMA user_version */

extern const char schema_sql[];

/* version.state */
enum version_state {
    VERSION_KEPT = 1,     /* in the vault */
    VERSION_RETURNED = 2, /* an undo moved the inode back into the workspace */
    VERSION_DROPPED = 3,  /* retention */
    VERSION_TORN = 4,     /* a power loss came before it was on the disk */
};

/* undo.state and undo_step.state */
enum undo_state {
    UNDO_PLANNED = 1,
    UNDO_DONE = 2,
    UNDO_ABORTED = 3, /* cut off, and what it had done taken back by another undo */
};

#endif
