/* unified.h - how two texts differ, as diff(1) says it. */
#ifndef LAUNCHER_UNIFIED_H
#define LAUNCHER_UNIFIED_H

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

#define UNIFIED_MOST (8 << 20) /* bytes of a text that is compared line by line */

/* Is it text, and not too long for that?  Of its first bytes, as others tell it, too. */
bool unified_is_text(int fd);
/* Appends "--- …" and what follows; nothing where they are the same.  -1 is a file that is not
 * there. -ENODEV: there is no diff(1). */
MUST_USE int unified_diff(int before, const char *before_name, int after, const char *after_name,
                          struct strbuf *out, struct error *err);
/* 1: the same bytes, 0: not. */
MUST_USE int unified_is_same(int before, int after, struct error *err);

#endif
