/* swarm.c - see swarm.h. */
#include "launcher/docker/swarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/docker/exec.h"
#include "launcher/json.h"

#define TRIES 600 /* of a tenth of a second */
#define ID_LIMIT 64

/* One that is wanted. */
struct wanted {
    char name[VARIABLE_NAME_LIMIT];
    char id[ID_LIMIT];
};

struct reader {
    const struct engine *engine;
    const struct spec *spec;
    char name[SPEC_NAME_LIMIT + 16]; /* of the service */
    char image[128];                 /* by its digest: such a one is never fetched from elsewhere */
    struct wanted wanted[SECRETS_LIMIT];
    size_t count;
    char container[80]; /* its task's */
};

/* ---- which ---- */

static bool is_wanted(const struct spec *s, const struct secrets *all, const char *name)
{
    for (size_t i = 0; s->secrets && i < s->secrets->env_count; i++)
        if (strcmp(s->secrets->env[i], name) == 0)
            return true;
    return secrets_find(all, name) != NULL;
}

static bool take_id(const char *id, const char *letters, char *out, size_t room)
{
    if (!id || strlen(id) >= room || strspn(id, letters) != strlen(id))
        return false;
    snprintf(out, room, "%s", id);
    return true;
}

static int find_wanted(struct reader *r, const struct secrets *all, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *list = NULL;
    TRY(engine_call(r->engine, "GET", NULL, &list, err, "/secrets"));
    for (const struct cJSON *one = json_first(list); one; one = json_next(one)) {
        const char *name = json_at_text(one, "Spec/Name");
        struct wanted *w = &r->wanted[r->count];
        if (!name || r->count == SECRETS_LIMIT || secret_check_name(name, NULL) < 0 ||
            !is_wanted(r->spec, all, name) ||
            !take_id(json_at_text(one, "ID"), "abcdefghijklmnopqrstuvwxyz0123456789", w->id,
                     sizeof w->id))
            continue;
        snprintf(w->name, sizeof w->name, "%s", name);
        r->count++;
    }
    return 0;
}

static int find_image(struct reader *r, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *image = NULL;
    TRY(engine_call(r->engine, "GET", NULL, &image, err,
                    "/images/" DOCKER_IMAGE ":" DOCKER_IMAGE_TAG "/json"));
    if (take_id(json_at_text(image, "Id"), "sha256:0123456789abcdef", r->image, sizeof r->image))
        return 0;
    return error_say(err, EPROTO, "the Engine gives the image no digest");
}

/* ---- the service ---- */

static void add_secret(struct json *j, const struct wanted *w, const struct workspace *owner)
{
    char uid[16];
    char gid[16];
    snprintf(uid, sizeof uid, "%u", owner->owner);
    snprintf(gid, sizeof gid, "%u", owner->group);
    json_begin_object(j, NULL);
    json_text(j, "SecretID", w->id);
    json_text(j, "SecretName", w->name);
    json_begin_object(j, "File");
    json_text(j, "Name", w->name);
    json_text(j, "UID", uid);
    json_text(j, "GID", gid);
    json_uint(j, "Mode", 0400);
    json_end(j);
    json_end(j);
}

static void add_container(struct json *j, const struct reader *r)
{
    char user[32];
    snprintf(user, sizeof user, "%u:%u", r->spec->workspace->owner, r->spec->workspace->group);
    json_begin_object(j, "ContainerSpec");
    json_text(j, "Image", r->image);
    json_begin_array(j, "Command");
    json_text(j, NULL, "sleep");
    json_text(j, NULL, "300"); /* it ends also where we are killed */
    json_end(j);
    json_text(j, "User", user);
    json_text(j, "Dir", "/");
    json_bool(j, "ReadOnly", true);
    json_bool(j, "Init", true);
    json_uint(j, "StopGracePeriod", 100 * 1000 * 1000);
    json_begin_array(j, "CapabilityDrop");
    json_text(j, NULL, "ALL");
    json_end(j);
    json_begin_array(j, "Secrets");
    for (size_t i = 0; i < r->count; i++)
        add_secret(j, &r->wanted[i], r->spec->workspace);
    json_end(j);
    json_end(j);
}

static int write_service(const struct reader *r, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    char here[ID_LIMIT + 16];
    snprintf(here, sizeof here, "node.id==%s", r->engine->swarm_node);
    json_text(j, "Name", r->name);
    json_begin_object(j, "Labels");
    json_text(j, LABEL_PART, "secrets");
    json_text(j, LABEL_SESSION, r->spec->names->agent);
    json_end(j);
    json_begin_object(j, "TaskTemplate");
    add_container(j, r);
    json_begin_object(j, "RestartPolicy");
    json_text(j, "Condition", "none");
    json_end(j);
    json_begin_object(j, "Placement");
    json_begin_array(j, "Constraints");
    json_text(j, NULL, here);
    json_end(j);
    json_end(j);
    json_end(j);
    json_begin_object(j, "Mode");
    json_begin_object(j, "Replicated");
    json_uint(j, "Replicas", 1);
    json_end(j);
    json_end(j);
    return json_line(j, out, err);
}

static int drop(const struct reader *r, struct error *err)
{
    int gone = engine_call(r->engine, "DELETE", NULL, NULL, err, "/services/%s", r->name);
    return gone == -ENOENT ? 0 : gone;
}

/* 1: it runs; 0: not yet. */
static int look_at_task(struct reader *r, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tasks = NULL;
    CLEANUP(strbuf_release) struct strbuf why = STRBUF_EMPTY;
    TRY(engine_call(r->engine, "GET", NULL, &tasks, err,
                    "/tasks?filters=%%7B%%22service%%22%%3A%%5B%%22%s%%22%%5D%%7D", r->name));
    const struct cJSON *status = json_at(json_first(tasks), "Status");
    const char *state = json_at_text(status, "State");
    const char *said = json_at_text(status, "Err");
    static const char *const ends[] = {"complete", "failed", "rejected", "shutdown", "orphaned"};
    for (size_t i = 0; state && i < COUNT_OF(ends); i++)
        if (strcmp(state, ends[i]) == 0) {
            text_escape(&why, said ? said : state, strnlen(said ? said : state, 200));
            return error_say(err, EIO, "the swarm does not start it: %s", strbuf_text(&why));
        }
    return state && strcmp(state, "running") == 0 &&
           take_id(json_at_text(status, "ContainerStatus/ContainerID"), "0123456789abcdef",
                   r->container, sizeof r->container);
}

static int start(struct reader *r, struct error *err)
{
    const struct timespec moment = {.tv_nsec = 100 * 1000 * 1000};
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    TRY(write_service(r, &body, err));
    TRY(engine_call(r->engine, "POST", &body, NULL, err, "/services/create"));
    for (int i = 0; i < TRIES; i++) {
        int runs = look_at_task(r, err);
        if (runs != 0)
            return runs < 0 ? runs : 0;
        nanosleep(&moment, NULL);
    }
    return error_say(err, ETIMEDOUT, "the swarm does not start it within a minute");
}

/* ---- reading ---- */

static int read_one(const struct reader *r, const struct wanted *w, struct secrets *all,
                    struct error *err)
{
    CLEANUP(strbuf_wipe) struct strbuf value = STRBUF_EMPTY;
    char path[sizeof SECRETS_FOLDER + VARIABLE_NAME_LIMIT];
    snprintf(path, sizeof path, SECRETS_FOLDER "/%s", w->name);
    char *const command[] = {(char[]){"/bin/cat"}, path, NULL};
    const struct exec_wish wish = {.container = r->container, .folder = "/", .command = command};
    TRY(exec_feed(r->engine, &wish, NULL, &value, err));
    return secrets_put(all, w->name, strbuf_text(&value), value.bytes, err);
}

static int read_all(struct reader *r, struct secrets *all, struct error *err)
{
    TRY(start(r, err));
    for (size_t i = 0; i < r->count; i++)
        TRY(read_one(r, &r->wanted[i], all, err));
    return 0;
}

static void say_taken(const struct reader *r)
{
    CLEANUP(strbuf_release) struct strbuf names = STRBUF_EMPTY;
    for (size_t i = 0; i < r->count && names.bytes < 300; i++)
        strbuf_add_format(&names, "%s%s", i ? ", " : "", r->wanted[i].name);
    log_line("of the swarm's own secrets this session gets: %s", strbuf_text(&names));
}

int swarm_take_secrets(const struct engine *e, const struct spec *s, struct secrets *all,
                       struct error *err)
{
    struct reader r = {.engine = e, .spec = s};
    struct error later = ERROR_NONE;
    if (!e->swarm_node[0])
        return 0;
    TRY(find_wanted(&r, all, err));
    if (r.count == 0)
        return 0;
    snprintf(r.name, sizeof r.name, "%s-secrets", s->names->agent);
    TRY(find_image(&r, err));
    TRY(drop(&r, err)); /* of a ccfs that was killed */
    int done = read_all(&r, all, err);
    int gone = drop(&r, done < 0 ? &later : err);
    if (done == 0 && gone == 0)
        say_taken(&r);
    return error_prefix(err, done < 0 ? done : gone, "read the swarm's own secrets");
}
