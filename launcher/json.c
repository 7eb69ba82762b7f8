/* json.c - see json.h. */
#include "launcher/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/text.h"

#define DEPTH_LIMIT 16

struct json {
    cJSON *open[DEPTH_LIMIT]; /* open[0] owns all */
    size_t depth;             /* how many are open */
    bool failed;
};

struct json *json_new(void)
{
    struct json *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->open[0] = cJSON_CreateObject();
    j->depth = 1;
    j->failed = !j->open[0];
    return j;
}

void json_free(struct json **j)
{
    if (!*j)
        return;
    cJSON_Delete((*j)->open[0]);
    free(*j);
    *j = NULL;
}

/* Takes item over. */
static void put(struct json *j, const char *key, cJSON *item)
{
    bool put = false;
    if (j && item && !j->failed) {
        cJSON *into = j->open[j->depth - 1];
        put = cJSON_IsArray(into) ? cJSON_AddItemToArray(into, item)
                                  : cJSON_AddItemToObject(into, key, item);
    }
    if (put)
        return;
    cJSON_Delete(item);
    if (j)
        j->failed = true;
}

static void begin(struct json *j, const char *key, cJSON *item)
{
    if (!j || j->depth == DEPTH_LIMIT)
        abort(); /* ours is never so deep */
    put(j, key, item);
    j->open[j->depth++] = item; /* not looked at any more once failed */
}

void json_begin_object(struct json *j, const char *key)
{
    if (j)
        begin(j, key, cJSON_CreateObject());
}

void json_begin_array(struct json *j, const char *key)
{
    if (j)
        begin(j, key, cJSON_CreateArray());
}

void json_end(struct json *j)
{
    if (j && j->depth > 1)
        j->depth--;
}

void json_bytes(struct json *j, const char *key, const void *data, size_t bytes)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    text_escape(&text, data, bytes);
    put(j, key, text.failed ? NULL : cJSON_CreateString(strbuf_text(&text)));
}

void json_exact(struct json *j, const char *key, const char *utf8)
{
    put(j, key, cJSON_CreateString(utf8));
}

void json_text(struct json *j, const char *key, const char *text)
{
    if (!text)
        json_null(j, key);
    else
        json_bytes(j, key, text, strlen(text));
}

/* Digits as they are: a double would round what is beyond 2^53. */
void json_int(struct json *j, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    put(j, key, cJSON_CreateRaw(digits));
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    put(j, key, cJSON_CreateRaw(digits));
}

void json_bool(struct json *j, const char *key, bool value)
{
    put(j, key, cJSON_CreateBool(value));
}

void json_null(struct json *j, const char *key)
{
    put(j, key, cJSON_CreateNull());
}

int json_line(struct json *j, struct strbuf *out, struct error *err)
{
    char *line = j && !j->failed ? cJSON_PrintUnformatted(j->open[0]) : NULL;
    if (!line)
        return error_say(err, ENOMEM, "no memory for a line of JSON");
    strbuf_add_text(out, line);
    strbuf_add_text(out, "\n");
    cJSON_free(line);
    return out->failed ? error_say(err, ENOMEM, "no memory for a line of JSON") : 0;
}

int json_print(struct json *j, FILE *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    TRY(json_line(j, &line, err));
    fputs(strbuf_text(&line), out);
    return 0;
}
