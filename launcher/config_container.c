/* config_container.c - the section "container" of the configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/config_reader.h"

#define UPPER_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define CALL_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define PLAIN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:-"

void container_wish_release(struct container_wish *wish)
{
    char **const texts[] = {&wish->host, &wish->apparmor, &wish->selinux, &wish->git_name,
                            &wish->git_email};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
    for (size_t i = 0; i < wish->capability_count; i++)
        free(wish->capabilities[i]);
    for (size_t i = 0; i < wish->deny_count; i++)
        free(wish->deny[i]);
    for (size_t i = 0; i < wish->mount_count; i++) {
        free(wish->mounts[i].from);
        free(wish->mounts[i].to);
    }
    wish->capability_count = 0;
    wish->deny_count = 0;
    wish->mount_count = 0;
}

static int keep(struct config_reader *r, const char *text, char **out)
{
    return config_set_text(out, text, r->err);
}

static int take_plain(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    if (!text || !text[0] || strlen(text) > 100 || strspn(text, PLAIN_LETTERS) != strlen(text))
        return config_wrong(r, at, "must be a plain word");
    return keep(r, text, out);
}

/* Words with which the Engine takes its own confinement away. */
static int take_profile(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out)
{
    static const char *const none[] = {"unconfined", "disable"};
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    for (size_t i = 0; i < COUNT_OF(none); i++)
        if (strcmp(text, none[i]) == 0)
            return config_wrong(r, at, "must name a profile, and not take away the Engine's own");
    return take_plain(r, at, value, out);
}

/* A name or an address of a person: anything on one line. */
static int take_line(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    if (!text || !text[0] || strlen(text) > 200)
        return config_wrong(r, at, "must be a text of up to 200 characters");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || strchr("<>", *c))
            return config_wrong(r, at, "must be on one line, without < and >");
    return keep(r, text, out);
}

static int take_cpus(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    return config_take_uint(r, at, value, 1, 1024, out);
}

/* ---- lists ---- */

/* What undoes the sandbox itself: whoever needs one of these needs no container. */
static const char *const forbidden[] = {
    "ALL",        "SYS_ADMIN",    "SYS_MODULE",      "SYS_PTRACE", "SYS_RAWIO",
    "SYS_BOOT",   "NET_ADMIN",    "DAC_READ_SEARCH", "BPF",        "PERFMON",
    "MAC_ADMIN",  "MAC_OVERRIDE", "SYSLOG",          "NET_RAW",    "CHECKPOINT_RESTORE",
    "SYS_CHROOT", "SYS_TIME",
};

static int take_capability(struct config_reader *r, const struct config_place *at,
                           const cJSON *value, void *out)
{
    struct container_wish *wish = out;
    const char *name = cJSON_IsString(value) ? value->valuestring : "";
    if (strncmp(name, "CAP_", 4) == 0)
        name += 4;
    if (!name[0] || strlen(name) > 30 || strspn(name, UPPER_LETTERS) != strlen(name))
        return config_wrong(r, at, "must be the name of a capability, like \"NET_BIND_SERVICE\"");
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        if (strcmp(name, forbidden[i]) == 0)
            return config_wrong(r, at, "%s would let the agent out of its container", name);
    if (wish->capability_count == CONTAINER_LIST_LIMIT)
        return config_wrong(r, at, "more than %d capabilities", CONTAINER_LIST_LIMIT);
    wish->capabilities[wish->capability_count] = NULL;
    TRY(keep(r, name, &wish->capabilities[wish->capability_count]));
    wish->capability_count++;
    return 0;
}

static int take_denied(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    struct container_wish *wish = out;
    const char *name = cJSON_IsString(value) ? value->valuestring : "";
    if (!name[0] || strlen(name) > 40 || strspn(name, CALL_LETTERS) != strlen(name))
        return config_wrong(r, at, "must be the name of a system call, like \"ptrace\"");
    if (wish->deny_count == CONTAINER_LIST_LIMIT)
        return config_wrong(r, at, "more than %d system calls", CONTAINER_LIST_LIMIT);
    wish->deny[wish->deny_count] = NULL;
    TRY(keep(r, name, &wish->deny[wish->deny_count]));
    wish->deny_count++;
    return 0;
}

/* 8080, or "8080:80". */
static int take_port(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    struct container_wish *wish = out;
    unsigned outside = 0;
    unsigned inside = 0;
    char rest = 0;
    if (cJSON_IsNumber(value) && value->valuedouble >= 1 && value->valuedouble <= 65535)
        outside = inside = (unsigned)value->valuedouble;
    else if (!cJSON_IsString(value) ||
             sscanf(value->valuestring, "%5u:%5u%c", &outside, &inside, &rest) != 2)
        outside = 0;
    if (outside < 1 || outside > 65535 || inside < 1 || inside > 65535)
        return config_wrong(r, at, "must be a port, or \"OUTSIDE:INSIDE\"");
    if (wish->port_count == CONTAINER_LIST_LIMIT)
        return config_wrong(r, at, "more than %d ports", CONTAINER_LIST_LIMIT);
    wish->ports[wish->port_count++] = (struct container_port){(uint16_t)outside, (uint16_t)inside};
    return 0;
}

/* Absolute and without detours: what it says is what it is. */
static bool is_clean_path(const char *path)
{
    return path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "/./") &&
           !strstr(path, "//") && strlen(path) < 4000;
}

static int take_mount(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    struct container_wish *wish = out;
    struct container_mount mount = {NULL, NULL};
    static const struct config_key keys[] = {
        {"from", config_take_path, offsetof(struct container_mount, from)},
        {"to", config_take_path, offsetof(struct container_mount, to)},
    };
    if (wish->mount_count == CONTAINER_LIST_LIMIT)
        return config_wrong(r, at, "more than %d mounts", CONTAINER_LIST_LIMIT);
    int taken = config_take_members(r, at, value, keys, COUNT_OF(keys), &mount);
    wish->mounts[wish->mount_count++] = mount; /* released with the rest, whatever it is */
    TRY(taken);
    if (!mount.from || !mount.to || !is_clean_path(mount.from) || !is_clean_path(mount.to))
        return config_wrong(r, at, "wants \"from\" and \"to\", absolute paths without detours");
    if (strncmp(mount.to, "/workspace", 10) == 0 && (mount.to[10] == '/' || !mount.to[10]))
        return config_wrong(r, at, "would cover the workspace");
    return 0;
}

static int take_capabilities(struct config_reader *r, const struct config_place *at,
                             const cJSON *value, void *out)
{
    return config_take_list(r, at, value, take_capability, out);
}

static int take_deny(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    return config_take_list(r, at, value, take_denied, out);
}

static int take_ports(struct config_reader *r, const struct config_place *at, const cJSON *value,
                      void *out)
{
    return config_take_list(r, at, value, take_port, out);
}

static int take_mounts(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    return config_take_list(r, at, value, take_mount, out);
}

int config_take_container(struct config_reader *r, const struct config_place *at,
                          const cJSON *value, void *out)
{
#define AT(member) offsetof(struct container_wish, member)
    static const struct config_key keys[] = {
        {"host", take_line, AT(host)},
        {"memory", config_take_size, AT(memory_bytes)},
        {"cpus", take_cpus, AT(cpus)},
        {"processes", config_take_count, AT(processes)},
        {"files", config_take_count, AT(files)},
        {"tmp", config_take_size, AT(tmp_bytes)},
        {"keep_home", config_take_bool, AT(keep_home)},
        {"capabilities", take_capabilities, 0},
        {"deny_calls", take_deny, 0},
        {"ports", take_ports, 0},
        {"mounts", take_mounts, 0},
        {"apparmor", take_profile, AT(apparmor)},
        {"selinux", take_profile, AT(selinux)},
        {"git_name", take_line, AT(git_name)},
        {"git_email", take_line, AT(git_email)},
    };
#undef AT
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}
