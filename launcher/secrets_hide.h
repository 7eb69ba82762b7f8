/* secrets_hide.h - keeps values of secrets out of the command lines that the daemon records.
 *
 * What was a secret once stays one while the daemon lives: a session may still have it. */
#ifndef LAUNCHER_SECRETS_HIDE_H
#define LAUNCHER_SECRETS_HIDE_H

#include "launcher/secrets.h"

struct secrets_hide;

/* w is borrowed.  Those that cannot be read are said, and known as soon as they can. */
MUST_USE int secrets_hide_new(const struct workspace *w, struct secrets_hide **out,
                              struct error *err);
void secrets_hide_free(struct secrets_hide **h); /* CLEANUP */

/* A journal_hide: looks whether there are others since, at the price of one stat(2). */
void secrets_hide_text(void *hide, char *text, size_t room);

#endif
