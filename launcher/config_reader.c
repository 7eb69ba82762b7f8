/* config_reader.c - see config_reader.h. */
#include "launcher/config_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/text.h"

/* ---- messages ---- */

static void add_place(struct strbuf *out, const struct config_place *at)
{
    if (!at)
        return;
    add_place(out, at->above);
    if (out->bytes)
        strbuf_add_text(out, ".");
    text_escape(out, at->key, strlen(at->key));
}

int config_wrong(struct config_reader *r, const struct config_place *at, const char *format, ...)
{
    CLEANUP(strbuf_release) struct strbuf place = STRBUF_EMPTY;
    char said[256];
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    add_place(&place, at);
    return error_say(r->err, CONFIG_ERROR, "%s: %.200s%s%s", r->file, strbuf_text(&place),
                     place.bytes ? ": " : "", said);
}

int config_unknown(struct config_reader *r, const struct config_place *at, const char *const *names,
                   size_t count)
{
    const char *near = cli_suggest(at->key, names, count);
    if (near)
        return config_wrong(r, at, "unknown key; did you mean \"%s\"?", near);
    return config_wrong(r, at, "unknown key; ccfs(1) lists those that there are");
}

const char *config_type_of(const cJSON *value)
{
    if (cJSON_IsString(value))
        return "a text";
    if (cJSON_IsNumber(value))
        return "a number";
    if (cJSON_IsBool(value))
        return "true or false";
    if (cJSON_IsObject(value))
        return "an object";
    return cJSON_IsArray(value) ? "a list" : "null";
}

/* ---- values ---- */

int config_take_bool(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    if (!cJSON_IsBool(value))
        return config_wrong(r, at, "must be true or false, not %s", config_type_of(value));
    *(bool *)out = cJSON_IsTrue(value);
    return 0;
}

/* One of a few words; their order is that of the enum. */
int config_take_word(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     const char *const *words, size_t count, unsigned *out)
{
    CLEANUP(strbuf_release) struct strbuf all = STRBUF_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (cJSON_IsString(value) && strcmp(value->valuestring, words[i]) == 0) {
            *out = (unsigned)i;
            return 0;
        }
        strbuf_add_format(&all, "%s\"%s\"", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
    }
    return config_wrong(r, at, "must be %s", strbuf_text(&all));
}

bool config_parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 18)
        return false;
    uint64_t n = strtoull(text, &end, 10);
    char letter = (char)(*end | 0x20);
    const char *unit = *end ? strchr(units, letter) : NULL;
    if (*end && (!unit || !*unit))
        return false;
    if (unit) {
        unsigned shift = 10 * ((unsigned)(unit - units) + 1);
        if (n > UINT64_MAX >> shift)
            return false;
        n <<= shift;
        end++;
        if ((*end | 0x20) == 'i')
            end++;
        if ((*end | 0x20) == 'b')
            end++;
    }
    *out = n;
    return *end == '\0';
}

int config_take_uint(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     uint64_t low, uint64_t high, uint64_t *out)
{
    double n = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(n >= (double)low && n <= (double)high) || n != (double)(uint64_t)n)
        return config_wrong(r, at, "must be a whole number from %" PRIu64 " to %" PRIu64, low,
                            high);
    *out = (uint64_t)n;
    return 0;
}

int config_take_size(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    uint64_t bytes = 0;
    if (!cJSON_IsString(value))
        TRY(config_take_uint(r, at, value, 16 * MIB, 64 * TIB, &bytes));
    else if (!config_parse_size(value->valuestring, &bytes))
        return config_wrong(r, at, "must be a size like \"8g\", \"512m\" or a number of bytes");
    if (bytes < 16 * MIB || bytes > 64 * TIB)
        return config_wrong(r, at, "must be from 16m to 64t");
    *(uint64_t *)out = bytes;
    return 0;
}

int config_take_count(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    return config_take_uint(r, at, value, 16, 1048576, out);
}

int config_take_path(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    if (!cJSON_IsString(value) || value->valuestring[0] != '/')
        return config_wrong(r, at, "must be the absolute path of a file");
    *(char **)out = strdup(value->valuestring);
    return *(char **)out ? 0 : error_say(r->err, ENOMEM, "no memory for the configuration");
}

int config_take_text(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     const char **out)
{
    if (!cJSON_IsString(value))
        return config_wrong(r, at, "must be a text, not %s", config_type_of(value));
    *out = value->valuestring;
    return 0;
}

/* ---- lists ---- */

int config_take_list(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     config_take *take, void *out)
{
    size_t number = 0;
    if (!cJSON_IsArray(value))
        return config_wrong(r, at, "must be a list, not %s", config_type_of(value));
    for (const cJSON *item = value->child; item; item = item->next) {
        char text[24];
        snprintf(text, sizeof text, "%zu", ++number);
        struct config_place here = {at, text};
        TRY(take(r, &here, item, out));
    }
    return 0;
}

/* ---- objects ---- */

/* Each member of an object, once, by the table that knows it. */
int config_take_members(struct config_reader *r, const struct config_place *at, const cJSON *object,
                        const struct config_key *keys, size_t count, void *out)
{
    bool seen[16] = {false};
    const char *names[COUNT_OF(seen)];
    if (!cJSON_IsObject(object))
        return config_wrong(r, at, "must be an object, not %s", config_type_of(object));
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    for (const cJSON *member = object->child; member; member = member->next) {
        struct config_place here = {at, member->string};
        size_t k = 0;
        while (k < count && strcmp(keys[k].name, member->string) != 0)
            k++;
        if (k == count)
            return config_unknown(r, &here, names, count);
        if (seen[k])
            return config_wrong(r, &here, "is there twice: keep one");
        seen[k] = true;
        TRY(keys[k].take(r, &here, member, (char *)out + keys[k].offset));
    }
    return 0;
}
