/* secret_input.c - see secret_input.h. */
#include "launcher/secret_input.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ROOM (SECRET_BYTES_LIMIT + 3) /* a newline, one byte that is too much, a NUL */
#define LINE_LIMIT 4095               /* what a terminal keeps of a line */

void secret_input_release(struct secret_input *in)
{
    if (in->value)
        explicit_bzero(in->value, ROOM);
    free(in->value);
    *in = (struct secret_input){0};
}

/* ---- a terminal that shows nothing, and shows again whatever happens ---- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static volatile sig_atomic_t ended_by;

static void note(int signal)
{
    ended_by = signal;
}

struct hush {
    bool set;
    struct termios terminal;
    struct sigaction before[COUNT_OF(ending)];
};

static int hush_begin(struct hush *h, struct error *err)
{
    struct sigaction interrupts = {.sa_handler = note}; /* and no restart: read() comes back */
    struct termios silent;
    if (tcgetattr(STDIN_FILENO, &h->terminal) < 0)
        return error_set(err, errno, "ask the terminal for its settings");
    silent = h->terminal;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    ended_by = 0;
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        (void)sigaction(ending[i], &interrupts, &h->before[i]);
    h->set = true;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
        return error_set(err, errno, "keep the terminal from showing what is typed");
    return 0;
}

static void hush_end(struct hush *h)
{
    if (!h->set)
        return;
    h->set = false;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &h->terminal);
    fputs("\n", stderr);
    for (size_t i = 0; i < COUNT_OF(ending); i++)
        (void)sigaction(ending[i], &h->before[i], NULL);
    if (ended_by)
        (void)raise(ended_by);
}

/* ---- reading ---- */

/* line: up to the first newline; else all there is.  More than a value may have is left there. */
static int fill(struct secret_input *in, bool line, struct error *err)
{
    while (in->bytes < ROOM - 1) {
        ssize_t n = read(STDIN_FILENO, in->value + in->bytes, ROOM - 1 - in->bytes);
        if (n < 0 && errno == EINTR && !(line && ended_by))
            continue;
        if (n < 0)
            return error_set(err, errno, "read the value");
        in->bytes += (size_t)n;
        if (n == 0 || (line && in->value[in->bytes - 1] == '\n'))
            break;
    }
    return 0;
}

static int ask(const char *name, struct secret_input *in, struct error *err)
{
    CLEANUP(hush_end) struct hush hush = {0};
    TRY(hush_begin(&hush, err));
    fprintf(stderr, "%s (not shown): ", name);
    TRY(fill(in, true, err));
    if (in->bytes >= LINE_LIMIT)
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "a terminal takes no line as long as this: give the value on stdin, ccfs "
                         "secret set %s <FILE",
                         name);
    return 0;
}

static void drop_newline(struct secret_input *in)
{
    if (in->bytes == 0 || memchr(in->value, '\n', in->bytes) != in->value + in->bytes - 1)
        return;
    in->bytes--;
    if (in->bytes && in->value[in->bytes - 1] == '\r')
        in->bytes--;
}

int secret_input_read(const char *name, struct secret_input *out, struct error *err)
{
    *out = (struct secret_input){.value = calloc(1, ROOM)};
    if (!out->value)
        return error_say(err, ENOMEM, "no memory for a secret");
    TRY(isatty(STDIN_FILENO) ? ask(name, out, err) : fill(out, false, err));
    drop_newline(out);
    return 0;
}
