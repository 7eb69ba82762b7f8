/* config_reader.h - values and objects of the configuration: from JSON to C, or an error with its
 * place.  Private to config*.c.
 *
 * The keys of an object are a table: a name, who takes its value, where it goes.  A value's place
 * is carried along as the path that messages name.  Depth is bounded by the tables. */
#ifndef LAUNCHER_CONFIG_READER_H
#define LAUNCHER_CONFIG_READER_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "launcher/config.h"

#define CONFIG_ERROR EXIT_AS_ERROR(EXIT_CONFIG)

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* What is being read, and for whom. */
struct config_reader {
    const char *file;
    int root;
    struct config *config;
    bool given[CONFIG_ZONE_LIMIT]; /* this zone stands in the file */
    struct error *err;
};

/* A place in the file, as a chain up to its top. */
struct config_place {
    const struct config_place *above;
    const char *key;
};

/* Takes the value at a place into *out. */
typedef int config_take(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out);

struct config_key {
    const char *name;
    config_take *take;
    size_t offset; /* of out in the struct that the table describes */
};

/* "config.json: zones.exprots: …"; the second one for a key that none of the names is. */
int config_wrong(struct config_reader *r, const struct config_place *at, const char *format, ...)
    PRINTF_LIKE(3, 4);
int config_unknown(struct config_reader *r, const struct config_place *at, const char *const *names,
                   size_t count);
const char *config_type_of(const cJSON *value); /* "a text" */

config_take config_take_bool;  /* bool */
config_take config_take_size;  /* uint64_t: "8g", or bytes */
config_take config_take_count; /* uint64_t */
config_take config_take_path;  /* char *, absolute, owned */
MUST_USE int config_take_uint(struct config_reader *r, const struct config_place *at,
                              const cJSON *value, uint64_t low, uint64_t high, uint64_t *out);
MUST_USE int config_take_text(struct config_reader *r, const struct config_place *at,
                              const cJSON *value, const char **out);
/* Each item of a list; its place is its number, from 1. */
MUST_USE int config_take_list(struct config_reader *r, const struct config_place *at,
                              const cJSON *value, config_take *take, void *out);
/* One of a few words; their order is that of the enum. */
MUST_USE int config_take_word(struct config_reader *r, const struct config_place *at,
                              const cJSON *value, const char *const *words, size_t count,
                              unsigned *out);
/* Each member of an object, once, by the table that knows it; at most 16 keys. */
MUST_USE int config_take_members(struct config_reader *r, const struct config_place *at,
                                 const cJSON *object, const struct config_key *keys, size_t count,
                                 void *out);

/* A section each, in a file of its own. */
config_take config_take_zones;     /* into r->config */
config_take config_take_network;   /* struct net_wish */
config_take config_take_retention; /* struct gc_limits */
config_take config_take_container; /* struct container_wish */
config_take config_take_secrets;   /* struct secrets_wish */
MUST_USE int config_default_zones(struct config *c, struct error *err);

#endif
