/* redact.h - values of secrets taken out of what is written down: "[secret NAME]" stands there.
 *
 * As they are, and as this program and JSON escape them; of those with several lines each line,
 * too. What an agent has encoded otherwise is not known again. */
#ifndef LAUNCHER_REDACT_H
#define LAUNCHER_REDACT_H

#include "launcher/secrets.h"

#define REDACT_SHORTEST 4 /* bytes: shorter pieces are words of everything */

struct redactor;

MUST_USE int redactor_new(const struct secrets *all, struct redactor **out, struct error *err);
/* Others too; those from before stay. */
MUST_USE int redactor_learn(struct redactor *r, const struct secrets *all, struct error *err);
void redactor_free(struct redactor **r); /* CLEANUP: wiped */

/* From here on what is fed goes to fd (borrowed), in order; the last of it with redactor_end(). */
void redactor_begin(struct redactor *r, int fd);
MUST_USE int redactor_feed(struct redactor *r, const char *data, size_t bytes, struct error *err);
MUST_USE int redactor_end(struct redactor *r, struct error *err);

/* In a text by itself, with a NUL at its end, in place; what does not fit into room (with the NUL)
 * is left out.  One that fills it may have been cut within a value: that piece goes, too. */
void redactor_text(struct redactor *r, char *text, size_t room);

#endif
