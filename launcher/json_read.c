/* json_read.c - see json_read.h. */
#include "launcher/json_read.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define KEY_LIMIT 128
#define EXACT 9007199254740992.0 /* 2^53: up to here a double is a whole number */

void json_tree_free(struct cJSON **tree)
{
    cJSON_Delete(*tree);
    *tree = NULL;
}

int json_read(const char *text, size_t bytes, struct cJSON **out, struct error *err)
{
    *out = cJSON_ParseWithLength(text, bytes); /* it bounds depth */
    return *out ? 0 : error_say(err, EPROTO, "that is not JSON");
}

const struct cJSON *json_at(const struct cJSON *v, const char *path)
{
    while (v && *path) {
        char key[KEY_LIMIT];
        size_t n = strcspn(path, "/");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        v = cJSON_IsObject(v) ? cJSON_GetObjectItemCaseSensitive(v, key) : NULL;
        path += n;
        path += *path == '/';
    }
    return v;
}

const char *json_text_of(const struct cJSON *v)
{
    const char *text = v && cJSON_IsString(v) ? v->valuestring : NULL;
    return text && text[0] ? text : NULL;
}

const char *json_at_text(const struct cJSON *v, const char *path)
{
    return json_text_of(json_at(v, path));
}

bool json_is_number(const struct cJSON *v)
{
    return v && cJSON_IsNumber(v);
}

bool json_is_object(const struct cJSON *v)
{
    return v && cJSON_IsObject(v);
}

uint64_t json_at_number(const struct cJSON *v, const char *path)
{
    const struct cJSON *at = json_at(v, path);
    if (!json_is_number(at) || !(at->valuedouble > 0))
        return 0;
    return at->valuedouble < EXACT ? (uint64_t)at->valuedouble : (uint64_t)EXACT;
}

bool json_at_bool(const struct cJSON *v, const char *path)
{
    return cJSON_IsTrue(json_at(v, path));
}

const struct cJSON *json_first(const struct cJSON *v)
{
    return v && (cJSON_IsArray(v) || cJSON_IsObject(v)) ? v->child : NULL;
}

const struct cJSON *json_next(const struct cJSON *v)
{
    return v ? v->next : NULL;
}

const char *json_key_of(const struct cJSON *v)
{
    return v ? v->string : NULL;
}
