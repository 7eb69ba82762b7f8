/* history_view.h - private to journal/: what the files that look back share. */
#ifndef JOURNAL_HISTORY_VIEW_H
#define JOURNAL_HISTORY_VIEW_H

#include "journal/base/strbuf.h"
#include "journal/db.h"
#include "journal/history.h"

struct history {
    struct db *db;
    struct strbuf exe; /* these three hold what history_actor() returned */
    struct strbuf cmdline;
    struct strbuf container;
};

/* op_changes(), outcome ok or open, not EVENT_BY_UNDO */
#define IS_CHANGE " AND e.op BETWEEN 1 AND 16 AND e.outcome IN (0,3) AND e.flags&4=0"

/* ---- a filter, as SQL (history_search.c) ---- */

struct search {
    const struct history_filter *filter;
    bool by_path;
    bool few_paths;
    struct strbuf below;
    struct strbuf behind;
    bool by_pid;
    struct strbuf exe; /* what the actor's program is to look like */
    uint64_t first_id;
    uint64_t last_id;
};

/* Two steps: what the filter means in this journal, then a query for it.  search_done() it. */
MUST_USE int search_prepare(struct history *h, const struct history_filter *filter,
                            struct search *search, struct error *err);
/* select: the columns and tables, with `event e` in them; order: what follows the conditions. */
struct stmt search_query(struct history *h, const struct search *search, const char *select,
                         const char *order);
/* Turns "the newest N" into bounds.  What is recorded meanwhile is above them. */
MUST_USE int search_limit(struct history *h, struct search *search, bool *empty, struct error *err);
void search_done(struct search *search);
/* The part of a filter that no SQL can tell. */
bool filter_fits(const struct history_filter *filter, const char *path, const char *path2);

#endif
