/* doctor.c - see doctor.h. */
#include "launcher/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"
#include "journal/base/text.h"
#include "launcher/json.h"
#include "launcher/render.h"

#define GAP 5 /* columns between what is wrong and what to do */

static const char *const words[] = {"ok", "warn", "FAIL"};

/* ---- running ---- */

/* From here on nothing of root's is left. */
static bool become_owner(struct doctor *d)
{
    struct error err = ERROR_NONE;
    if (d->has & NEEDS_OWNER)
        return true;
    if (workspace_become_owner(&d->workspace, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return false;
    }
    d->has |= NEEDS_OWNER;
    return true;
}

void doctor_run(struct doctor *d, const struct check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        d->check = &checks[i];
        if (checks[i].needs & ~d->has & ~(unsigned)NEEDS_OWNER)
            continue;
        if ((checks[i].needs & NEEDS_OWNER) && !become_owner(d))
            return;
        checks[i].run(d);
    }
}

void doctor_release(struct doctor *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->findings[i].says);
        free(d->findings[i].fix);
    }
    free(d->findings);
    engine_close(&d->engine);
    config_release(&d->config);
    workspace_close(&d->workspace);
}

/* ---- findings ---- */

static void add(struct doctor *d, enum verdict verdict, const char *fix, const char *says)
{
    struct finding f = {.check = d->check, .verdict = verdict, .says = strdup(says)};
    if (fix && verdict != VERDICT_OK)
        f.fix = strdup(fix);
    bool whole = f.says && (!fix || verdict == VERDICT_OK || f.fix);
    struct finding *more = list_grown(d->findings, d->count, &d->room, sizeof *more);
    if (more)
        d->findings = more;
    if (whole && more) {
        d->findings[d->count++] = f;
        return;
    }
    free(f.says);
    free(f.fix);
    d->failed = true;
}

static void add_format(struct doctor *d, enum verdict verdict, const char *fix, const char *format,
                       va_list args) VPRINTF_LIKE(4);

static void add_format(struct doctor *d, enum verdict verdict, const char *fix, const char *format,
                       va_list args)
{
    char says[2048];
    vsnprintf(says, sizeof says, format, args);
    add(d, verdict, fix, says);
}

void doctor_say(struct doctor *d, enum verdict verdict, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_format(d, verdict, d->check->fix, format, args);
    va_end(args);
}

void doctor_say_fix(struct doctor *d, enum verdict verdict, const char *fix, const char *format,
                    ...)
{
    va_list args;
    va_start(args, format);
    add_format(d, verdict, fix, format, args);
    va_end(args);
}

void doctor_say_error(struct doctor *d, enum verdict verdict, const struct error *err)
{
    char says[sizeof err->message];
    snprintf(says, sizeof says, "%s", err->message);
    char *tells = strstr(says, "; ");
    if (tells)
        *tells = '\0';
    add(d, verdict, tells ? tells + 2 : d->check->fix, says);
}

enum verdict doctor_worst(const struct doctor *d)
{
    enum verdict worst = VERDICT_OK;
    for (size_t i = 0; i < d->count; i++)
        if (d->findings[i].verdict > worst)
            worst = d->findings[i].verdict;
    return worst;
}

/* ---- for people ---- */

static void print_finding(const struct screen *screen, const struct finding *f)
{
    static const enum tone tones[] = {TONE_PLAIN, TONE_PLAIN, TONE_RED};
    char word[16];
    snprintf(word, sizeof word, "%-6s", words[f->verdict]);
    render_toned(screen, tones[f->verdict], word);
    fprintf(screen->out, "%s", f->says);
    if (f->fix) {
        bool fits =
            strlen(word) + text_columns(f->says) + GAP + text_columns(f->fix) <= screen->columns;
        fprintf(screen->out, "%s%*s%s", fits ? "" : "\n", fits ? GAP : (int)strlen(word), "",
                f->fix);
    }
    putc('\n', screen->out);
}

static void print_count(const struct doctor *d, FILE *out)
{
    size_t counts[COUNT_OF(words)] = {0};
    for (size_t i = 0; i < d->count; i++)
        counts[d->findings[i].verdict]++;
    fprintf(out, "%zu ok, %zu to look at, %zu failed\n", counts[VERDICT_OK], counts[VERDICT_WARN],
            counts[VERDICT_FAIL]);
}

void doctor_print(const struct doctor *d)
{
    struct screen screen = screen_of(stdout);
    for (size_t i = 0; i < d->count; i++)
        print_finding(&screen, &d->findings[i]);
    print_count(d, screen.out);
}

/* ---- for programs ---- */

int doctor_print_json(const struct doctor *d, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_bool(j, "sound", doctor_worst(d) != VERDICT_FAIL);
    json_begin_array(j, "checks");
    for (size_t i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        json_begin_object(j, NULL);
        json_text(j, "check", f->check->name);
        json_text(j, "verdict", f->verdict == VERDICT_FAIL ? "fail" : words[f->verdict]);
        json_text(j, "says", f->says);
        json_text(j, "fix", f->fix);
        json_end(j);
    }
    json_end(j);
    return json_print(j, stdout, err);
}
