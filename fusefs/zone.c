/* zone.c - see zone.h. */
#include "fusefs/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"

struct zones {
    size_t count;       /* at least 1: the last one is the root's */
    struct zone zone[]; /* longest path first, so that the first match wins */
};

static const char *const mode_names[] = {
    [ZONE_RO] = "ro", [ZONE_WO] = "wo", [ZONE_RW] = "rw", [ZONE_NONE] = "none"};

const char *zone_mode_name(enum zone_mode mode)
{
    return mode_names[mode];
}

bool zone_mode_parse(const char *name, enum zone_mode *out)
{
    for (size_t i = 0; i < COUNT_OF(mode_names); i++)
        if (strcmp(name, mode_names[i]) == 0) {
            *out = (enum zone_mode)i;
            return true;
        }
    return false;
}

/* Is `path` folder itself or below it? */
static bool is_within(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    return n == 0 || (strncmp(folder, path, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

static int check_path(const char *path, struct error *err)
{
    if (path[0] == '\0' || path[0] == '/')
        return error_say(err, EINVAL, "zone \"%s\": name a folder of the workspace", path);
    if (is_within(STATE_FOLDER, path))
        return error_say(err, EINVAL, "zone \"%s\": %s belongs to ccfs", path, STATE_FOLDER);
    for (const char *part = path;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return error_say(err, EINVAL, "zone \"%s\": no empty part, \".\" or \"..\" in it",
                             path);
        part += n;
        if (*part == '\0')
            return 0;
    }
}

static int compare_longest_first(const void *a, const void *b)
{
    size_t left = strlen(((const struct zone *)a)->path);
    size_t right = strlen(((const struct zone *)b)->path);
    return (left < right) - (left > right);
}

static int add_rules(struct zones *zones, const struct zone *rules, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        TRY(check_path(rules[i].path, err));
        for (size_t k = 0; k < i; k++)
            if (strcmp(rules[i].path, rules[k].path) == 0)
                return error_say(err, EINVAL, "zone \"%s\" is given twice", rules[i].path);
        zones->zone[zones->count] = rules[i];
        zones->zone[zones->count].path = strdup(rules[i].path);
        if (!zones->zone[zones->count].path)
            return error_set(err, ENOMEM, "zones");
        zones->count++;
    }
    return 0;
}

int zones_make(const struct zone *rules, size_t count, struct zones **out, struct error *err)
{
    CLEANUP(zones_free)
    struct zones *zones = calloc(1, sizeof *zones + (count + 1) * sizeof(struct zone));
    if (!zones)
        return error_set(err, ENOMEM, "zones");
    TRY(add_rules(zones, rules, count, err));
    char *root = strdup("");
    if (!root)
        return error_set(err, ENOMEM, "zones");
    zones->zone[zones->count++] = (struct zone){.path = root, .mode = ZONE_RO, .list = true};
    qsort(zones->zone, zones->count, sizeof(struct zone), compare_longest_first);
    *out = zones;
    zones = NULL;
    return 0;
}

void zones_free(struct zones **zones)
{
    if (!*zones)
        return;
    for (size_t i = 0; i < (*zones)->count; i++)
        free((void *)(uintptr_t)(*zones)->zone[i].path);
    free(*zones);
    *zones = NULL;
}

const struct zone *zone_of(const struct zones *zones, const char *path)
{
    size_t i = 0;
    while (!is_within(zones->zone[i].path, path))
        i++;
    return &zones->zone[i]; /* the root's holds everything */
}

bool zone_is_root(const struct zones *zones, const char *path)
{
    for (size_t i = 0; i < zones->count; i++)
        if (is_within(path, zones->zone[i].path))
            return true;
    return false;
}

bool zone_hides_below(const struct zones *zones, const char *path)
{
    for (size_t i = 0; i < zones->count; i++)
        if (zones->zone[i].mode == ZONE_NONE && is_within(path, zones->zone[i].path))
            return true;
    return false;
}

/* The table of design.md, 4. */
static const struct {
    enum zone_mode mode;
    enum wish wish;
    int error;
    const char *reason;
} refusals[] = {
    {ZONE_RO, WISH_WRITE, EROFS, "read-only"},    {ZONE_RO, WISH_UPDATE, EROFS, "read-only"},
    {ZONE_RO, WISH_ALTER, EROFS, "read-only"},    {ZONE_WO, WISH_READ, EACCES, "write-only"},
    {ZONE_WO, WISH_UPDATE, EACCES, "write-only"},
};

int zone_check(const struct zone *zone, enum wish wish, const char **reason)
{
    *reason = NULL;
    if (zone->mode == ZONE_NONE) {
        *reason = "hidden";
        return -ENOENT;
    }
    if (zone->mode == ZONE_WO && wish == WISH_LIST && !zone->list) {
        *reason = "not to be listed";
        return -EACCES;
    }
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        if (refusals[i].mode == zone->mode && refusals[i].wish == wish) {
            *reason = refusals[i].reason;
            return -refusals[i].error;
        }
    return 0;
}
