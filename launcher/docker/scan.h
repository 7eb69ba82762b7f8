/* scan.h - what is known to be vulnerable in the image, as a scanner of this machine tells.
 *
 * Scanners are asked without a shell, and bounded; what they say is hostile: it comes from an image
 * and from the internet. */
#ifndef LAUNCHER_DOCKER_SCAN_H
#define LAUNCHER_DOCKER_SCAN_H

#include "launcher/docker/engine.h"

enum severity { /* its words: severity_words, in this order */
    SEVERITY_UNKNOWN,
    SEVERITY_NEGLIGIBLE,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITY_COUNT
};
extern const char *const severity_words[SEVERITY_COUNT];
/* In any case, and by the other words that scanners have for them. */
bool severity_from_word(const char *word, enum severity *out);

/* All owned, bytes as they were said: to be escaped.  NULL: not said. */
struct scan_finding {
    enum severity severity;
    char *id; /* "CVE-2026-1234", "GHSA-…" */
    char *package;
    char *installed;
    char *fixed;         /* in which version */
    const char *scanner; /* who found it */
};

struct scan_report {
    struct scan_finding *findings; /* after scan_image(): the worst first */
    size_t count;
    size_t room;
    unsigned asked;  /* scanners that were */
    unsigned failed; /* of those: what they would have found is not here; a line said so */
};
void scan_report_release(struct scan_report *r); /* CLEANUP(scan_report_release) */

/* All borrowed; NULL: not said. */
struct scan_wish {
    const char *scanner; /* this one */
    const char *source;  /* where debsecan gets what is known: a mirror's URL */
};
/* By trivy, grype or docker scout, the first that answers; else by debsecan, over the packages that
 * the image lists, and by npm audit, over what Claude Code is made of.  Nothing of the image runs.
 * EXIT_MISSING: none of them is here. */
MUST_USE int scan_image(const struct engine *e, const struct scan_wish *wish,
                        struct scan_report *out, struct error *err);

#endif
