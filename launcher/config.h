/* config.h - what the user decided, checked.
 *
 * <workspace>/.ccfs/config.json, else ~/.config/ccfs/config.json, else the defaults.  A file is
 * read only when nobody else can have written it; whatever in it is not understood is an error with
 * its place ("zones.exprots: unknown key; did you mean "exports"?"), exit code 3. */
#ifndef LAUNCHER_CONFIG_H
#define LAUNCHER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "fusefs/fusefs.h"
#include "fusefs/zone.h"
#include "journal/gc.h"
#include "launcher/net/policy.h"
#include "launcher/secrets.h"
#include "launcher/workspace.h"

#define CONFIG_ZONE_LIMIT 256

#define CONTAINER_LIST_LIMIT 64
struct container_mount { /* both owned */
    char *from;
    char *to;
};
struct container_port {
    uint16_t outside; /* of 127.0.0.1 */
    uint16_t inside;
};
/* Of sessions in a container; texts are owned, NULL: not wished. */
struct container_wish {
    uint64_t memory_bytes;
    uint64_t cpus;
    uint64_t processes;
    uint64_t files;
    uint64_t tmp_bytes; /* of its /tmp, and of its home where that is not kept */
    bool keep_home;
    char *host; /* the Engine's socket */
    char *apparmor;
    char *selinux;
    char *git_name;
    char *git_email;
    char *capabilities[CONTAINER_LIST_LIMIT];
    size_t capability_count;
    char *deny[CONTAINER_LIST_LIMIT]; /* system calls */
    size_t deny_count;
    struct container_port ports[CONTAINER_LIST_LIMIT];
    size_t port_count;
    struct container_mount mounts[CONTAINER_LIST_LIMIT];
    size_t mount_count;
};

struct config {
    struct zone zones[CONFIG_ZONE_LIMIT]; /* paths owned */
    size_t zone_count;
    enum transport transport;
    bool passthrough; /* where the kernel and our rights allow it */
    enum write_events writes;
    enum durability durability;
    bool allow_other;
    struct journal_wish {
        char *signing_key; /* absolute path, owned; NULL: seals are not signed */
    } journal;
    struct sandbox_limits {
        uint64_t memory_bytes; /* of a session */
        uint64_t processes;    /* and threads */
        uint64_t files;        /* open in one process */
        uint64_t tmp_bytes;    /* of its private /tmp, and of its home */
    } sandbox;
    struct net_wish network;
    struct gc_limits retention;
    struct container_wish container;
    struct secrets_wish {
        char *env[SECRETS_LIMIT]; /* names, owned: these become variables, too */
        size_t env_count;
    } secrets;
};

void container_wish_release(struct container_wish *wish);
void secrets_wish_release(struct secrets_wish *wish);

/* *out is yours, config_release() it, also after an error. */
MUST_USE int config_load(const struct workspace *w, struct config *out, struct error *err);
/* The part of it that parses; name is for messages.  root: the workspace, whose folders zones name;
 * -1: their existence is not checked. */
MUST_USE int config_parse(const char *text, size_t bytes, const char *name, int root,
                          struct config *out, struct error *err);
void config_release(struct config *config); /* CLEANUP(config_release) */

/* In place of what the file says; *text is the configuration's. */
MUST_USE int config_set_text(char **text, const char *value, struct error *err);

/* Names besides those in the file: --secret-env. */
MUST_USE int config_add_secret_env(struct config *c, const struct cli_list *names,
                                   struct error *err);

/* "8g", "512m", "1048576": bytes. */
bool config_parse_size(const char *text, uint64_t *out);

#endif
