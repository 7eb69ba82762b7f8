/* check_git.c - in whose name commits are made, and what of the workspace's repositories would be
 * lost with it. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/capture.h"
#include "launcher/doctor/checks.h"
#include "launcher/doctor/repository.h"
#include "launcher/doctor/walk.h"
#include "launcher/program.h"
#include "launcher/render.h"

#define MOST_REPOSITORIES 50
#define MOST_SAID 10

/* ---- identity ---- */

/* The user's own value of a setting, without any repository's. */
static bool has_setting(const char *git, const char *key)
{
    const struct passwd *me = getpwuid(geteuid());
    char home[4096];
    const char *const argv[] = {git, "config", "--global", "--includes", "--get", key, NULL};
    const char *const environment[] = {home, "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL};
    const struct capture_wish wish = {
        .argv = argv, .environment = environment, .folder = -1, .most = 4096, .patience_ms = 5000};
    CLEANUP(capture_release) struct capture said = CAPTURE_NONE;
    const char *given = getenv("HOME");
    const char *in = given && access(given, R_OK) == 0 ? given : me ? me->pw_dir : "/";
    snprintf(home, sizeof home, "HOME=%s", in);
    return capture_done(&wish, &said, NULL) == 0 && said.output.bytes > 1;
}

void check_identity(struct doctor *d)
{
    char git[4096];
    if (!program_find("git", git, sizeof git)) {
        doctor_say_fix(d, VERDICT_WARN, "as root: apt-get install git", "there is no git");
        return;
    }
    bool name = has_setting(git, "user.name");
    bool mail = has_setting(git, "user.email");
    if (name && mail)
        doctor_say(d, VERDICT_OK, "git knows your name and address");
    else
        doctor_say(d, VERDICT_WARN, "git does not know your %s",
                   name   ? "address"
                   : mail ? "name"
                          : "name and address");
}

/* ---- repositories ---- */

struct repositories {
    struct doctor *d;
    char git[4096];
    unsigned seen;
    unsigned said;
    unsigned more;
};

static void add_count(struct strbuf *out, uint64_t count, const char *one, const char *many)
{
    if (!count)
        return;
    strbuf_add_text(out, out->bytes ? ", " : "");
    render_plural(out, count, one, many);
}

static void say(struct repositories *r, const char *path, const struct repository_state *state)
{
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf what = STRBUF_EMPTY;
    add_count(&what, state->uncommitted, "file not committed", "files not committed");
    if (state->has_remote)
        add_count(&what, state->unpushed, "commit not pushed", "commits not pushed");
    else
        add_count(&what, state->unpushed, "commit and no copy elsewhere",
                  "commits and no copy elsewhere");
    if (!what.bytes)
        return;
    if (r->said == MOST_SAID) {
        r->more++;
        return;
    }
    r->said++;
    render_name(&name, path);
    doctor_say(r->d, VERDICT_WARN, "%s: %s", strbuf_text(&name), strbuf_text(&what));
}

static void look_at(struct repositories *r, int folder, const char *inside)
{
    struct repository_state state;
    struct error err = ERROR_NONE;
    CLEANUP(strbuf_release) struct strbuf path = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf name = STRBUF_EMPTY;
    strbuf_add_format(&path, "%s%s%s", r->d->workspace.path, inside[0] ? "/" : "", inside);
    if (path.failed)
        return;
    if (repository_look(r->git, folder, strbuf_text(&path), &state, &err) == 0) {
        say(r, inside[0] ? inside : ".", &state);
        return;
    }
    render_name(&name, inside[0] ? inside : ".");
    r->said++;
    doctor_say_fix(r->d, VERDICT_WARN, "look at it yourself: git status",
                   "%s is a repository that git does not understand: %.200s", strbuf_text(&name),
                   err.message);
}

static enum walk_wish visit(void *context, const struct walk_place *place)
{
    struct repositories *r = context;
    if (!S_ISDIR(place->st.st_mode) || strcmp(place->name, ".git") != 0)
        return WALK_ON;
    if (r->seen == MOST_REPOSITORIES)
        return WALK_END;
    r->seen++;
    char *parent = strdup(place->path);
    if (!parent)
        return WALK_END;
    char *slash = strrchr(parent, '/');
    *(slash ? slash : parent) = '\0';
    look_at(r, place->folder, parent);
    free(parent);
    return WALK_PAST;
}

void check_repositories(struct doctor *d)
{
    struct repositories r = {.d = d};
    struct walk walk = {.visit = visit, .context = &r};
    struct error err = ERROR_NONE;
    if (!program_find("git", r.git, sizeof r.git))
        return; /* check_identity() said it */
    if (walk_tree(d->workspace.root, &walk, &err) < 0)
        doctor_say_error(d, VERDICT_FAIL, &err);
    else if (r.more)
        doctor_say(d, VERDICT_WARN, "%u more repositories hold what is only here", r.more);
    else if (r.seen == MOST_REPOSITORIES)
        doctor_say(d, VERDICT_WARN, "only the first %u repositories were looked at", r.seen);
    else if (!r.said)
        doctor_say(d, VERDICT_OK,
                   r.seen == 0   ? "there is no repository in the workspace"
                   : r.seen == 1 ? "the repository is committed and pushed"
                                 : "all repositories are committed and pushed");
}
