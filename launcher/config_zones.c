/* config_zones.c - the section "zones" of the configuration, and the zones without one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/base/fd.h"
#include "journal/journal.h"
#include "launcher/config_reader.h"

static const struct {
    const char *path;
    enum zone_mode mode;
} default_zones[] = {
    {"imports", ZONE_RO},  {"exports", ZONE_WO},       {"shared", ZONE_RW},
    {"Projects", ZONE_RW}, {"Documentation", ZONE_RW}, {"Research", ZONE_RW},
};

static int take_mode(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    static const char *const words[] = {"ro", "wo", "rw", "none"};
    unsigned n = 0;
    TRY(config_take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum zone_mode *)out = (enum zone_mode)n;
    return 0;
}

/* The folder that a key means: superfluous slashes and "./" go; what leads elsewhere is refused. */
static int normalise(struct config_reader *r, const struct config_place *at, char **out)
{
    CLEANUP(strbuf_release) struct strbuf clean = STRBUF_EMPTY;
    const char *rest = at->key;
    if (rest[0] == '/')
        return config_wrong(r, at,
                            "zones are folders of the workspace: name it without the leading /");
    while (*rest) {
        size_t bytes = strcspn(rest, "/");
        if (bytes == 2 && memcmp(rest, "..", 2) == 0)
            return config_wrong(r, at, "a zone cannot lie outside the workspace");
        if (bytes > 255)
            return config_wrong(r, at, "a name in it is longer than 255 bytes");
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
        return config_wrong(r, at,
                            "the workspace itself is always read-only: name one of its folders");
    if (strcmp(name, STATE_FOLDER) == 0 ||
        strncmp(name, STATE_FOLDER "/", sizeof STATE_FOLDER) == 0)
        return config_wrong(r, at, "is ccfs's own and never in the mount");
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

static int check_folder(struct config_reader *r, const struct config_place *at, const char *path)
{
    struct stat st;
    if (r->root < 0)
        return 0;
    CLEANUP(fd_close) int fd = fd_open_beneath(r->root, path, O_PATH, 0);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    if (fd >= 0)
        return config_wrong(r, at, "is not a folder");
    if (fd != -ENOENT)
        return config_wrong(
            r, at, "cannot be opened as a folder of the workspace; is a symlink on the way?");
    const char *near = near_zone(path);
    if (near)
        return config_wrong(r, at, "unknown key; did you mean \"%s\"?", near);
    return config_wrong(r, at,
                        "there is no such folder in the workspace: mkdir it, or mend its spelling");
}

/* Where the zone goes: over the default of that folder, else behind all. */
static int zone_slot(struct config_reader *r, const struct config_place *at, const char *path,
                     size_t *out)
{
    struct config *c = r->config;
    for (size_t i = 0; i < c->zone_count; i++) {
        if (strcmp(c->zones[i].path, path) != 0)
            continue;
        if (r->given[i])
            return config_wrong(r, at, "names the same folder as another zone: keep one");
        *out = i;
        return 0;
    }
    if (c->zone_count == CONFIG_ZONE_LIMIT)
        return config_wrong(r, at, "more than %d zones", CONFIG_ZONE_LIMIT);
    *out = c->zone_count;
    return 0;
}

static int take_zone_rules(struct config_reader *r, const struct config_place *at,
                           const cJSON *value, struct zone *zone)
{
    static const struct config_key keys[] = {
        {"mode", take_mode, offsetof(struct zone, mode)},
        {"list", config_take_bool, offsetof(struct zone, list)},
        {"setid", config_take_bool, offsetof(struct zone, setid)},
    };
    bool hides = false;
    if (cJSON_IsString(value))
        return take_mode(r, at, value, &zone->mode);
    TRY(config_take_members(r, at, value, keys, COUNT_OF(keys), zone));
    if (!cJSON_GetObjectItemCaseSensitive(value, "mode"))
        return config_wrong(r, at, "needs a \"mode\": \"ro\", \"wo\", \"rw\" or \"none\"");
    hides = !zone->list && zone->mode != ZONE_WO;
    return hides ? config_wrong(r, at, "\"list\": false is for mode \"wo\" only") : 0;
}

static void free_path(char **path)
{
    free(*path);
}

static int take_zone(struct config_reader *r, const struct config_place *at, const cJSON *value)
{
    CLEANUP(free_path) char *path = NULL;
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

int config_take_zones(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      UNUSED void *out)
{
    if (!cJSON_IsObject(value))
        return config_wrong(r, at, "must be an object, not %s", config_type_of(value));
    for (const cJSON *member = value->child; member; member = member->next) {
        struct config_place here = {at, member->string};
        TRY(take_zone(r, &here, member));
    }
    return 0;
}

int config_default_zones(struct config *c, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(default_zones); i++) {
        char *path = strdup(default_zones[i].path);
        if (!path)
            return error_say(err, ENOMEM, "no memory for the configuration");
        c->zones[c->zone_count++] =
            (struct zone){.path = path, .mode = default_zones[i].mode, .list = true};
    }
    return 0;
}
