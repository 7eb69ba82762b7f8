/* config_retention.c - the section "retention" of the configuration. */
#include <stdint.h>
#include <string.h>

#include "launcher/config_reader.h"
#include "launcher/retention.h"

#define COUNT_MOST UINT64_C(1000000000000)

static int take_age(struct config_reader *r, const struct config_place *at, const cJSON *value,
                    void *out)
{
    if (!cJSON_IsString(value) || !retention_parse_age(value->valuestring, out))
        return config_wrong(r, at, "must be an age like \"30d\", \"8w\", \"13mo\" or \"none\"");
    return 0;
}

static int take_number(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    return config_take_uint(r, at, value, 0, COUNT_MOST, out);
}

static int take_budget(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    if (cJSON_IsString(value) && strcmp(value->valuestring, "none") == 0) {
        *(uint64_t *)out = 0;
        return 0;
    }
    return config_take_size(r, at, value, out);
}

static int take_events(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    static const struct config_key keys[] = {
        {"age", take_age, offsetof(struct gc_limits, events_age_s)},
        {"count", take_number, offsetof(struct gc_limits, events_count)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}

static int take_vault(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    static const struct config_key keys[] = {
        {"age", take_age, offsetof(struct gc_limits, vault_age_s)},
        {"size", take_budget, offsetof(struct gc_limits, vault_bytes)},
        {"count", take_number, offsetof(struct gc_limits, vault_count)},
        {"pack_after", take_age, offsetof(struct gc_limits, pack_after_s)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}

static int take_keep(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    static const struct config_key keys[] = {
        {"age", take_age, offsetof(struct gc_limits, keep_age_s)},
        {"sessions", take_number, offsetof(struct gc_limits, keep_sessions)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}

int config_take_retention(struct config_reader *r, const struct config_place *at,
                          const cJSON *value, void *out)
{
    static const struct config_key keys[] = {
        {"events", take_events, 0},
        {"vault", take_vault, 0},
        {"keep", take_keep, 0},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}
