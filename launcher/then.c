/* then.c - see then.h. */
#include "launcher/then.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/text.h"
#include "launcher/render.h"

int then_instant(struct then *then, const char *typed, struct error *err)
{
    uint64_t event = 0;
    int64_t time = 0;
    if (*typed == '#' && look_event_number(typed, &event, NULL))
        return past_before_event(then->look.history, event, &then->at, err);
    TRY(look_time("--at", typed, &time, err));
    return past_at_time(then->look.history, time, &then->at, err);
}

int then_open(const struct cli *cli, const char *typed, struct then *out, struct error *err)
{
    TRY(look_open(cli, &out->look, err));
    TRY(then_instant(out, typed, err));
    TRY(past_open(out->look.history, out->look.workspace.root, &out->past, err));
    return past_go(out->past, &out->at, err);
}

void then_close(struct then *then)
{
    past_close(&then->past);
    look_close(&then->look);
}

int then_find(struct then *then, const char *typed, char **path, struct past_thing *out,
              struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf shown = STRBUF_EMPTY;
    TRY(look_path(&then->look, typed, path, err));
    int r = past_find(then->past, *path, out, err);
    render_name(&shown, *path);
    return r != 0 ? r
                  : error_say(err, ENOENT,
                              "there was no %.300s at that time; see: ccfs history '%.100s'",
                              strbuf_text(&shown), strbuf_text(&shown));
}

/* ---- printing ---- */

static int print_bytes(int fd, const char *shown, struct error *err)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, errno, "read %s", shown);
        int r = fd_write_all(STDOUT_FILENO, chunk, (size_t)n);
        if (r < 0)
            return error_set(err, -r, "write %s", shown);
    }
    return 0;
}

static int print_lines(FILE *in, const char *shown, struct error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    CLEANUP(strbuf_release) struct strbuf safe = STRBUF_EMPTY;
    while ((n = getline(&line, &room, in)) > 0) {
        strbuf_clear(&safe);
        text_escape_content(&safe, line, (size_t)n);
        fwrite(safe.data, 1, safe.bytes, stdout);
    }
    free(line);
    bool failed = ferror(in) || safe.failed;
    return failed ? error_set(err, EIO, "read %s", shown) : 0;
}

int then_print(int fd, const char *shown, struct error *err)
{
    if (!isatty(STDOUT_FILENO))
        return print_bytes(fd, shown, err);
    int copy = dup(fd);
    FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
    if (!in)
        return error_set(err, errno, "read %s", shown);
    int r = print_lines(in, shown, err);
    fclose(in);
    return r;
}
