/* config.c - see config.h.
 *
 * The keys are tables: a key, its type, where it goes.  A value's place is carried along as the
 * path that messages name.  Depth is bounded by the tables, size by FILE_LIMIT. */
#include "launcher/config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "journal/journal.h"

#define FILE_LIMIT (256 * 1024)
#define CONFIG_ERROR EXIT_AS_ERROR(EXIT_CONFIG)

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static const struct {
    const char *path;
    enum zone_mode mode;
} default_zones[] = {
    {"imports", ZONE_RO},  {"exports", ZONE_WO},       {"shared", ZONE_RW},
    {"Projects", ZONE_RW}, {"Documentation", ZONE_RW}, {"Research", ZONE_RW},
};

static const struct config defaults = {
    .transport = TRANSPORT_AUTO,
    .writes = WRITES_CLOSE,
    .sandbox = {.memory_bytes = 8 * GIB, .processes = 4096, .files = 65536, .tmp_bytes = 2 * GIB},
};

/* What is being read, and for whom. */
struct reader {
    const char *file;
    int root;
    struct config *config;
    bool given[CONFIG_ZONE_LIMIT]; /* this zone stands in the file */
    struct error *err;
};

/* A place in the file, as a chain up to its top. */
struct place {
    const struct place *above;
    const char *key;
};

struct key {
    const char *name;
    int (*take)(struct reader *r, const struct place *at, const cJSON *value, void *out);
    size_t offset; /* of out in the struct that the table describes */
};

/* ---- messages ---- */

static void add_place(struct strbuf *out, const struct place *at)
{
    if (!at)
        return;
    add_place(out, at->above);
    if (out->bytes)
        strbuf_add_text(out, ".");
    text_escape(out, at->key, strlen(at->key));
}

static int wrong(struct reader *r, const struct place *at, const char *format, ...)
    PRINTF_LIKE(3, 4);

static int wrong(struct reader *r, const struct place *at, const char *format, ...)
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

static int unknown(struct reader *r, const struct place *at, const char *const *names, size_t count)
{
    const char *near = cli_suggest(at->key, names, count);
    if (near)
        return wrong(r, at, "unknown key; did you mean \"%s\"?", near);
    return wrong(r, at, "unknown key; ccfs(1) lists those that there are");
}

static const char *type_of(const cJSON *value)
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

static int take_bool(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    if (!cJSON_IsBool(value))
        return wrong(r, at, "must be true or false, not %s", type_of(value));
    *(bool *)out = cJSON_IsTrue(value);
    return 0;
}

/* One of a few words; their order is that of the enum. */
static int take_word(struct reader *r, const struct place *at, const cJSON *value,
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
    return wrong(r, at, "must be %s", strbuf_text(&all));
}

static int take_transport(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const char *const words[] = {"auto", "uring", "dev"};
    unsigned n = 0;
    TRY(take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum transport *)out = (enum transport)n;
    return 0;
}

static int take_writes(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const char *const words[] = {"close", "each"};
    unsigned n = 0;
    TRY(take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum write_events *)out = (enum write_events)n;
    return 0;
}

static int take_durability(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const char *const words[] = {"relaxed", "strict"};
    unsigned n = 0;
    TRY(take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum durability *)out = (enum durability)n;
    return 0;
}

static int take_mode(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const char *const words[] = {"ro", "wo", "rw", "none"};
    unsigned n = 0;
    TRY(take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum zone_mode *)out = (enum zone_mode)n;
    return 0;
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

static int take_uint(struct reader *r, const struct place *at, const cJSON *value, uint64_t low,
                     uint64_t high, uint64_t *out)
{
    double n = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(n >= (double)low && n <= (double)high) || n != (double)(uint64_t)n)
        return wrong(r, at, "must be a whole number from %" PRIu64 " to %" PRIu64, low, high);
    *out = (uint64_t)n;
    return 0;
}

static int take_size(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    uint64_t bytes = 0;
    if (!cJSON_IsString(value))
        TRY(take_uint(r, at, value, 16 * MIB, 64 * TIB, &bytes));
    else if (!config_parse_size(value->valuestring, &bytes))
        return wrong(r, at, "must be a size like \"8g\", \"512m\" or a number of bytes");
    if (bytes < 16 * MIB || bytes > 64 * TIB)
        return wrong(r, at, "must be from 16m to 64t");
    *(uint64_t *)out = bytes;
    return 0;
}

static int take_count(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    return take_uint(r, at, value, 16, 1048576, out);
}

static int take_path(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    if (!cJSON_IsString(value) || value->valuestring[0] != '/')
        return wrong(r, at, "must be the absolute path of a file");
    *(char **)out = strdup(value->valuestring);
    return *(char **)out ? 0 : error_say(r->err, ENOMEM, "no memory for the configuration");
}

/* ---- objects ---- */

/* Each member of an object, once, by the table that knows it. */
static int take_members(struct reader *r, const struct place *at, const cJSON *object,
                        const struct key *keys, size_t count, void *out)
{
    bool seen[16] = {false};
    const char *names[COUNT_OF(seen)];
    if (!cJSON_IsObject(object))
        return wrong(r, at, "must be an object, not %s", type_of(object));
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    for (const cJSON *member = object->child; member; member = member->next) {
        struct place here = {at, member->string};
        size_t k = 0;
        while (k < count && strcmp(keys[k].name, member->string) != 0)
            k++;
        if (k == count)
            return unknown(r, &here, names, count);
        if (seen[k])
            return wrong(r, &here, "is there twice: keep one");
        seen[k] = true;
        TRY(keys[k].take(r, &here, member, (char *)out + keys[k].offset));
    }
    return 0;
}

static int take_sandbox(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const struct key keys[] = {
        {"memory", take_size, offsetof(struct sandbox_limits, memory_bytes)},
        {"processes", take_count, offsetof(struct sandbox_limits, processes)},
        {"files", take_count, offsetof(struct sandbox_limits, files)},
        {"tmp", take_size, offsetof(struct sandbox_limits, tmp_bytes)},
    };
    return take_members(r, at, value, keys, COUNT_OF(keys), out);
}

static int take_journal(struct reader *r, const struct place *at, const cJSON *value, void *out)
{
    static const struct key keys[] = {
        {"signing_key", take_path, offsetof(struct journal_wish, signing_key)},
    };
    return take_members(r, at, value, keys, COUNT_OF(keys), out);
}

/* ---- zones ---- */

/* The folder that a key means: superfluous slashes and "./" go; what leads elsewhere is refused. */
static int normalise(struct reader *r, const struct place *at, char **out)
{
    CLEANUP(strbuf_release) struct strbuf clean = STRBUF_EMPTY;
    const char *rest = at->key;
    if (rest[0] == '/')
        return wrong(r, at, "zones are folders of the workspace: name it without the leading /");
    while (*rest) {
        size_t bytes = strcspn(rest, "/");
        if (bytes == 2 && memcmp(rest, "..", 2) == 0)
            return wrong(r, at, "a zone cannot lie outside the workspace");
        if (bytes > 255)
            return wrong(r, at, "a name in it is longer than 255 bytes");
        if (bytes > 0 && !(bytes == 1 && rest[0] == '.')) {
            if (clean.bytes)
                strbuf_add_text(&clean, "/");
            strbuf_add(&clean, rest, bytes);
        }
        rest += bytes;
        rest += strspn(rest, "/");
    }
    const char *name = strbuf_text(&clean);
    if (clean.bytes == 0)
        return wrong(r, at, "the workspace itself is always read-only: name one of its folders");
    if (strcmp(name, STATE_FOLDER) == 0 ||
        strncmp(name, STATE_FOLDER "/", sizeof STATE_FOLDER) == 0)
        return wrong(r, at, "is ccfs's own and never in the mount");
    *out = strbuf_take(&clean);
    return *out ? 0 : error_say(r->err, ENOMEM, "no memory for the configuration");
}

/* The workspace's top folders, for a suggestion. */
static const char *near_zone(const char *name)
{
    const char *names[COUNT_OF(default_zones)];
    for (size_t i = 0; i < COUNT_OF(default_zones); i++)
        names[i] = default_zones[i].path;
    return cli_suggest(name, names, COUNT_OF(names));
}

static int check_folder(struct reader *r, const struct place *at, const char *path)
{
    struct stat st;
    if (r->root < 0)
        return 0;
    CLEANUP(fd_close) int fd = fd_open_beneath(r->root, path, O_PATH, 0);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    if (fd >= 0)
        return wrong(r, at, "is not a folder");
    if (fd != -ENOENT)
        return wrong(r, at,
                     "cannot be opened as a folder of the workspace; is a symlink on the way?");
    const char *near = near_zone(path);
    if (near)
        return wrong(r, at, "unknown key; did you mean \"%s\"?", near);
    return wrong(r, at, "there is no such folder in the workspace: mkdir it, or mend its spelling");
}

/* Where the zone goes: over the default of that folder, else behind all. */
static int zone_slot(struct reader *r, const struct place *at, const char *path, size_t *out)
{
    struct config *c = r->config;
    for (size_t i = 0; i < c->zone_count; i++) {
        if (strcmp(c->zones[i].path, path) != 0)
            continue;
        if (r->given[i])
            return wrong(r, at, "names the same folder as another zone: keep one");
        *out = i;
        return 0;
    }
    if (c->zone_count == CONFIG_ZONE_LIMIT)
        return wrong(r, at, "more than %d zones", CONFIG_ZONE_LIMIT);
    *out = c->zone_count;
    return 0;
}

static int take_zone_rules(struct reader *r, const struct place *at, const cJSON *value,
                           struct zone *zone)
{
    static const struct key keys[] = {
        {"mode", take_mode, offsetof(struct zone, mode)},
        {"list", take_bool, offsetof(struct zone, list)},
        {"setid", take_bool, offsetof(struct zone, setid)},
    };
    bool hides = false;
    if (cJSON_IsString(value))
        return take_mode(r, at, value, &zone->mode);
    TRY(take_members(r, at, value, keys, COUNT_OF(keys), zone));
    if (!cJSON_GetObjectItemCaseSensitive(value, "mode"))
        return wrong(r, at, "needs a \"mode\": \"ro\", \"wo\", \"rw\" or \"none\"");
    hides = !zone->list && zone->mode != ZONE_WO;
    return hides ? wrong(r, at, "\"list\": false is for mode \"wo\" only") : 0;
}

static void free_text(char **text)
{
    free(*text);
    *text = NULL;
}

static int take_zone(struct reader *r, const struct place *at, const cJSON *value)
{
    CLEANUP(free_text) char *path = NULL;
    struct zone zone = {.list = true};
    size_t slot = 0;
    struct config *c = r->config;
    TRY(normalise(r, at, &path));
    TRY(check_folder(r, at, path));
    TRY(zone_slot(r, at, path, &slot));
    TRY(take_zone_rules(r, at, value, &zone));
    if (slot < c->zone_count)
        zone.path = c->zones[slot].path;
    else {
        zone.path = path;
        path = NULL;
        c->zone_count++;
    }
    c->zones[slot] = zone;
    r->given[slot] = true;
    return 0;
}

static int take_zones(struct reader *r, const struct place *at, const cJSON *value,
                      UNUSED void *out)
{
    if (!cJSON_IsObject(value))
        return wrong(r, at, "must be an object, not %s", type_of(value));
    for (const cJSON *member = value->child; member; member = member->next) {
        struct place here = {at, member->string};
        TRY(take_zone(r, &here, member));
    }
    return 0;
}

/* ---- the file ---- */

static const struct key top_keys[] = {
    {"zones", take_zones, 0},
    {"transport", take_transport, offsetof(struct config, transport)},
    {"writes", take_writes, offsetof(struct config, writes)},
    {"durability", take_durability, offsetof(struct config, durability)},
    {"allow_other", take_bool, offsetof(struct config, allow_other)},
    {"journal", take_journal, offsetof(struct config, journal)},
    {"sandbox", take_sandbox, offsetof(struct config, sandbox)},
};

static int fill_defaults(struct config *c, struct error *err)
{
    *c = defaults;
    for (size_t i = 0; i < COUNT_OF(default_zones); i++) {
        char *path = strdup(default_zones[i].path);
        if (!path)
            return error_say(err, ENOMEM, "no memory for the configuration");
        c->zones[c->zone_count++] =
            (struct zone){.path = path, .mode = default_zones[i].mode, .list = true};
    }
    return 0;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < config->zone_count; i++) {
        union { /* ours, and const only for those who look at zones */
            const char *seen;
            char *owned;
        } path = {.seen = config->zones[i].path};
        free(path.owned);
    }
    config->zone_count = 0;
    free_text(&config->journal.signing_key);
}

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static void free_tree(cJSON **tree)
{
    cJSON_Delete(*tree);
}

int config_parse(const char *text, size_t bytes, const char *name, int root, struct config *out,
                 struct error *err)
{
    struct reader r = {.file = name, .root = root, .config = out, .err = err};
    const char *end = NULL;
    *out = (struct config){0};
    TRY(fill_defaults(out, err));
    /* a NUL would end a name early, and hide what stands behind it */
    if (memchr(text, '\0', bytes) || memmem(text, bytes, "\\u0000", 6))
        return wrong(&r, NULL, "contains a NUL character: remove it");
    CLEANUP(free_tree) cJSON *tree = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
    if (!tree)
        return wrong(&r, NULL, "not JSON near line %d", line_of(text, end ? end : text));
    while (end < text + bytes && strchr(" \t\r\n", *end))
        end++;
    if (end != text + bytes)
        return wrong(&r, NULL, "something follows the object, on line %d", line_of(text, end));
    return take_members(&r, NULL, tree, top_keys, COUNT_OF(top_keys), out);
}

/* Whoever can write the configuration decides what the agent may do. */
static int check_file(int fd, const char *name, uid_t owner, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, "look at %s", name);
    if (!S_ISREG(st.st_mode))
        return error_say(err, CONFIG_ERROR, "%s is not a file; it was not read", name);
    if (st.st_uid != owner && st.st_uid != 0)
        return error_say(err, CONFIG_ERROR,
                         "%s belongs to user %u and was not read: chown it to user %u", name,
                         st.st_uid, owner);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return error_say(err, CONFIG_ERROR,
                         "%s can be written by others and was not read: chmod go-w it", name);
    if (st.st_size > FILE_LIMIT)
        return error_say(err, CONFIG_ERROR, "%s is larger than %d KiB and was not read", name,
                         FILE_LIMIT / 1024);
    return 0;
}

static int load(int fd, const char *name, const struct workspace *w, struct config *out,
                struct error *err)
{
    TRY(check_file(fd, name, w->owner, err));
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    char buffer[4096];
    ssize_t n = 0;
    while (text.bytes <= FILE_LIMIT && (n = read(fd, buffer, sizeof buffer)) > 0)
        strbuf_add(&text, buffer, (size_t)n);
    if (n < 0)
        return error_set(err, errno, "read %s", name);
    if (text.failed)
        return error_say(err, ENOMEM, "no memory for the configuration");
    return config_parse(strbuf_text(&text), text.bytes, name, w->root, out, err);
}

/* The home of whoever owns the workspace; HOME is that of whoever calls, who may be root. */
static const char *owners_home(const struct workspace *w)
{
    const struct passwd *owner = getpwuid(w->owner);
    const char *given = getenv("HOME");
    struct stat st;
    if (given && given[0] == '/' && stat(given, &st) == 0 && st.st_uid == w->owner)
        return given;
    return owner ? owner->pw_dir : NULL;
}

/* -1 and errno ENOENT when there is none. */
static int open_users(const struct workspace *w)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    const char *home = owners_home(w);
    errno = ENOENT;
    if (!home)
        return -1;
    strbuf_add_format(&path, "%s/.config/ccfs/config.json", home);
    return open(strbuf_text(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int load_first(const struct workspace *w, struct config *out, struct error *err)
{
    static const char mine[] = "config.json";
    static const char users[] = "~/.config/ccfs/config.json";
    CLEANUP(fd_close)
    int fd = fd_open_beneath(w->root, STATE_FOLDER "/config.json", O_RDONLY | O_NONBLOCK, 0);
    if (fd >= 0)
        return load(fd, mine, w, out, err);
    if (fd != -ENOENT)
        return error_set(err, -fd, "open %s", mine);
    fd = open_users(w);
    if (fd >= 0)
        return load(fd, users, w, out, err);
    if (errno != ENOENT && errno != ENOTDIR)
        return error_set(err, errno, "open %s", users);
    return fill_defaults(out, err);
}

/* With the owner's rights: a link to what only root may read must not be read for them. */
int config_load(const struct workspace *w, struct config *out, struct error *err)
{
    *out = (struct config){0};
    TRY(workspace_act_as_owner(w, err));
    int r = load_first(w, out, err);
    workspace_act_as_self();
    return r;
}
