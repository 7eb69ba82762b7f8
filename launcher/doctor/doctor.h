/* doctor.h - what checks look at, and how they say what they found.
 *
 *   (1) A check looks and says; it changes nothing.  What may be mended by itself is in fix.c.
 *   (2) What a check needs and is not there was said by the check that looks for it: the others are
 *       passed over.
 *   (3) Whatever lies in the workspace is looked at as its owner, never as root. */
#ifndef LAUNCHER_DOCTOR_DOCTOR_H
#define LAUNCHER_DOCTOR_DOCTOR_H

#include "launcher/cli.h"
#include "launcher/config.h"
#include "launcher/docker/engine.h"

enum verdict {
    VERDICT_OK,
    VERDICT_WARN, /* it works, but … */
    VERDICT_FAIL, /* something is wrong now */
};

enum need { /* bits */
    NEEDS_WORKSPACE = 1,
    NEEDS_CONFIG = 2,
    NEEDS_ENGINE = 4,
    NEEDS_OWNER = 8, /* from the first of these on we are the workspace's owner, for good */
};

struct doctor;

struct check {
    const char *name; /* for programs */
    unsigned needs;
    void (*run)(struct doctor *d);
    const char *fix; /* what to do, where the finding has nothing better; NULL: it always has */
};

struct finding {
    const struct check *check;
    enum verdict verdict;
    char *says;
    char *fix; /* NULL: nothing is to be done */
};

struct doctor {
    const struct cli *cli;
    const char *host; /* --docker-host */
    unsigned has;     /* enum need */
    struct workspace workspace;
    struct config config;
    struct engine engine;
    const struct check *check; /* that runs */
    struct finding *findings;  /* in the order in which they were found */
    size_t count;
    size_t room;
    bool failed; /* memory ran out: some were lost */
};

void doctor_run(struct doctor *d, const struct check *checks, size_t count);
void doctor_release(struct doctor *d); /* CLEANUP(doctor_release) */

/* A finding of the check that runs, with its fix where something is to be done.  What comes from a
 * file, a name or another program is escaped by the caller. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same with another fix; NULL: none. */
void doctor_say_fix(struct doctor *d, enum verdict verdict, const char *fix, const char *format,
                    ...) PRINTF_LIKE(4, 5);
/* What *err says; its fix is what stands behind its "; ", else that of the check. */
void doctor_say_error(struct doctor *d, enum verdict verdict, const struct error *err);

/* The worst of all. */
enum verdict doctor_worst(const struct doctor *d);

/* A line each: verdict, what, and what to do. */
void doctor_print(const struct doctor *d);
/* One JSON object. */
MUST_USE int doctor_print_json(const struct doctor *d, struct error *err);

#endif
