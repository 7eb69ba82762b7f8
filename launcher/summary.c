/* summary.c - see summary.h. */
#include "launcher/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/base/clock.h"
#include "journal/history.h"
#include "launcher/lost_proxy.h"
#include "launcher/net/contacts.h"
#include "launcher/render.h"

#define REFUSALS_SHOWN 5
#define CONTACTS_SHOWN 5

static void add_duration(struct strbuf *out, int64_t ns)
{
    int64_t s = ns / NS_PER_S;
    if (s < 10)
        strbuf_add_format(out, "%" PRId64 ".%" PRId64 " s", s, ns % NS_PER_S / (NS_PER_S / 10));
    else if (s < 120)
        strbuf_add_format(out, "%" PRId64 " s", s);
    else if (s < 7200)
        strbuf_add_format(out, "%" PRId64 " min", s / 60);
    else
        strbuf_add_format(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
}

static void print_heading(const struct screen *screen, const struct summary *s, bool nothing)
{
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf command = STRBUF_EMPTY;
    render_name(&command, s->command);
    strbuf_add_format(&line, "session %" PRIu64 " · ", s->session);
    render_shortened(&line, strbuf_text(&command),
                     screen->columns > 50 ? screen->columns - 40 : 10);
    strbuf_add_text(&line, " · ");
    add_duration(&line, s->took_ns);
    strbuf_add_format(&line, " · exit %d", s->exit_code);
    if (nothing)
        strbuf_add_text(&line, " · nothing changed, nothing refused");
    fprintf(screen->out, "%s\n", strbuf_text(&line));
}

static void print_count(const struct screen *screen, const char *before, const char *what,
                        uint64_t n, enum tone tone)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    strbuf_add_format(&text, "%s ", what);
    render_count(&text, n);
    fputs(before, screen->out);
    render_toned(screen, n ? tone : TONE_PLAIN, strbuf_text(&text));
}

static void print_counts(const struct screen *screen, const struct history_counts *counts)
{
    print_count(screen, "  ", "created", counts->created, TONE_PLAIN);
    print_count(screen, "   ", "changed", counts->changed, TONE_PLAIN);
    print_count(screen, "   ", "deleted", counts->deleted, TONE_RED);
    if (counts->renamed)
        print_count(screen, "   ", "renamed", counts->renamed, TONE_PLAIN);
    print_count(screen, "   ", "refused", counts->denied, TONE_RED);
    fputs("\n", screen->out);
}

/* ---- what was refused ---- */

struct refusals {
    const struct screen *screen;
    unsigned shown;
};

/* "/usr/bin/node" is node to a person. */
static const char *program(const struct actor *actor)
{
    const char *slash = actor->exe ? strrchr(actor->exe, '/') : NULL;
    return slash ? slash + 1 : actor->exe ? actor->exe : "?";
}

static int print_refusal(const struct event *e, void *context)
{
    struct refusals *r = context;
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf who = STRBUF_EMPTY;
    if (r->shown == REFUSALS_SHOWN)
        return 1;
    r->shown++;
    strbuf_add_text(&line, "  ");
    render_name(&line, e->path);
    strbuf_add_format(&line, "  %s: ", op_name(e->op));
    render_name(&line, e->reason ? e->reason : "refused");
    if (e->count > 1)
        strbuf_add_format(&line, ", %" PRIu32 " times", e->count);
    if (e->actor.id) {
        strbuf_add_text(&who, "  (");
        render_name(&who, program(&e->actor));
        strbuf_add_format(&who, " %" PRId32 ")", e->actor.pid);
    }
    fputs("  ", r->screen->out);
    render_toned(r->screen, TONE_RED, "refused");
    fputs(strbuf_text(&line), r->screen->out);
    render_toned(r->screen, TONE_DIM, strbuf_text(&who));
    fputs("\n", r->screen->out);
    return 0;
}

static int print_refusals(struct history *h, const struct screen *screen, const struct summary *s,
                          struct error *err)
{
    struct history_filter filter = HISTORY_ALL;
    struct refusals context = {.screen = screen};
    filter.session = s->session;
    filter.outcome = OUTCOME_DENIED;
    int r = history_events(h, &filter, print_refusal, &context, err);
    if (r == 1)
        fprintf(screen->out, "  … and more\n");
    return r < 0 ? r : 0;
}

/* ---- what was contacted ---- */

struct contacted {
    struct strbuf names;
    uint64_t count;
};

static int add_contact(const struct event *e, void *context)
{
    struct contacted *c = context;
    if (c->count++ < CONTACTS_SHOWN) {
        strbuf_add_text(&c->names, c->names.bytes ? "  " : "");
        render_name(&c->names, e->path);
    }
    return 0;
}

static void contacted_release(struct contacted *c)
{
    strbuf_release(&c->names);
}

/* Through the proxy of an allowlist: others leave no trace. */
static void print_contacts(const struct screen *screen, const struct contacted *c)
{
    if (c->count == 0)
        return;
    fprintf(screen->out, "  contacted  %s", strbuf_text(&c->names));
    if (c->count > CONTACTS_SHOWN)
        fprintf(screen->out, "  and %" PRIu64 " more", c->count - CONTACTS_SHOWN);
    fputs("\n", screen->out);
}

static int find_contacts(struct history *h, const struct summary *s, struct contacted *out,
                         struct error *err)
{
    struct history_filter filter = HISTORY_ALL;
    filter.session = s->session;
    filter.op = OP_NETWORK;
    filter.outcome = OUTCOME_OK;
    return history_events(h, &filter, add_contact, out, err);
}

static void print_lost_proxy(const struct screen *screen)
{
    fputs("  ", screen->out);
    render_toned(screen, TONE_RED, "proxy");
    fputs("      " CONTACT_PROXY_ENDED "\n", screen->out);
}

/* ---- what to do now ---- */

static void print_hints(const struct screen *screen, const struct summary *s, bool undoable)
{
    CLEANUP(strbuf_release) struct strbuf option = STRBUF_EMPTY;
    if (s->workspace_option) {
        strbuf_add_text(&option, " -w ");
        render_name(&option, s->workspace_option);
    }
    const char *w = strbuf_text(&option);
    fprintf(screen->out, "  look: ccfs history --session %" PRIu64 "%s", s->session, w);
    if (undoable)
        fprintf(screen->out, "    undo: ccfs undo --session %" PRIu64 "%s", s->session, w);
    fputs("\n", screen->out);
}

int summary_print(const struct workspace *w, const struct summary *s, struct error *err)
{
    CLEANUP(history_close) struct history *h = NULL;
    CLEANUP(contacted_release) struct contacted contacted = {.names = STRBUF_EMPTY};
    struct history_counts counts = {0};
    struct screen screen = screen_of(stderr);
    bool lost = false;
    TRY(history_open(w->root, &h, err));
    TRY(history_count(h, s->session, &counts, err));
    TRY(find_contacts(h, s, &contacted, err));
    TRY(lost_proxy(h, s->session, &lost, err));
    uint64_t changes = counts.created + counts.changed + counts.deleted + counts.renamed;
    bool nothing = changes == 0 && counts.denied == 0 && contacted.count == 0 && !lost;
    fputs("\n", stderr);
    print_heading(&screen, s, nothing);
    if (nothing)
        return 0;
    print_counts(&screen, &counts);
    if (counts.denied)
        TRY(print_refusals(h, &screen, s, err));
    print_contacts(&screen, &contacted);
    if (lost)
        print_lost_proxy(&screen);
    print_hints(&screen, s, changes > 0);
    return 0;
}
