/* sidecar.c - see sidecar.h.
 *
 * What the proxy reads comes by its stdin, what it says about contacts goes to its stdout: nothing
 * of it lies in a file of the host, nor in what the Engine shows of a container. */
#include "launcher/docker/sidecar.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/docker/container.h"
#include "launcher/docker/demux.h"
#include "launcher/net/proxy.h"
#include "launcher/pidfd.h"

#define READY_S 60
#define GRACE_MS 5000
#define BEFORE_LIMIT (256 * 1024)
#define COMPLAINT_LIMIT 512
#define LOOPBACK "127.0.0.1"

uint32_t sidecar_user(const struct workspace *w)
{
    return w->owner == PROXY_USER ? PROXY_USER - 1 : PROXY_USER;
}

/* ---- what it says ---- */

struct heard {
    struct contacts *contacts;
    struct contact_lines lines;
    struct strbuf before;    /* what came before it was ready, and then nothing any more */
    struct strbuf complaint; /* the beginning of its stderr */
    bool ready;
    struct demux demux;
};

static void heard_release(struct heard *h)
{
    strbuf_release(&h->before);
    strbuf_release(&h->complaint);
}

/* A line says that it answers; nobody but its own trial has asked it anything before. */
static bool take_before(struct heard *h, const char *data, size_t bytes)
{
    static const char ready[] = "\n" SPEC_PROXY_READY "\n";
    if (h->before.bytes == 0)
        strbuf_add_text(&h->before, "\n");
    strbuf_add(&h->before, data, bytes);
    const char *at = strstr(strbuf_text(&h->before), ready);
    if (at) {
        const char *rest = at + strlen(ready);
        h->ready = true;
        contacts_take(h->contacts, &h->lines, rest, strlen(rest));
    }
    return !h->before.failed && h->before.bytes < BEFORE_LIMIT;
}

static bool take_output(void *context, int fd, const char *data, size_t bytes)
{
    struct heard *h = context;
    if (fd == 1 && !h->ready)
        return take_before(h, data, bytes);
    if (fd == 1)
        contacts_take(h->contacts, &h->lines, data, bytes);
    else if (h->complaint.bytes < COMPLAINT_LIMIT)
        strbuf_add(&h->complaint, data, bytes < COMPLAINT_LIMIT ? bytes : COMPLAINT_LIMIT);
    return true;
}

/* false: that was all.  Waits until something comes, ms at the most; -1: for ever. */
static bool hear(int life, struct heard *h, int ms)
{
    char buffer[16384];
    struct pollfd p = {.fd = life, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0)
        return true;
    ssize_t n = recv(life, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    return n > 0 && demux_feed(&h->demux, buffer, (size_t)n);
}

static int say_ended(const struct heard *h, struct error *err)
{
    char line[200];
    proxy_complaint(strbuf_text(&h->complaint), line, sizeof line);
    return error_say(err, EIO, "the proxy ended, so nothing was started: %s",
                     line[0] ? line : "its container was ended");
}

static int wait_ready(int life, struct heard *h, struct error *err)
{
    int64_t until = clock_steady_ns() + READY_S * NS_PER_S;
    while (!h->ready) {
        int64_t left_ms = (until - clock_steady_ns()) / (NS_PER_S / 1000);
        if (left_ms <= 0)
            return error_say(err, ETIMEDOUT, "the proxy does not answer after %d seconds", READY_S);
        if (!hear(life, h, (int)left_ms))
            return say_ended(h, err);
    }
    return 0;
}

/* ---- the child that hears it ---- */

static void live_as_ear(int life, struct heard *h, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent || dup2(life, 0) < 0 ||
        close_range(1, ~0U, 0) < 0)
        _exit(1);
    while (hear(0, h, -1))
        continue;
    _exit(0);
}

static int start_ear(struct heard *h, struct sidecar *s, struct error *err)
{
    pid_t parent = getpid();
    s->ear = fork();
    if (s->ear < 0) {
        s->ear = 0;
        return error_set(err, errno, "start a process for the proxy's log");
    }
    if (s->ear == 0)
        live_as_ear(s->life, h, parent);
    s->ended = pidfd_of(s->ear);
    return s->ended < 0 ? error_set(err, errno, "watch the proxy") : 0;
}

/* ---- the whole ---- */

/* Each file with its length in a line before it. */
static void add_file(struct strbuf *out, const struct strbuf *text)
{
    strbuf_add_format(out, "%zu\n", text->bytes);
    strbuf_add(out, text->data, text->bytes);
}

static int write_files(const struct spec *spec, const struct net_wish *wish, struct strbuf *out,
                       struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf certificate = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf config = STRBUF_EMPTY;
    struct proxy_setup setup = {
        .listen = LOOPBACK,
        .certificate = SPEC_PROXY_CERTIFICATE,
        .log = "/dev/stdout",
        .policy = spec->policy,
    };
    TRY(proxy_certificate(&certificate, err));
    TRY(proxy_config_for(wish, &setup, &config, err));
    add_file(out, &config);
    add_file(out, &certificate);
    return out->failed ? error_say(err, ENOMEM, "no memory for the proxy's configuration") : 0;
}

int sidecar_open(const struct engine *e, const struct spec *spec, const struct net_wish *wish,
                 struct contacts *contacts, struct sidecar *out, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf files = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf early = STRBUF_EMPTY;
    CLEANUP(heard_release) struct heard heard = {.contacts = contacts};
    heard.demux = (struct demux){.sink = take_output, .context = &heard};
    *out = SIDECAR_NONE;
    TRY(write_files(spec, wish, &files, err));
    TRY(spec_proxy(spec, &body, err));
    TRY(container_create(e, spec->names->proxy, &body, err));
    TRY(container_start(e, spec->names->proxy, &out->life, &early, err));
    TRY(container_feed(out->life, &files, err));
    if (early.bytes && !demux_feed(&heard.demux, early.data, early.bytes))
        return error_say(err, EPROTO, "the Engine sends something else than the proxy's log");
    TRY(wait_ready(out->life, &heard, err));
    return start_ear(&heard, out, err);
}

void sidecar_end(struct sidecar *s)
{
    if (s->ear) {
        (void)shutdown(s->life, SHUT_WR); /* it ends, and says what it has yet to say */
        if (pidfd_wait(s->ended, GRACE_MS) == 0)
            (void)kill(s->ear, SIGKILL);
        (void)child_wait(s->ear);
    }
    fd_close(&s->life);
    fd_close(&s->ended);
    *s = SIDECAR_NONE;
}
