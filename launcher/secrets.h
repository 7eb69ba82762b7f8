/* secrets.h - values that a workspace's sessions get, and that nobody else is to see.
 *
 * A file for each in ~/.config/ccfs/secrets/WORKSPACE of the workspace's owner: outside of the
 * workspace, so that neither its mount nor its backups hold them, and each workspace its own, so
 * that a session has what was meant for it.
 *   (1) The folders are the owner's alone (0700), the files too (0600); where that is not so,
 *       nothing is read.
 *   (2) A value takes the place of the one before whole and on the disk, or not at all.
 *   (3) A value stands in no message, no command line and no environment of ours. */
#ifndef LAUNCHER_SECRETS_H
#define LAUNCHER_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/variable.h"
#include "launcher/workspace.h"

#define SECRET_BYTES_LIMIT (64 * 1024)
#define SECRETS_LIMIT 64
#define SECRETS_TMPFS "8388608"       /* bytes: room for all, in whole pages */
#define SECRETS_FOLDER "/run/secrets" /* in a session: a file for each, 0400 */

struct secret {
    char name[VARIABLE_NAME_LIMIT];
    char *value; /* owned; with a NUL behind its bytes, which may hold others */
    size_t bytes;
    int64_t changed; /* ns UTC */
};

/* The option of every verb that starts a command. */
#define SECRET_ENV_OPTION(list)                                                                    \
    {                                                                                              \
        "secret-env", 0, OPTION_LIST, &(list), "NAME",                                             \
            "give it this secret as a variable, too (see: ccfs secret)"                            \
    }

/* By name. */
struct secrets {
    struct secret items[SECRETS_LIMIT];
    size_t count;
};
void secrets_release(struct secrets *s); /* CLEANUP(secrets_release): wiped */

/* A name that a variable can have, of the shell's portable ones; says why not. */
MUST_USE int secret_check_name(const char *name, struct error *err);

/* Where they lie, also if there is nothing yet; *out: free(). */
MUST_USE int secrets_folder(const struct workspace *w, char **out, struct error *err);

/* All of w; none is no error. */
MUST_USE int secrets_load(const struct workspace *w, struct secrets *out, struct error *err);
/* NULL: there is none. */
const struct secret *secrets_find(const struct secrets *s, const char *name);
/* In place of the one of this name, or besides; value: copied. */
MUST_USE int secrets_put(struct secrets *s, const char *name, const char *value, size_t bytes,
                         struct error *err);
/* The one that is to become a variable: it must be there, and hold no NUL. */
MUST_USE int secrets_find_variable(const struct secrets *s, const char *name,
                                   const struct secret **out, struct error *err);

/* *replaced: there was one of this name. */
MUST_USE int secret_set(const struct workspace *w, const char *name, const char *value,
                        size_t bytes, bool *replaced, struct error *err);
/* -ENOENT: there is none. */
MUST_USE int secret_remove(const struct workspace *w, const char *name, struct error *err);
/* All of w: the workspace goes. */
MUST_USE int secrets_forget(const struct workspace *w, struct error *err);

#endif
