/* image_scan.c - see image_scan.h. */
#include "launcher/image_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli.h"
#include "launcher/json.h"
#include "launcher/render.h"

/* ---- for programs ---- */

static void json_said(struct json *j, const char *key, const char *text)
{
    if (text)
        json_bytes(j, key, text, strlen(text));
    else
        json_null(j, key);
}

static int print_json(const struct scan_finding *f, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_text(j, "severity", severity_words[f->severity]);
    json_said(j, "id", f->id);
    json_said(j, "package", f->package);
    json_said(j, "installed", f->installed);
    json_said(j, "fixed", f->fixed);
    json_text(j, "scanner", f->scanner);
    return json_print(j, stdout, err);
}

/* ---- for people ---- */

static const struct table_column columns[TABLE_COLUMNS] = {
    {.right = false}, {.right = false}, {.flexible = true}, {.drop = 1}, {.drop = 2}, {.drop = 3}};

static void add_row(struct table *table, const struct scan_finding *f)
{
    const char *said[] = {f->id, f->package, f->installed, f->fixed};
    struct strbuf shown[COUNT_OF(said)] = {0};
    enum tone tone = f->severity >= SEVERITY_HIGH ? TONE_RED : TONE_PLAIN;
    for (size_t i = 0; i < COUNT_OF(said); i++)
        render_name(&shown[i], said[i]);
    const struct cell cells[TABLE_COLUMNS] = {
        {.text = severity_words[f->severity], .tone = tone},
        {.text = strbuf_text(&shown[0])},
        {.text = strbuf_text(&shown[1])},
        {.text = strbuf_text(&shown[2])},
        {.text = f->fixed ? strbuf_text(&shown[3]) : "no fix yet"},
        {.text = f->scanner},
    };
    table_add(table, cells);
    for (size_t i = 0; i < COUNT_OF(said); i++)
        strbuf_release(&shown[i]);
}

static void add_counts(struct strbuf *line, const struct scan_report *report)
{
    uint64_t counts[SEVERITY_COUNT] = {0};
    for (size_t i = 0; i < report->count; i++)
        counts[report->findings[i].severity]++;
    for (int s = SEVERITY_COUNT - 1; s >= 0; s--) {
        if (!counts[s])
            continue;
        strbuf_add_text(line, line->bytes ? ", " : "");
        render_count(line, counts[s]);
        strbuf_add_format(line, " %s", severity_words[s]);
    }
}

/* The worst last, beside the prompt. */
static int print_table(const struct scan_report *report, struct error *err)
{
    struct screen screen = screen_of(stdout);
    CLEANUP(strbuf_release) struct strbuf line = STRBUF_EMPTY;
    CLEANUP(table_free) struct table *table = table_new(columns);
    for (size_t i = report->count; table && i > 0; i--)
        add_row(table, &report->findings[i - 1]);
    int r = table ? table_print(table, &screen, 0) : -ENOMEM;
    if (r < 0)
        return error_say(err, -r, "no memory for a table");
    add_counts(&line, report);
    if (report->count || !report->failed)
        printf("%s\n", line.bytes ? strbuf_text(&line) : "nothing is known to be vulnerable");
    return 0;
}

/* ---- both ---- */

int image_scan_level(const char *word, enum severity *out, struct error *err)
{
    *out = SEVERITY_COUNT;
    if (!word || severity_from_word(word, out))
        return 0;
    return error_say(
        err, EXIT_AS_ERROR(EXIT_USAGE),
        "image: --fail-on wants unknown, negligible, low, medium, high or critical; see: "
        "ccfs image --help");
}

static int judge(const struct scan_report *report, enum severity level, struct error *err)
{
    bool has_limit = level < SEVERITY_COUNT;
    size_t count = 0;
    while (count < report->count && report->findings[count].severity >= level)
        count++;
    if (count)
        return error_say(err, EXIT_AS_ERROR(EXIT_FAILED), "%zu finding%s of %s or worse", count,
                         count == 1 ? "" : "s", severity_words[level]);
    if (report->failed && (has_limit || report->failed == report->asked))
        return error_say(err, EXIT_AS_ERROR(EXIT_FAILED),
                         "not everything was looked at, so nothing can be said of the rest");
    return 0;
}

int image_scan(const struct engine *e, const struct scan_wish *wish, enum severity level, bool json,
               struct error *err)
{
    CLEANUP(scan_report_release) struct scan_report report = {0};
    TRY(scan_image(e, wish, &report, err));
    for (size_t i = 0; json && i < report.count; i++)
        TRY(print_json(&report.findings[i], err));
    if (!json)
        TRY(print_table(&report, err));
    return judge(&report, level, err);
}
