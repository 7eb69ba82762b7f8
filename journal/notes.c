/* notes.c - alike refusals become one event; see notes.h.
 *
 * A held record is pending, so the writer stops before it and its bytes in the ring stay where they
 * are: what is compared and counted is read and written there, under the lock. */
#include "journal/notes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/clock.h"

#define SLOTS 64

struct held {
    struct record *record; /* NULL: free */
    struct event event;    /* its texts lie in the record */
};

struct notes {
    pthread_mutex_t lock;
    struct held slots[SLOTS]; /* under lock */
};

struct notes *notes_new(void)
{
    struct notes *n = calloc(1, sizeof *n);
    if (n)
        pthread_mutex_init(&n->lock, NULL);
    return n;
}

void notes_free(struct notes **n)
{
    if (!*n)
        return;
    notes_let_go(*n, INT64_MAX);
    pthread_mutex_destroy(&(*n)->lock);
    free(*n);
    *n = NULL;
}

static struct held *slot_of(struct notes *n, const struct event *e)
{
    uint64_t hash = (uint64_t)e->op * 31 + e->actor.id;
    for (const char *p = e->path ? e->path : ""; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return &n->slots[hash >> 7 & (SLOTS - 1)];
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool alike(const struct event *a, const struct event *b)
{
    return a->op == b->op && a->actor.id == b->actor.id && a->session == b->session &&
           a->error_code == b->error_code && same_text(a->path, b->path) &&
           same_text(a->path2, b->path2) && same_text(a->reason, b->reason);
}

static void let_go(struct held *h)
{
    intake_finish(h->record, RECORD_DONE);
    h->record = NULL;
}

bool notes_count(struct notes *n, const struct event *e)
{
    pthread_mutex_lock(&n->lock);
    struct held *h = slot_of(n, e);
    bool counted = h->record && alike(&h->event, e) && e->time - h->event.time < NS_PER_S;
    if (counted) {
        struct record_end *end = record_end_of(h->record);
        end->count += e->count;
        record_end_seal(end);
    }
    pthread_mutex_unlock(&n->lock);
    return counted;
}

void notes_hold(struct notes *n, struct record *r, const struct event *e)
{
    pthread_mutex_lock(&n->lock);
    struct held *h = slot_of(n, e);
    if (h->record)
        let_go(h);
    if (record_event_unpack(r, &h->event) == 0)
        h->record = r;
    else
        intake_finish(r, RECORD_DONE);
    pthread_mutex_unlock(&n->lock);
}

void notes_let_go(struct notes *n, int64_t time)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < SLOTS; i++)
        if (n->slots[i].record && n->slots[i].event.time < time)
            let_go(&n->slots[i]);
    pthread_mutex_unlock(&n->lock);
}
