/* control_client.h - asks the daemon of a workspace (fusefs/CONTROL.md).
 *
 *     CLEANUP(control_close) struct control daemon = CONTROL_NONE;
 *     int runs = control_connect(root, &daemon, err);      // 1 yes, 0 no daemon, -errno
 *     …
 *     CLEANUP(strbuf_release) struct strbuf request = STRBUF_EMPTY;
 *     strbuf_add_text(&request, "session-end");
 *     control_add(&request, "session", "7");
 *     TRY(control_ask(&daemon, strbuf_text(&request), NULL, NULL, err));
 *     control_number(&daemon, "undo");
 *
 * What the daemon says about an error becomes *err, with its errno. */
#ifndef LAUNCHER_CONTROL_CLIENT_H
#define LAUNCHER_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/base/error.h"
#include "journal/base/strbuf.h"

struct control {
    int fd;
    struct strbuf in;    /* received, not yet read */
    struct strbuf reply; /* words of the last `ok` line */
    struct strbuf value; /* what control_value() returned last */
    const char *slow;    /* borrowed: said once, when an answer takes long; NULL: nothing is said */
};
#define CONTROL_NONE ((struct control){.fd = -1})

/* root: the workspace's descriptor.  1: connected; 0: no daemon runs; -errno. */
MUST_USE int control_connect(int root, struct control *out, struct error *err);
void control_close(struct control *c);

/* Appends " key=value", the value percent-encoded. */
void control_add(struct strbuf *request, const char *key, const char *value);
void control_add_number(struct strbuf *request, const char *key, uint64_t value);

typedef void control_progress(void *context, uint64_t done, uint64_t total);
/* Sends one request line (without \n) and waits for its last reply line.  0 or -errno as the daemon
 * said it; -EPIPE: the daemon ended meanwhile. */
MUST_USE int control_ask(struct control *c, const char *request, control_progress *progress,
                         void *context, struct error *err);

/* A daemon that runs writes first what it knows into the journal; where none runs, nothing is done. */
MUST_USE int control_settle(int root, struct error *err);

/* One by one what `roots` of a status reply lists ("7:4711,8:4720"); *at begins as that value, NULL:
 * none.  false: no more. */
bool control_next_root(const char **at, uint64_t *session, pid_t *root);

/* After a request that ends the daemon: hangs up and waits until its process is gone, and with it
 * the mount and the workspace's lock.  -ETIMEDOUT after 30 seconds. */
MUST_USE int control_wait_end(struct control *c, struct error *err);

/* A value of the last reply, decoded; NULL: it has no such key.  Valid until the next call on c. */
const char *control_value(struct control *c, const char *key);
uint64_t control_number(struct control *c, const char *key); /* 0: absent or no number */

#endif
