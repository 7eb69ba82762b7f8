/* check_secrets.c - what lies where an agent reads it, and should not.
 *
 * Names of files and kinds of secrets are said, never what is in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/doctor/checks.h"
#include "launcher/doctor/secrets.h"
#include "launcher/doctor/walk.h"
#include "launcher/render.h"

#define FILE_READ (128 * 1024) /* of each file */
#define FILE_LARGEST (4 << 20) /* a larger one is no settings and no key */
#define ALL_READ (UINT64_C(256) << 20)
#define MOST_SAID 10

struct search {
    struct doctor *d;
    struct zones *zones;
    char *buffer;
    uint64_t read;
    unsigned said;
    unsigned more;
};

static void search_release(struct search *s)
{
    free(s->buffer);
    zones_free(&s->zones);
}

static size_t read_beginning(struct search *s, const struct walk_place *place)
{
    size_t got = 0;
    ssize_t n = 0;
    CLEANUP(fd_close)
    int fd = openat(place->folder, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (fd >= 0 && got < FILE_READ && (n = read(fd, s->buffer + got, FILE_READ - got)) > 0)
        got += (size_t)n;
    s->read += got;
    return got;
}

static bool is_settings(const char *name)
{
    return strncmp(name, ".env", 4) == 0;
}

/* Compared to what is in it, a name is a guess. */
static enum verdict judge(struct search *s, const struct walk_place *place, const char **kind)
{
    const char *by_name = secret_named(place->name);
    size_t bytes = place->st.st_size <= FILE_LARGEST ? read_beginning(s, place) : 0;
    *kind = secret_in(s->buffer, bytes);
    if (!*kind && by_name && is_settings(place->name))
        *kind = secret_setting(s->buffer, bytes);
    if (*kind)
        return VERDICT_FAIL;
    *kind = bytes > 0 ? by_name : NULL;
    return *kind ? VERDICT_WARN : VERDICT_OK;
}

static void say(struct search *s, enum verdict verdict, const char *path, const char *kind)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    if (s->said == MOST_SAID) {
        s->more++;
        return;
    }
    s->said++;
    render_name(&shown, path);
    doctor_say(s->d, verdict,
               verdict == VERDICT_FAIL ? "%s holds what looks like %s"
                                       : "%s is a file that as a rule holds %s",
               strbuf_text(&shown), kind);
}

static enum walk_wish visit(void *context, const struct walk_place *place)
{
    struct search *s = context;
    const char *kind = NULL;
    const char *reason = NULL;
    if (S_ISDIR(place->st.st_mode)) {
        bool hidden = zone_of(s->zones, place->path)->mode == ZONE_NONE;
        return hidden || strcmp(place->name, ".git") == 0 ? WALK_PAST : WALK_ON;
    }
    if (!S_ISREG(place->st.st_mode) ||
        zone_check(zone_of(s->zones, place->path), WISH_READ, &reason) < 0)
        return WALK_ON;
    enum verdict verdict = judge(s, place, &kind);
    if (verdict != VERDICT_OK)
        say(s, verdict, place->path, kind);
    return s->read < ALL_READ ? WALK_ON : WALK_END;
}

static void conclude(struct search *s, const struct walk *walk)
{
    CLEANUP(strbuf_release) struct strbuf looked = STRBUF_EMPTY;
    bool all = !walk->cut_short && s->read < ALL_READ;
    render_plural(&looked, walk->seen, "file and folder", "files and folders");
    if (s->more)
        doctor_say(s->d, VERDICT_WARN, "%u more files look as if they held a secret", s->more);
    else if (!s->said)
        doctor_say(s->d, VERDICT_OK, "nothing that an agent can read looks like a secret (%s%s)",
                   all ? "" : "only the first ", strbuf_text(&looked));
    else if (!all)
        doctor_say(s->d, VERDICT_WARN, "only the first %s were searched for secrets",
                   strbuf_text(&looked));
}

static int search(struct search *s, struct error *err)
{
    const struct config *config = &s->d->config;
    struct walk walk = {.visit = visit, .context = s};
    TRY(zones_make(config->zones, config->zone_count, &s->zones, err));
    s->buffer = malloc(FILE_READ);
    if (!s->buffer)
        return error_say(err, ENOMEM, "no memory to search for secrets");
    TRY(walk_tree(s->d->workspace.root, &walk, err));
    conclude(s, &walk);
    return 0;
}

void check_secrets(struct doctor *d)
{
    CLEANUP(search_release) struct search s = {.d = d};
    struct error err = ERROR_NONE;
    if (search(&s, &err) < 0)
        doctor_say_error(d, VERDICT_FAIL, &err);
}
