/* control_client.c - see control_client.h. */
#include "launcher/control_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal.h"

#define SLOW_MS 2000     /* without an answer: whoever waits is told for what */
#define LINE_LIMIT 65536 /* of a reply: it is short, whoever answers */

int control_connect(int root, struct control *out, struct error *err)
{
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, errno, "make a socket");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    /* through the descriptor: a workspace's path may be longer than a socket's */
    snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/" STATE_FOLDER "/control.sock",
             root);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return 0; /* none, or what a killed one left */
        return error_set(err, errno, "ask the daemon of this workspace");
    }
    *out = CONTROL_NONE;
    out->fd = fd_take(&fd);
    return 1;
}

void control_close(struct control *c)
{
    fd_close(&c->fd);
    strbuf_release(&c->in);
    strbuf_release(&c->reply);
    strbuf_release(&c->value);
}

/* ---- words ---- */

static bool is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("._/:@,+=-", c));
}

static void encode(struct strbuf *out, const char *value)
{
    for (const char *at = value; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (is_plain(c))
            strbuf_add(out, at, 1);
        else
            strbuf_add_format(out, "%%%02X", c);
    }
}

static void decode(struct strbuf *out, const char *word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned byte = 0;
        char hex[3] = {0};
        if (word[i] == '%' && bytes - i > 2) {
            memcpy(hex, word + i + 1, 2);
            if (strspn(hex, "0123456789abcdefABCDEF") == 2 && sscanf(hex, "%2x", &byte) == 1 &&
                byte) {
                char c = (char)(unsigned char)byte;
                strbuf_add(out, &c, 1);
                i += 2;
                continue;
            }
        }
        strbuf_add(out, word + i, 1);
    }
    strbuf_add(out, "", 0);
}

void control_add(struct strbuf *request, const char *key, const char *value)
{
    strbuf_add_format(request, " %s=", key);
    encode(request, value);
}

void control_add_number(struct strbuf *request, const char *key, uint64_t value)
{
    strbuf_add_format(request, " %s=%" PRIu64, key, value);
}

const char *control_value(struct control *c, const char *key)
{
    size_t key_bytes = strlen(key);
    for (const char *word = strbuf_text(&c->reply); *word;) {
        size_t bytes = strcspn(word, " ");
        if (bytes > key_bytes && word[key_bytes] == '=' && memcmp(word, key, key_bytes) == 0) {
            strbuf_clear(&c->value);
            decode(&c->value, word + key_bytes + 1, bytes - key_bytes - 1);
            return strbuf_text(&c->value);
        }
        word += bytes;
        word += strspn(word, " ");
    }
    return NULL;
}

uint64_t control_number(struct control *c, const char *key)
{
    const char *value = control_value(c, key);
    char *end = NULL;
    unsigned long long n = value ? strtoull(value, &end, 10) : 0;
    return value && end != value && *end == '\0' ? n : 0;
}

/* ---- lines ---- */

static int send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int gone(struct error *err)
{
    return error_say(err, EPIPE, "the daemon of this workspace ended; see .ccfs/daemon.log");
}

static void tell_when_slow(struct control *c)
{
    struct pollfd answer = {.fd = c->fd, .events = POLLIN};
    if (c->slow && poll(&answer, 1, SLOW_MS) == 0) {
        log_line("%s", c->slow);
        c->slow = NULL;
    }
}

static int receive(struct control *c, struct error *err)
{
    char buffer[4096];
    tell_when_slow(c);
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return gone(err);
    if (n < 0)
        return error_set(err, errno, "read the daemon's answer");
    strbuf_add(&c->in, buffer, (size_t)n);
    if (c->in.failed)
        return error_say(err, ENOMEM, "no memory for the daemon's answer");
    return 0;
}

/* Moves the next line, without its end, to c->reply. */
static int next_line(struct control *c, struct error *err)
{
    for (;;) {
        const char *text = strbuf_text(&c->in);
        const char *end = c->in.bytes ? memchr(text, '\n', c->in.bytes) : NULL;
        if (end) {
            size_t bytes = (size_t)(end - text);
            strbuf_clear(&c->reply);
            strbuf_add(&c->reply, text, bytes);
            memmove(c->in.data, end + 1, c->in.bytes - bytes - 1);
            c->in.bytes -= bytes + 1;
            c->in.data[c->in.bytes] = '\0';
            return c->reply.failed ? error_say(err, ENOMEM, "no memory for the daemon's answer")
                                   : 0;
        }
        if (c->in.bytes > LINE_LIMIT)
            return error_say(err, EPROTO,
                             "the daemon's answer is too long: is it another version?");
        TRY(receive(c, err));
    }
}

/* "err 17 what%20it%20is" */
static int said_error(const char *line, struct error *err)
{
    char *end = NULL;
    long code = strtol(line + 4, &end, 10);
    CLEANUP(strbuf_release) struct strbuf sentence = STRBUF_EMPTY;
    if (*end == ' ')
        decode(&sentence, end + 1, strlen(end + 1));
    return error_say(err, code > 0 && code < 4096 ? (int)code : EIO, "%s",
                     sentence.bytes ? strbuf_text(&sentence) : "the daemon could not do it");
}

int control_ask(struct control *c, const char *request, control_progress *progress, void *context,
                struct error *err)
{
    int r = send_all(c->fd, request, strlen(request));
    if (r == 0)
        r = send_all(c->fd, "\n", 1);
    if (r == -EPIPE || r == -ECONNRESET)
        return gone(err);
    if (r < 0)
        return error_set(err, -r, "ask the daemon");
    for (;;) {
        uint64_t done = 0;
        uint64_t total = 0;
        TRY(next_line(c, err));
        const char *line = strbuf_text(&c->reply);
        if (strncmp(line, "ok", 2) == 0 && (line[2] == '\0' || line[2] == ' '))
            return 0;
        if (strncmp(line, "err ", 4) == 0)
            return said_error(line, err);
        if (sscanf(line, "progress %" SCNu64 " %" SCNu64, &done, &total) == 2) {
            if (progress)
                progress(context, done, total);
            continue;
        }
        return error_say(err, EPROTO,
                         "the daemon gave an answer that this ccfs does not know: "
                         "are they of one version?");
    }
}

#define END_TIMEOUT_MS 30000

/* The daemon's process; -1: it is gone. */
static int daemon_process(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0 || peer.pid <= 0)
        return -1;
    return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

int control_wait_end(struct control *c, struct error *err)
{
    CLEANUP(fd_close) int process = daemon_process(c->fd);
    struct pollfd ended = {.fd = process, .events = POLLIN};
    int r = 0;
    fd_close(&c->fd); /* it waits for its clients, too */
    if (process < 0)
        return 0;
    do
        r = poll(&ended, 1, END_TIMEOUT_MS);
    while (r < 0 && errno == EINTR);
    if (r > 0)
        return 0;
    return error_say(err, ETIMEDOUT, "the daemon does not end; see .ccfs/daemon.log");
}

int control_settle(int root, struct error *err)
{
    CLEANUP(control_close) struct control daemon = CONTROL_NONE;
    int runs = control_connect(root, &daemon, err);
    TRY(runs);
    int r = runs ? control_ask(&daemon, "drain", NULL, NULL, err) : 0;
    return r == -EPIPE ? 0 : r; /* it ended meanwhile, and recorded all */
}

bool control_next_root(const char **at, uint64_t *session, pid_t *root)
{
    char *end = NULL;
    if (!*at || **at < '0' || **at > '9')
        return false;
    *session = strtoull(*at, &end, 10);
    if (*end != ':')
        return false;
    *root = (pid_t)strtol(end + 1, &end, 10);
    *at = *end == ',' ? end + 1 : end;
    return *root > 0;
}
