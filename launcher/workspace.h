/* workspace.h - where the user's work lies, found and checked. */
#ifndef LAUNCHER_WORKSPACE_H
#define LAUNCHER_WORKSPACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "launcher/cli.h"

struct workspace {
    int root;   /* O_RDONLY | O_DIRECTORY descriptor */
    char *path; /* absolute, without symlinks */
    uid_t owner;
    gid_t group;
};
#define WORKSPACE_NONE ((struct workspace){.root = -1})

/* Those that init makes in it, 0755. */
extern const char *const workspace_folders[];
extern const size_t workspace_folder_count;

/* -w, CCFS_WORKSPACE or ~/ClaudeCodeWorkspace, made absolute; it need not exist.  *out: free(). */
MUST_USE int workspace_locate(const struct cli *cli, char **out, struct error *err);
/* A workspace that was made by init.  Says how to make one where there is none (-ENOENT).
 * Started as root on somebody else's workspace, the process becomes its owner first, for good: the
 * folder is theirs, so root must neither trust what lies in it nor leave files there that they
 * cannot read. */
MUST_USE int workspace_open(const struct cli *cli, struct workspace *out, struct error *err);
/* The same, but root stays root: for those who mount. */
MUST_USE int workspace_open_as_is(const struct cli *cli, struct workspace *out, struct error *err);
/* What workspace_open() does last; needs root, or does nothing. */
MUST_USE int workspace_become_owner(const struct workspace *w, struct error *err);
void workspace_close(struct workspace *w); /* CLEANUP(workspace_close) */

/* Between the two, root opens and makes files with the owner's rights and as the owner's; others as
 * ever. */
MUST_USE int workspace_act_as_owner(const struct workspace *w, struct error *err);
void workspace_act_as_self(void);

/* Makes what is missing: the folder, its folders, the journal; all of it belongs to the workspace's
 * owner.  *made: there was none before.  Root stays root. */
MUST_USE int workspace_create(const struct cli *cli, struct workspace *out, bool *made,
                              struct error *err);

/* The home of whoever owns the workspace; HOME is that of whoever calls, who may be root.  NULL: none
 * is known. */
const char *workspace_owners_home(const struct workspace *w);

/* path is folder, or lies somewhere in it.  Both are true paths, as realpath() makes them. */
bool path_is_below(const char *path, const char *folder);

/* "~/work" for a path in the caller's home; else the path.  For people. */
void workspace_show_path(const char *path, char *out, size_t bytes);

#endif
