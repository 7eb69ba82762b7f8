/* json.h - one JSON object on one line; with config.c the door to cJSON.
 *
 * Values go into the innermost object or array that is open; in an array keys are ignored (NULL).
 * Memory that ran out is remembered and told once, by json_line() or json_print(). */
#ifndef LAUNCHER_JSON_H
#define LAUNCHER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

struct json;

struct json *json_new(void); /* an open object; NULL: no memory, which every call accepts */
void json_free(struct json **j);

/* At most 16 deep; each needs its json_end(). */
void json_begin_object(struct json *j, const char *key);
void json_begin_array(struct json *j, const char *key);
void json_end(struct json *j);

void json_text(struct json *j, const char *key, const char *text);  /* NULL: null */
void json_exact(struct json *j, const char *key, const char *utf8); /* without any escape of ours */
void json_bytes(struct json *j, const char *key, const void *data,
                size_t bytes);                                 /* as text_escape() */
void json_int(struct json *j, const char *key, int64_t value); /* exact */
void json_uint(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* Appends the object and a \n. */
MUST_USE int json_line(struct json *j, struct strbuf *out, struct error *err);
/* The same to a stream; what it could not take is told where it is flushed. */
MUST_USE int json_print(struct json *j, FILE *out, struct error *err);

#endif
