/* evidence.h - what is collected about an incident: files without names, values of secrets taken
 * out of them, with a checksum each; at the end one archive. */
#ifndef LAUNCHER_EVIDENCE_H
#define LAUNCHER_EVIDENCE_H

#include "launcher/archive_file.h"
#include "launcher/redact.h"

#define EVIDENCE_LIMIT 300

struct evidence {
    const struct archive_file *place; /* borrowed */
    struct redactor *redactor;
    struct evidence_file {
        char path[160]; /* in the archive */
        int fd;
    } files[EVIDENCE_LIMIT];
    size_t count;
    struct error error; /* of a piece that could not be written */
};
MUST_USE int evidence_open(const struct archive_file *place, const struct secrets *all,
                           struct evidence *out, struct error *err);
void evidence_close(struct evidence *e); /* CLEANUP */

/* One file after the other: begun, fed in pieces, ended. */
MUST_USE int evidence_begin(struct evidence *e, struct error *err, const char *path, ...)
    PRINTF_LIKE(3, 4);
/* false: it could not be written, which evidence_end() says. */
bool evidence_feed(void *evidence, const char *data, size_t bytes);
MUST_USE int evidence_end(struct evidence *e, struct error *err);
/* A whole file as it is; fd becomes the evidence's. */
MUST_USE int evidence_add(struct evidence *e, const char *path, int *fd, struct error *err);

/* All of it below folder, and SHA256SUMS, into an archive that is written to fd; they belong to
 * owner. */
MUST_USE int evidence_pack(struct evidence *e, const char *folder, const struct workspace *owner,
                           int fd, struct error *err);

#endif
