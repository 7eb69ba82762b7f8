/* control.c - see control.h: sockets and lines; what a request does is verbs.c's. */
#include "fusefs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/fd.h"

#define IDLE_NS NS_PER_S
#define IDLE_MOST 5 /* of them in a row, with nobody there who stays */
#define PEERS_MAX 64
#define LINE_MAX_BYTES ((size_t)64 << 20) /* an undo names its events */

struct control {
    struct fusefs *fs;
    int listener;
    int stop; /* eventfd */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t gone;
    struct peer *peers[PEERS_MAX]; /* under lock */
    int64_t since[PEERS_MAX];      /* likewise: when each came */
    size_t count;
};

struct talk {
    struct control *control;
    struct peer peer;
};

/* ---- one connection ------------------------------------------------------------------------------- */

/* Reads until buffer holds a line; returns its length without the newline, 0 at the end, -errno. */
static ssize_t read_line(int fd, struct strbuf *in)
{
    size_t searched = 0;
    for (;;) {
        const char *end =
            in->bytes > searched ? memchr(in->data + searched, '\n', in->bytes - searched) : NULL;
        if (end)
            return end - in->data;
        searched = in->bytes;
        if (in->bytes > LINE_MAX_BYTES || in->failed)
            return -EMSGSIZE;
        char chunk[65536];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        strbuf_add(in, chunk, (size_t)n);
    }
}

static void talk(struct peer *peer)
{
    CLEANUP(strbuf_release) struct strbuf in = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf reply = STRBUF_EMPTY;
    ssize_t n;
    while ((n = read_line(peer->fd, &in)) > 0) {
        in.data[n] = '\0';
        strbuf_clear(&reply);
        verb_run(peer, in.data, &reply);
        strbuf_add_text(&reply, "\n");
        size_t rest = in.bytes - (size_t)n - 1;
        memmove(in.data, in.data + n + 1, rest);
        in.bytes = rest;
        if (fd_write_all(peer->fd, reply.data, reply.bytes) < 0)
            return;
    }
}

static void *talk_thread(void *argument)
{
    struct talk *t = argument;
    struct control *control = t->control;
    talk(&t->peer);
    verb_hang_up(&t->peer);
    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (control->peers[i] == &t->peer)
            control->peers[i] = NULL;
    control->count--;
    fd_close(&t->peer.fd);
    free(t);
    pthread_cond_broadcast(&control->gone);
    pthread_mutex_unlock(&control->lock);
    return NULL;
}

/* Only our own user and root are answered. */
static bool peer_is_allowed(int fd, struct caller *out)
{
    struct ucred cred;
    socklen_t bytes = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0)
        return false;
    *out = (struct caller){.tid = cred.pid, .uid = cred.uid, .gid = cred.gid};
    return cred.uid == 0 || cred.uid == getuid();
}

static bool peer_add(struct control *control, struct peer *peer)
{
    pthread_mutex_lock(&control->lock);
    size_t i = 0;
    while (i < PEERS_MAX && control->peers[i])
        i++;
    bool added = i < PEERS_MAX;
    if (added) {
        control->peers[i] = peer;
        control->since[i] = clock_steady_ns();
        control->count++;
    }
    pthread_mutex_unlock(&control->lock);
    return added;
}

static void peer_remove(struct control *control, const struct peer *peer)
{
    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (control->peers[i] == peer) {
            control->peers[i] = NULL;
            control->count--;
        }
    pthread_mutex_unlock(&control->lock);
}

static void welcome(struct control *control)
{
    CLEANUP(fd_close) int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
    struct caller caller;
    if (fd < 0 || !peer_is_allowed(fd, &caller))
        return;
    struct talk *t = calloc(1, sizeof *t);
    if (!t)
        return;
    t->control = control;
    t->peer = (struct peer){.fs = control->fs, .fd = fd, .caller = caller};
    pthread_t thread;
    if (!peer_add(control, &t->peer)) {
        free(t);
    } else if (pthread_create(&thread, NULL, talk_thread, t) != 0) {
        peer_remove(control, &t->peer);
        free(t);
    } else {
        pthread_detach(thread);
        fd_take(&fd);
    }
}

/* ---- the listener ------------------------------------------------------------------------------------ */

/* Who only looks is gone at once, and may look as often as they like. */
static bool is_alone(struct control *control, int64_t now)
{
    bool alone = true;
    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < PEERS_MAX; i++)
        alone = alone && (!control->peers[i] || control->since[i] > now - IDLE_NS);
    pthread_mutex_unlock(&control->lock);
    return alone && journal_sessions_alive(control->fs->journal) == 0;
}

/* A mount for sessions only whose launcher was killed before it began one must not stay for ever. */
struct idle {
    int64_t next; /* when to look */
    int count;
};

static void count_idle(struct control *control, struct idle *idle)
{
    int64_t now = clock_steady_ns();
    if (!control->fs->options->ends_with_sessions || now < idle->next)
        return;
    idle->next = now + IDLE_NS;
    if (!is_alone(control, now)) {
        idle->count = 0;
    } else if (++idle->count == IDLE_MOST) {
        verb_end_when_idle(control->fs);
        idle->count = 0;
    }
}

static int idle_wait_ms(const struct control *control, const struct idle *idle)
{
    int64_t left = idle->next - clock_steady_ns();
    if (!control->fs->options->ends_with_sessions)
        return -1;
    return left > 0 ? (int)(left / (NS_PER_S / 1000)) + 1 : 0;
}

static void *listen_thread(void *argument)
{
    struct control *control = argument;
    struct pollfd wait[2] = {{control->listener, POLLIN, 0}, {control->stop, POLLIN, 0}};
    struct idle idle = {.next = clock_steady_ns() + IDLE_NS};
    for (;;) {
        int ready = poll(wait, 2, idle_wait_ms(control, &idle));
        if (ready < 0) {
            if (errno != EINTR)
                return NULL;
            continue; /* what it found the last time is not found again */
        }
        if (wait[1].revents)
            return NULL;
        if (wait[0].revents & POLLIN)
            welcome(control);
        count_idle(control, &idle);
    }
}

/* Bound through our own descriptor of .ccfs, so that a long or changing path does not matter. */
static int bind_socket(int root, int *out, struct error *err)
{
    CLEANUP(fd_close) int state = openat(root, STATE_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (state < 0 || fd < 0)
        return error_set(err, errno, "control socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", state);
    /* Of a daemon that was killed: we hold the workspace's lock. */
    unlinkat(state, "control.sock", 0);
    mode_t mask = umask(0177);
    int r = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (r < 0 || listen(fd, 16) < 0)
        return error_set(err, errno, "control socket");
    *out = fd_take(&fd);
    return 0;
}

int control_start(struct fusefs *fs, struct control **out, struct error *err)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return error_set(err, ENOMEM, "control socket");
    control->fs = fs;
    control->stop = eventfd(0, EFD_CLOEXEC);
    control->listener = -1;
    pthread_mutex_init(&control->lock, NULL);
    pthread_cond_init(&control->gone, NULL);
    int r = bind_socket(fs->root, &control->listener, err);
    if (r == 0) {
        int code = pthread_create(&control->thread, NULL, listen_thread, control);
        r = code ? error_set(err, code, "control socket") : 0;
    }
    if (r < 0) {
        fd_close(&control->listener);
        fd_close(&control->stop);
        free(control);
        return r;
    }
    *out = control;
    return 0;
}

void control_stop(struct control **stopped)
{
    struct control *control = *stopped;
    if (!control)
        return;
    (void)!eventfd_write(control->stop, 1);
    pthread_join(control->thread, NULL);
    pthread_mutex_lock(&control->lock);
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (control->peers[i])
            shutdown(control->peers[i]->fd, SHUT_RD); /* what was asked is still answered */
    while (control->count > 0)
        pthread_cond_wait(&control->gone, &control->lock);
    pthread_mutex_unlock(&control->lock);
    fd_close(&control->listener);
    fd_close(&control->stop);
    CLEANUP(fd_close) int state = openat(control->fs->root, STATE_FOLDER, O_PATH | O_CLOEXEC);
    unlinkat(state, "control.sock", 0);
    pthread_mutex_destroy(&control->lock);
    pthread_cond_destroy(&control->gone);
    free(control);
    *stopped = NULL;
}
