/* scan_parse.c - see scan_parse.h. */
#include "launcher/docker/scan_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "journal/base/list.h"
#include "journal/base/text.h"
#include "launcher/json_read.h"

#define TEXT_LIMIT 200 /* of each part of a finding */

const char *const severity_words[SEVERITY_COUNT] = {"unknown", "negligible", "low",
                                                    "medium",  "high",       "critical"};

bool severity_from_word(const char *word, enum severity *out)
{
    static const struct {
        const char *word;
        enum severity severity;
    } others[] = {
        {"info", SEVERITY_NEGLIGIBLE}, {"moderate", SEVERITY_MEDIUM}, {"important", SEVERITY_HIGH}};
    for (unsigned i = 0; word && i < SEVERITY_COUNT; i++)
        if (strcasecmp(severity_words[i], word) == 0) {
            *out = (enum severity)i;
            return true;
        }
    for (size_t i = 0; word && i < COUNT_OF(others); i++)
        if (strcasecmp(others[i].word, word) == 0) {
            *out = others[i].severity;
            return true;
        }
    return false;
}

static enum severity severity_of(const char *word)
{
    enum severity s = SEVERITY_UNKNOWN;
    (void)severity_from_word(word, &s);
    return s;
}

/* ---- findings ---- */

static char *copy(const char *text)
{
    return text && text[0] ? strndup(text, TEXT_LIMIT) : NULL;
}

static void finding_release(struct scan_finding *f)
{
    free(f->id);
    free(f->package);
    free(f->installed);
    free(f->fixed);
}

void scan_report_cut(struct scan_report *r, size_t count)
{
    while (r->count > count)
        finding_release(&r->findings[--r->count]);
}

void scan_report_release(struct scan_report *r)
{
    scan_report_cut(r, 0);
    free(r->findings);
    *r = (struct scan_report){0};
}

/* All borrowed.  One without an id is none. */
struct said {
    const char *severity;
    const char *id;
    const char *package;
    const char *installed;
    const char *fixed;
};

static int add(struct scan_report *out, const char *scanner, const struct said *said,
               struct error *err)
{
    if (!said->id || !said->id[0])
        return 0;
    if (out->count == SCAN_FINDINGS_LIMIT)
        return error_say(err, EFBIG, "%s finds more than can be right", scanner);
    struct scan_finding *more = list_grown(out->findings, out->count, &out->room, sizeof *more);
    if (!more)
        return error_say(err, ENOMEM, "no memory for what %s finds", scanner);
    out->findings = more;
    more[out->count++] = (struct scan_finding){
        .severity = severity_of(said->severity),
        .id = copy(said->id),
        .package = copy(said->package),
        .installed = copy(said->installed),
        .fixed = copy(said->fixed),
        .scanner = scanner,
    };
    return more[out->count - 1].id ? 0 : error_say(err, ENOMEM, "no memory for a finding");
}

static int no_report(const char *scanner, struct error *err)
{
    return error_say(err, EPROTO, "%s answers something that is no report", scanner);
}

static int read_tree(const char *text, size_t bytes, const char *scanner, struct cJSON **out,
                     struct error *err)
{
    return json_read(text, bytes, out, NULL) < 0 ? no_report(scanner, err) : 0;
}

/* ---- trivy ---- */

static int take_trivy(const struct cJSON *results, const char *scanner, struct scan_report *out,
                      struct error *err)
{
    for (const struct cJSON *r = json_first(results); r; r = json_next(r))
        for (const struct cJSON *v = json_first(json_at(r, "Vulnerabilities")); v;
             v = json_next(v)) {
            const struct said said = {
                .severity = json_at_text(v, "Severity"),
                .id = json_at_text(v, "VulnerabilityID"),
                .package = json_at_text(v, "PkgName"),
                .installed = json_at_text(v, "InstalledVersion"),
                .fixed = json_at_text(v, "FixedVersion"),
            };
            TRY(add(out, scanner, &said, err));
        }
    return 0;
}

int scan_parse_trivy(const char *text, size_t bytes, const char *scanner, struct scan_report *out,
                     struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    TRY(read_tree(text, bytes, scanner, &tree, err));
    if (!json_is_object(tree) || json_at_number(tree, "SchemaVersion") == 0)
        return no_report(scanner, err);
    return take_trivy(json_at(tree, "Results"), scanner, out, err);
}

/* ---- grype ---- */

int scan_parse_grype(const char *text, size_t bytes, const char *scanner, struct scan_report *out,
                     struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    TRY(read_tree(text, bytes, scanner, &tree, err));
    if (!json_at(tree, "matches"))
        return no_report(scanner, err);
    for (const struct cJSON *m = json_first(json_at(tree, "matches")); m; m = json_next(m)) {
        const struct said said = {
            .severity = json_at_text(m, "vulnerability/severity"),
            .id = json_at_text(m, "vulnerability/id"),
            .package = json_at_text(m, "artifact/name"),
            .installed = json_at_text(m, "artifact/version"),
            .fixed = json_text_of(json_first(json_at(m, "vulnerability/fix/versions"))),
        };
        TRY(add(out, scanner, &said, err));
    }
    return 0;
}

/* ---- docker scout ---- */

/* pkg:TYPE/NAMESPACE/NAME@VERSION?…: the last part of the name, and the version. */
static void split_purl(char *purl, struct said *out)
{
    purl[strcspn(purl, "?#")] = '\0';
    char *at = strrchr(purl, '@');
    char *slash = strrchr(purl, '/');
    if (at && (!slash || at > slash)) {
        *at = '\0';
        out->installed = at + 1;
    }
    out->package = slash ? slash + 1 : purl;
}

/* As CVSS groups its scores. */
static const char *severity_of_score(const char *score)
{
    double value = score ? strtod(score, NULL) : 0;
    return value >= 9   ? "critical"
           : value >= 7 ? "high"
           : value >= 4 ? "medium"
           : value > 0  ? "low"
                        : "unknown";
}

static int take_rule(const struct cJSON *rule, const char *scanner, struct scan_report *out,
                     struct error *err)
{
    const struct cJSON *p = json_at(rule, "properties");
    const char *purl = json_text_of(json_first(json_at(p, "purls")));
    const char *word = json_at_text(p, "cvssV3_severity");
    enum severity known;
    char shown[512] = "";
    struct said said = {
        .severity = severity_from_word(word, &known)
                        ? word
                        : severity_of_score(json_at_text(p, "security-severity")),
        .id = json_at_text(rule, "id"),
        .fixed = json_at_text(p, "fixed_version"),
    };
    if (!purl)
        purl = json_at_text(p, "purl");
    if (purl) {
        strncat(shown, purl, sizeof shown - 1);
        split_purl(shown, &said);
    }
    if (said.fixed && strcmp(said.fixed, "not fixed") == 0)
        said.fixed = NULL;
    return add(out, scanner, &said, err);
}

int scan_parse_sarif(const char *text, size_t bytes, const char *scanner, struct scan_report *out,
                     struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    TRY(read_tree(text, bytes, scanner, &tree, err));
    if (!json_at(tree, "runs"))
        return no_report(scanner, err);
    for (const struct cJSON *run = json_first(json_at(tree, "runs")); run; run = json_next(run))
        for (const struct cJSON *rule = json_first(json_at(run, "tool/driver/rules")); rule;
             rule = json_next(rule))
            TRY(take_rule(rule, scanner, out, err));
    return 0;
}

/* ---- npm ---- */

/* ".../GHSA-…": its last part. */
static const char *advisory_of(const char *url)
{
    const char *slash = url ? strrchr(url, '/') : NULL;
    return slash && slash[1] ? slash + 1 : url;
}

/* A package is vulnerable by itself (objects in via), or by what it is made of (names, which have
 * rows of their own). */
static int take_package(const struct cJSON *package, const char *scanner, struct scan_report *out,
                        struct error *err)
{
    const char *fixed = json_at_text(package, "fixAvailable/version");
    for (const struct cJSON *v = json_first(json_at(package, "via")); v; v = json_next(v)) {
        if (!json_is_object(v))
            continue;
        const struct said said = {
            .severity = json_at_text(v, "severity"),
            .id = advisory_of(json_at_text(v, "url")),
            .package = json_key_of(package),
            .installed = json_at_text(v, "range"),
            .fixed = fixed,
        };
        TRY(add(out, scanner, &said, err));
    }
    return 0;
}

/* npm says what went wrong in place of a report. */
static int say_message(const struct cJSON *tree, const char *scanner, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    const char *message = json_at_text(tree, "message");
    if (!message)
        message = json_at_text(tree, "error/summary");
    if (!message)
        return no_report(scanner, err);
    text_escape(&safe, message, strnlen(message, TEXT_LIMIT));
    return error_say(err, EIO, "%s: %s", scanner, strbuf_text(&safe));
}

int scan_parse_npm(const char *text, size_t bytes, const char *scanner, struct scan_report *out,
                   struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *tree = NULL;
    TRY(read_tree(text, bytes, scanner, &tree, err));
    if (!json_is_object(json_at(tree, "vulnerabilities")))
        return say_message(tree, scanner, err);
    for (const struct cJSON *p = json_first(json_at(tree, "vulnerabilities")); p; p = json_next(p))
        TRY(take_package(p, scanner, out, err));
    return 0;
}

/* ---- debsecan: "CVE-2026-1234 libfoo (fixed, remotely exploitable, high urgency)" ---- */

static const char *urgency_in(const char *notes)
{
    static const char *const words[] = {"high urgency", "medium urgency", "low urgency"};
    static const char *const severities[] = {"high", "medium", "low"};
    for (size_t i = 0; notes && i < COUNT_OF(words); i++)
        if (strstr(notes, words[i]))
            return severities[i];
    return "unknown";
}

static int take_line(char *line, const char *scanner, struct scan_report *out, struct error *err)
{
    char *rest = NULL;
    struct said said = {.id = strtok_r(line, " ", &rest)};
    said.package = strtok_r(NULL, " ", &rest);
    if (!said.package)
        return 0;
    said.severity = urgency_in(rest);
    said.fixed =
        rest && (strstr(rest, "(fixed,") || strstr(rest, "(fixed)")) ? "a newer one" : NULL;
    return add(out, scanner, &said, err);
}

int scan_parse_debsecan(const char *text, size_t bytes, const char *scanner,
                        struct scan_report *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf lines = STRBUF_EMPTY;
    char *rest = NULL;
    strbuf_add(&lines, text, bytes);
    if (lines.failed)
        return error_say(err, ENOMEM, "no memory for what %s says", scanner);
    for (char *line = strtok_r(lines.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        TRY(take_line(line, scanner, out, err));
    return 0;
}
