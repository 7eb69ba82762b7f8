/* secret_input.h - a secret's value from whoever types or pipes it; never from an argument, which
 * every process of the machine could read. */
#ifndef LAUNCHER_SECRET_INPUT_H
#define LAUNCHER_SECRET_INPUT_H

#include "launcher/secrets.h"

/* On a terminal: asked for, and not shown.  Else all of stdin.  The newline that ends a value of
 * one line is left out.  *out: secret_input_release(). */
struct secret_input {
    char *value; /* owned */
    size_t bytes;
};
MUST_USE int secret_input_read(const char *name, struct secret_input *out, struct error *err);
void secret_input_release(struct secret_input *in); /* CLEANUP: wiped */

#endif
