/* config.c - see config.h.
 *
 * Its sections are tables (config_reader.h); those with rules of their own have a file each. */
#include "launcher/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/config_reader.h"
#include "launcher/retention.h"

#define FILE_LIMIT (256 * 1024)

static const struct config defaults = {
    .transport = TRANSPORT_AUTO,
    .passthrough = true,
    .writes = WRITES_CLOSE,
    .sandbox = {.memory_bytes = 8 * GIB, .processes = 4096, .files = 65536, .tmp_bytes = 2 * GIB},
    .network = {.defaults = true},
    .retention = RETENTION_DEFAULTS,
    .container = {.memory_bytes = 8 * GIB,
                  .cpus = 4,
                  .processes = 512,
                  .files = 65536,
                  .tmp_bytes = 2 * GIB},
};

static int take_transport(struct config_reader *r, const struct config_place *at,
                          const cJSON *value, void *out)
{
    static const char *const words[] = {"auto", "uring", "dev"};
    unsigned n = 0;
    TRY(config_take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum transport *)out = (enum transport)n;
    return 0;
}

static int take_passthrough(struct config_reader *r, const struct config_place *at,
                            const cJSON *value, void *out)
{
    static const char *const words[] = {"off", "auto"};
    unsigned n = 0;
    TRY(config_take_word(r, at, value, words, COUNT_OF(words), &n));
    *(bool *)out = n == 1;
    return 0;
}

static int take_writes(struct config_reader *r, const struct config_place *at, const cJSON *value,
                       void *out)
{
    static const char *const words[] = {"close", "each"};
    unsigned n = 0;
    TRY(config_take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum write_events *)out = (enum write_events)n;
    return 0;
}

static int take_durability(struct config_reader *r, const struct config_place *at,
                           const cJSON *value, void *out)
{
    static const char *const words[] = {"relaxed", "strict"};
    unsigned n = 0;
    TRY(config_take_word(r, at, value, words, COUNT_OF(words), &n));
    *(enum durability *)out = (enum durability)n;
    return 0;
}

static int take_sandbox(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out)
{
    static const struct config_key keys[] = {
        {"memory", config_take_size, offsetof(struct sandbox_limits, memory_bytes)},
        {"processes", config_take_count, offsetof(struct sandbox_limits, processes)},
        {"files", config_take_count, offsetof(struct sandbox_limits, files)},
        {"tmp", config_take_size, offsetof(struct sandbox_limits, tmp_bytes)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}

static int take_journal(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out)
{
    static const struct config_key keys[] = {
        {"signing_key", config_take_path, offsetof(struct journal_wish, signing_key)},
    };
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}

static void free_text(char **text)
{
    free(*text);
    *text = NULL;
}

/* ---- the file ---- */

static const struct config_key top_keys[] = {
    {"zones", config_take_zones, 0},
    {"transport", take_transport, offsetof(struct config, transport)},
    {"passthrough", take_passthrough, offsetof(struct config, passthrough)},
    {"writes", take_writes, offsetof(struct config, writes)},
    {"durability", take_durability, offsetof(struct config, durability)},
    {"allow_other", config_take_bool, offsetof(struct config, allow_other)},
    {"journal", take_journal, offsetof(struct config, journal)},
    {"sandbox", take_sandbox, offsetof(struct config, sandbox)},
    {"network", config_take_network, offsetof(struct config, network)},
    {"retention", config_take_retention, offsetof(struct config, retention)},
    {"container", config_take_container, offsetof(struct config, container)},
    {"secrets", config_take_secrets, offsetof(struct config, secrets)},
};

static int fill_defaults(struct config *c, struct error *err)
{
    *c = defaults;
    return config_default_zones(c, err);
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
    net_wish_release(&config->network);
    container_wish_release(&config->container);
    secrets_wish_release(&config->secrets);
}

int config_set_text(char **text, const char *value, struct error *err)
{
    char *copy = strdup(value);
    if (!copy)
        return error_say(err, ENOMEM, "no memory for the configuration");
    free(*text);
    *text = copy;
    return 0;
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
    struct config_reader r = {.file = name, .root = root, .config = out, .err = err};
    const char *end = NULL;
    *out = (struct config){0};
    TRY(fill_defaults(out, err));
    /* a NUL would end a name early, and hide what stands behind it */
    if (memchr(text, '\0', bytes) || memmem(text, bytes, "\\u0000", 6))
        return config_wrong(&r, NULL, "contains a NUL character: remove it");
    CLEANUP(free_tree) cJSON *tree = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
    if (!tree)
        return config_wrong(&r, NULL, "not JSON near line %d", line_of(text, end ? end : text));
    while (end < text + bytes && strchr(" \t\r\n", *end))
        end++;
    if (end != text + bytes)
        return config_wrong(&r, NULL, "something follows the object, on line %d",
                            line_of(text, end));
    return config_take_members(&r, NULL, tree, top_keys, COUNT_OF(top_keys), out);
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

/* -1 and errno ENOENT when there is none. */
static int open_users(const struct workspace *w)
{
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    const char *home = workspace_owners_home(w);
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
