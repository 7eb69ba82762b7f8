/* render.h - how things look to a person: numbers, times, names, lines in columns.
 *
 * Whatever comes from the agent goes through text_escape() before it reaches a terminal: all
 * functions here that take bytes do so, table_add() takes text that was escaped before. */
#ifndef LAUNCHER_RENDER_H
#define LAUNCHER_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "journal/base/strbuf.h"

/* Where lines go. */
struct screen {
    FILE *out;
    size_t columns; /* where it is no terminal: COLUMNS, else no bound that matters */
    bool terminal;
    bool colour; /* a terminal, and NO_COLOR is not set */
};
struct screen screen_of(FILE *out);

enum tone {
    TONE_PLAIN,
    TONE_RED,   /* refused, deleted */
    TONE_GREEN, /* restored */
    TONE_DIM,   /* numbers of processes and events */
};
void render_toned(const struct screen *screen, enum tone tone, const char *text);

void render_count(struct strbuf *out, uint64_t count); /* 1,204 */
/* "1 file", "1,204 files" */
void render_plural(struct strbuf *out, uint64_t count, const char *one, const char *many);
void render_size(struct strbuf *out, uint64_t bytes);    /* 3 B, 1.2 KiB, 18 MiB */
void render_name(struct strbuf *out, const char *bytes); /* escaped; NULL: nothing */
/* Text that is longer than columns loses its middle: "Projects/cl…/src/main.c". */
void render_shortened(struct strbuf *out, const char *text, size_t columns);

/* Local times; ns UTC. */
void render_clock(struct strbuf *out, int64_t ns);               /* 14:02:11 */
void render_day(struct strbuf *out, int64_t ns, int64_t now);    /* today, yesterday, 21 November */
void render_moment(struct strbuf *out, int64_t ns, int64_t now); /* today 14:02 */
void render_stamp(struct strbuf *out, int64_t ns); /* 2026-01-02 14:02:11.000000123 +0100 */
bool render_same_day(int64_t a, int64_t b);

/* ---- lines in columns, as narrow as what is in them ---- */

#define TABLE_COLUMNS 6

struct table_column {
    bool right;    /* numbers */
    bool flexible; /* takes what the others leave, shortened in the middle; one of them */
    unsigned drop; /* 0: stays; the highest goes first when the line is too narrow */
    enum tone tone;
};
struct table; /* holds its lines until it is printed */
/* columns: TABLE_COLUMNS of them, borrowed; all zero: unused.  NULL: no memory. */
struct table *table_new(const struct table_column *columns);
void table_free(struct table **table);

struct cell {
    const char *text; /* copied; NULL: empty */
    const char *to;   /* "text → to", both shortened alike; NULL: none */
    enum tone tone;   /* TONE_PLAIN: the column's */
};
/* A line of TABLE_COLUMNS cells. */
void table_add(struct table *table, const struct cell *cells);
size_t table_lines(const struct table *table);
/* Prints and forgets the lines, each `indent` spaces in.  -ENOMEM: some were lost. */
int table_print(struct table *table, const struct screen *screen, size_t indent);

/* "[#####     ] 416/1,200", redrawn in place; only on a terminal.  done == total ends the line. */
void render_progress(const struct screen *screen, uint64_t done, uint64_t total);

#endif
