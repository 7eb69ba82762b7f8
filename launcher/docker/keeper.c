/* keeper.c - see keeper.h. */
#include "launcher/docker/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/journal.h"
#include "launcher/attach.h"
#include "launcher/daemon.h"
#include "launcher/docker/news.h"
#include "launcher/mountpoint.h"
#include "launcher/pidfd.h"
#include "launcher/session.h"

#define LINE_MS 3000
#define TICK_MS 3000

struct keeper {
    const struct keeper_order *order;
    struct attach attach;
    struct pod pod;
    struct contacts *contacts; /* with an allowlist */
    struct contacts_told told;
    int lock;
    int signals;
    struct news news;
};

static void keeper_release(struct keeper *k)
{
    news_close(&k->news);
    fd_close(&k->lock);
    fd_close(&k->signals);
    attach_close(&k->attach);
    contacts_free(&k->contacts);
}

int session_lock(const struct workspace *w, int *out, struct error *err)
{
    TRY(workspace_act_as_owner(w, err));
    int fd =
        fd_open_beneath(w->root, STATE_FOLDER "/docker.lock", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
    workspace_act_as_self();
    if (fd < 0)
        return error_set(err, -fd, "open " STATE_FOLDER "/docker.lock");
    *out = fd;
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_set(err, errno, "lock " STATE_FOLDER "/docker.lock");
    return 0;
}

static int begin_session(struct keeper *k, struct error *err)
{
    const struct attach_session session = {
        .name = k->order->names->agent,
        .backend = "docker",
        .command = k->order->names->agent,
        .pid = k->pod.root,
    };
    return attach_begin(&k->attach, &session, err);
}

/* The mount that we found may be on its way out, because another session has just ended. */
static int begin(struct keeper *k, struct error *err)
{
    const struct keeper_order *order = k->order;
    int r = 0;
    for (int i = 0; i < 5; i++) {
        TRY(attach_open(order->workspace, &k->attach, err));
        const struct pod_wish wish = {
            .workspace = order->workspace,
            .config = order->config,
            .names = order->names,
            .env = order->env,
            .mountpoint = k->attach.mountpoint,
            .contacts = k->contacts,
        };
        TRY(pod_open(order->engine, &wish, &k->pod, err));
        r = begin_session(k, err);
        if (r == 0)
            return 0;
        pod_close(order->engine, order->names, false, &k->pod);
        attach_close(&k->attach);
        if (r != -ESHUTDOWN && r != -EPIPE)
            return r;
    }
    return r;
}

/* Meanwhile whatever the agent does in /workspace fails. */
static int revive(struct keeper *k, struct error *err)
{
    log_line("the daemon of %s ended: starting it again", k->order->names->agent);
    mountpoint_clean(k->attach.mountpoint);
    attach_close(&k->attach);
    k->attach = ATTACH_NONE;
    TRY(attach_open(k->order->workspace, &k->attach, err));
    TRY(begin_session(k, err));
    TRY(pod_remount(k->pod.root, k->attach.mountpoint, err));
    log_line("%s goes on as session %llu", k->order->names->agent,
             (unsigned long long)k->attach.session);
    return 0;
}

/* Without it the containers would not end with us. */
static int engine_left(struct keeper *k, struct error *err)
{
    if (pidfd_wait(k->pod.process, LINE_MS)) {
        news_settle(&k->news, false);
        return 0; /* the agent ended, and its connection was faster */
    }
    return error_say(err, EIO, "the Docker Engine has let go of %s, so the session was ended",
                     k->order->names->agent);
}

/* A session goes on without news: what matters most of them, it sees by itself. */
static void listen_to_engine(struct keeper *k)
{
    struct error err = ERROR_NONE;
    if (news_open(k->order->engine, k->order->names, &k->news, &err) < 0)
        log_line("%s goes on, but the Engine does not tell what happens to it: %s",
                 k->order->names->agent, err.message);
}

/* The namespace outlives its holder, the network in it does not. */
static int hear(struct keeper *k, struct error *err)
{
    news_take(&k->news);
    if (!k->news.holder_died)
        return 0;
    return error_say(err, EIO,
                     "the session was ended: %s was ended from outside, and with it the "
                     "session's network",
                     k->order->names->holder);
}

/* As they come: a session lasts for days, and who keeps it may be killed. */
static void tell_contacts(struct keeper *k)
{
    struct error err = ERROR_NONE;
    int r = k->attach.session ? attach_new_contacts(&k->attach, k->contacts, &k->told, &err) : 0;
    if (r < 0 && r != -EPIPE) /* a daemon that died is seen by the watch */
        log_error(&err);
}

static int watch(struct keeper *k, struct error *err)
{
    struct backend_task task = BACKEND_TASK_NONE;
    struct pty none = PTY_NONE;
    int signal = 0;
    task.ended = k->pod.process;
    task.line = k->pod.agent_life;
    task.proxy = k->pod.sidecar.ended;
    struct session_watch w = {.task = &task, .pty = &none, .signals = k->signals};
    w.tick_ms = k->contacts ? TICK_MS : 0;
    listen_to_engine(k);
    for (;;) {
        w.daemon = k->attach.daemon.fd;
        w.news = k->news.fd;
        enum ending ending = session_watch(&w, &signal);
        if (ending == ENDING_NEWS)
            TRY(hear(k, err));
        else if (ending == ENDING_TICK)
            tell_contacts(k);
        else if (ending == ENDING_PROXY)
            attach_proxy_ended(&k->attach, k->order->names->agent);
        else if (ending == ENDING_LINE)
            return engine_left(k, err);
        else if (ending == ENDING_MOUNT)
            TRY(error_prefix(err, revive(k, err), "the session was ended, its mount is lost"));
        else
            break;
    }
    news_settle(&k->news, false);
    return 0;
}

static int how_it_ended(struct keeper *k)
{
    struct pod_state state;
    if (pod_look(k->order->engine, k->order->names, &state, NULL) < 0 || !state.there)
        return EXIT_FAILED;
    return state.exit_code;
}

/* The agent before its session: what it does last belongs to it. */
static int end(struct keeper *k, struct error *err)
{
    const struct keeper_order *order = k->order;
    if (k->pod.root > 0)
        pod_end(order->engine, order->names, &k->pod);
    int status = k->pod.root > 0 ? how_it_ended(k) : EXIT_FAILED;
    sidecar_end(&k->pod.sidecar);
    int told = k->contacts && k->attach.session
                   ? attach_contacts(&k->attach, k->contacts, &k->told, err)
                   : 0;
    int ended =
        k->attach.daemon.fd >= 0 ? attach_end(&k->attach, status, told < 0 ? NULL : err) : 0;
    if (k->pod.root > 0)
        pod_close(order->engine, order->names, true, &k->pod);
    return told < 0 ? told : ended;
}

int session_keep(const struct keeper_order *order, struct error *err)
{
    CLEANUP(keeper_release)
    struct keeper k = {.order = order,
                       .attach = ATTACH_NONE,
                       .pod = POD_NONE,
                       .news = NEWS_NONE,
                       .lock = -1,
                       .signals = -1};
    struct error later = ERROR_NONE;
    TRY(session_signals(&k.signals, err));
    TRY(session_lock(order->workspace, &k.lock, err));
    if (order->config->network.mode == NET_ALLOWLIST)
        TRY(contacts_make(&k.contacts, err));
    int r = begin(&k, err);
    if (r == 0 && order->ready >= 0)
        daemon_tell_ready(order->ready);
    fd_close(&k.lock);
    if (r == 0)
        r = watch(&k, err);
    int ended = end(&k, &later);
    if (r == 0 && ended < 0)
        return error_pass(err, &later);
    return r;
}
