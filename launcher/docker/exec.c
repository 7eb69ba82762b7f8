/* exec.c - see exec.h. */
#include "launcher/docker/exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/docker/channel.h"
#include "launcher/docker/container.h"
#include "launcher/docker/demux.h"
#include "launcher/json.h"
#include "launcher/pidfd.h"

#define HEAR_WAIT_MS 30000

struct running {
    const struct engine *engine;
    char id[80];
    bool terminal;
};

/* ---- what is asked for ---- */

static int check_text(const char *text, struct error *err)
{
    if (text_is_utf8(text, strlen(text)))
        return 0;
    return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                     "an argument or a variable is not UTF-8, which the Engine would change");
}

static void add_environment(struct json *j, const struct exec_wish *wish)
{
    CLEANUP(strbuf_release) struct strbuf term = STRBUF_EMPTY;
    const char *set = getenv("TERM");
    json_begin_array(j, "Env");
    if (wish->terminal && set && strlen(set) < 64 && text_is_utf8(set, strlen(set))) {
        strbuf_add_format(&term, "TERM=%s", set);
        json_exact(j, NULL, strbuf_text(&term));
    }
    for (size_t i = 0; wish->env && i < wish->env->count; i++)
        json_exact(j, NULL, wish->env->items[i]);
    json_end(j);
}

/* Values get from the container's own files into its own environment: the Engine knows names. */
#define TAKE_SECRETS                                                                               \
    "while [ \"$1\" != -- ]; do "                                                                  \
    "[ -r \"" SECRETS_FOLDER "/$1\" ] || "                                                         \
    "{ echo \"ccfs: this session has no secret $1: keep it (ccfs secret set $1), then ccfs "       \
    "restart\" "                                                                                   \
    ">&2; exit 1; }; "                                                                             \
    "export \"$1=$(cat \"" SECRETS_FOLDER "/$1\")\"; shift; done; shift; "

/* The log of a container is what its first process says: a detached command borrows its voice.
 * Everything else has a shell in front only to tell 126 from 127. */
static void add_command(struct json *j, const struct exec_wish *wish)
{
    CLEANUP(strbuf_release) struct strbuf script = STRBUF_EMPTY;
    bool variables = wish->secrets && wish->secrets->env_count;
    strbuf_add_format(&script, "%sexec \"$@\"%s", variables ? TAKE_SECRETS : "",
                      wish->detached ? " >/proc/1/fd/1 2>/proc/1/fd/2" : "");
    json_begin_array(j, "Cmd");
    json_text(j, NULL, "/bin/sh");
    json_text(j, NULL, "-c");
    json_exact(j, NULL, strbuf_text(&script));
    json_text(j, NULL, "ccfs");
    for (size_t i = 0; variables && i < wish->secrets->env_count; i++)
        json_text(j, NULL, wish->secrets->env[i]);
    if (variables)
        json_text(j, NULL, "--");
    for (size_t i = 0; wish->command[i]; i++)
        json_exact(j, NULL, wish->command[i]);
    json_end(j);
}

static int create(const struct engine *e, const struct exec_wish *wish, struct running *out,
                  struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    CLEANUP(json_free) struct json *j = json_new();
    for (size_t i = 0; wish->command[i]; i++)
        TRY(check_text(wish->command[i], err));
    for (size_t i = 0; wish->env && i < wish->env->count; i++)
        TRY(check_text(wish->env->items[i], err));
    json_bool(j, "AttachStdin", !wish->detached);
    json_bool(j, "AttachStdout", !wish->detached);
    json_bool(j, "AttachStderr", !wish->detached);
    json_bool(j, "Tty", wish->terminal);
    json_exact(j, "WorkingDir", wish->folder);
    if (wish->detach_keys)
        json_exact(j, "DetachKeys", wish->detach_keys);
    add_environment(j, wish);
    add_command(j, wish);
    TRY(json_line(j, &body, err));
    TRY(engine_call(e, "POST", &body, &said, err, "/containers/%s/exec", wish->container));
    const char *id = json_at_text(said, "Id");
    if (!id || strlen(id) >= sizeof out->id || strspn(id, "0123456789abcdef") != strlen(id))
        return error_say(err, EPROTO, "the Engine gives the command no number");
    *out = (struct running){.engine = e, .terminal = wish->terminal};
    snprintf(out->id, sizeof out->id, "%s", id);
    return 0;
}

/* ---- while it runs ---- */

static void resize(void *context)
{
    const struct running *run = context;
    struct winsize size;
    if (run->terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
        (void)!engine_call(run->engine, "POST", NULL, NULL, NULL, "/exec/%s/resize?h=%u&w=%u",
                           run->id, size.ws_row, size.ws_col);
}

/* The Engine has no call for that; its process is one of this machine's. */
static void forward(void *context, int signal)
{
    const struct running *run = context;
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    if (engine_call(run->engine, "GET", NULL, &said, NULL, "/exec/%s/json", run->id) < 0)
        return;
    CLEANUP(fd_close) int process = -1;
    pid_t pid = (pid_t)json_at_number(said, "Pid");
    if (!json_at_bool(said, "Running") || pid <= 1)
        return;
    process = pidfd_of(pid);
    if (process >= 0 && pidfd_signal(process, signal) < 0)
        log_line("the command could not be told to end: it goes on in the container");
}

static int take_end(const struct running *run, int *exit_code, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    int r = engine_call(run->engine, "GET", NULL, &said, err, "/exec/%s/json", run->id);
    if (r < 0 && r != -ENOENT)
        return error_say(err, EXIT_AS_ERROR(EXIT_MISSING),
                         "the Docker Engine went away while the command ran");
    TRY(r);
    *exit_code = (int)json_at_number(said, "ExitCode");
    if (json_at_bool(said, "Running"))
        log_line("detached: the command goes on in the container");
    return 0;
}

/* ---- the terminal ---- */

struct raw {
    bool set;
    struct termios saved;
};

static void raw_end(struct raw *r)
{
    if (r->set)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &r->saved);
    r->set = false;
}

static int raw_begin(bool wanted, struct raw *out, struct error *err)
{
    if (!wanted)
        return 0;
    if (tcgetattr(STDIN_FILENO, &out->saved) < 0)
        return error_set(err, errno, "ask the terminal for its settings");
    struct termios raw = out->saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return error_set(err, errno, "switch the terminal to raw mode");
    out->set = true;
    return 0;
}

/* ---- fed, and heard ---- */

struct heard {
    struct strbuf *output; /* NULL: not wanted */
    struct strbuf said;    /* the rest, for a message */
};

static bool hear(void *context, int fd, const char *data, size_t bytes)
{
    struct heard *h = context;
    struct strbuf *to = h->output && fd == 1 ? h->output : &h->said;
    size_t limit = to == h->output ? EXEC_OUTPUT_LIMIT + 1 : 4096;
    strbuf_add(to, data, bytes < limit - to->bytes ? bytes : limit - to->bytes);
    return !to->failed;
}

/* Until it has ended. */
static int hear_end(int fd, struct demux *demux, struct error *err)
{
    struct pollfd readable = {fd, POLLIN, 0};
    char buffer[4096];
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n == 0)
            return 0;
        if (n > 0 && !demux_feed(demux, buffer, (size_t)n))
            return error_say(err, EPROTO, "the Engine sends something else than what was said");
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return error_set(err, errno, "hear the end of a command");
        if (n < 0 && poll(&readable, 1, HEAR_WAIT_MS) == 0)
            return error_say(err, ETIMEDOUT, "a command in the container does not end");
    }
}

static int feed(const struct running *run, const struct strbuf *input, struct heard *heard,
                struct error *err)
{
    static const char quiet[] = "{\"Detach\":false,\"Tty\":false}";
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf early = STRBUF_EMPTY;
    CLEANUP(fd_close) int fd = -1;
    struct demux demux = {.sink = hear, .context = heard};
    strbuf_add_text(&body, quiet);
    TRY(engine_attach(run->engine, &body, &fd, &early, err, "/exec/%s/start", run->id));
    if (early.bytes && !demux_feed(&demux, early.data, early.bytes))
        return error_say(err, EPROTO, "the Engine sends something else than what was said");
    if (input)
        TRY(container_feed(fd, input, err));
    TRY(container_end_input(fd, err));
    return hear_end(fd, &demux, err);
}

int exec_feed(const struct engine *e, const struct exec_wish *wish, const struct strbuf *input,
              struct strbuf *output, struct error *err)
{
    struct heard heard = {.output = output};
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    struct running run;
    int exit_code = EXIT_FAILED;
    TRY(create(e, wish, &run, err));
    int r = feed(&run, input, &heard, err);
    text_escape(&safe, strbuf_text(&heard.said), strcspn(strbuf_text(&heard.said), "\n"));
    strbuf_release(&heard.said);
    TRY(r);
    TRY(take_end(&run, &exit_code, err));
    if (exit_code != EXIT_DONE)
        return error_say(err, EIO, "a command in the container ended with %d: %.200s", exit_code,
                         strbuf_text(&safe));
    if (output && (output->failed || output->bytes > EXEC_OUTPUT_LIMIT))
        return error_say(err, EFBIG, "a command in the container says more than %d KiB",
                         EXEC_OUTPUT_LIMIT / 1024);
    return 0;
}

/* ---- with our terminal or streams ---- */

int exec_run(const struct engine *e, const struct exec_wish *wish, int *exit_code,
             struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    CLEANUP(channel_close) struct channel channel = CHANNEL_NONE;
    CLEANUP(raw_end) struct raw raw = {0};
    struct running run;
    TRY(create(e, wish, &run, err));
    strbuf_add_format(&body, "{\"Detach\":%s,\"Tty\":%s}", wish->detached ? "true" : "false",
                      wish->terminal ? "true" : "false");
    if (wish->detached) {
        *exit_code = EXIT_DONE;
        return engine_call(e, "POST", &body, NULL, err, "/exec/%s/start", run.id);
    }
    TRY(channel_signals(&channel, err));
    TRY(raw_begin(wish->terminal, &raw, err));
    TRY(engine_attach(e, &body, &channel.fd, &channel.early, err, "/exec/%s/start", run.id));
    channel.plain = wish->terminal;
    channel.resize = resize;
    channel.forward = forward;
    channel.context = &run;
    resize(&run);
    TRY(channel_relay(&channel, err));
    raw_end(&raw);
    return take_end(&run, exit_code, err);
}
