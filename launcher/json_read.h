/* json_read.h - looks into JSON that somebody else wrote: every absent, wrong or odd part is just
 * "not there".
 *
 * Places are paths: "State/Pid". */
#ifndef LAUNCHER_JSON_READ_H
#define LAUNCHER_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/base/error.h"

struct cJSON; /* a value; looked into by json_read.c alone */

/* -EPROTO: not JSON.  *out: json_tree_free(). */
MUST_USE int json_read(const char *text, size_t bytes, struct cJSON **out, struct error *err);
void json_tree_free(struct cJSON **tree); /* CLEANUP(json_tree_free) */

/* NULL where there is none; v may be NULL everywhere. */
const struct cJSON *json_at(const struct cJSON *v, const char *path);
const char *json_at_text(const struct cJSON *v, const char *path); /* "" : NULL too */
uint64_t json_at_number(const struct cJSON *v, const char *path);  /* 0 */
bool json_at_bool(const struct cJSON *v, const char *path);        /* false */
bool json_is_number(const struct cJSON *v);
bool json_is_object(const struct cJSON *v);

/* Members of an array or an object, in order; NULL: no more. */
const struct cJSON *json_first(const struct cJSON *v);
const struct cJSON *json_next(const struct cJSON *v);
const char *json_text_of(const struct cJSON *v); /* NULL: no text */
const char *json_key_of(const struct cJSON *v);  /* NULL: not in an object */

#endif
