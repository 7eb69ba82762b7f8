/* durable.c - see durable.h.
 *
 *     note, note, note ──► list ──► round: sync versions, their folders, the intake ──► waiters
 *
 * What is noted while a round runs belongs to the next one.  Where a round fails, its list goes
 * back and its waiters get the error: nothing counts as being on the disk that may not be. */
#include "journal/durable.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "journal/base/clock.h"
#include "journal/base/list.h"
#include "journal/base/log.h"
#include "journal/base/thread.h"
#include "journal/vault_sync.h"

#define EACH_MS 1000
#define NOTED_MAX 4096 /* beyond, the whole filesystem is synced instead of each */

struct list {
    struct vault_touched *items; /* owned */
    size_t count;
    size_t room;
};

struct durable {
    struct vault *vault;
    struct intake *intake;
    pthread_mutex_t lock;
    pthread_cond_t turn; /* a round ended */
    pthread_cond_t end;  /* the thread shall */
    struct list noted;   /* under lock */
    bool too_many;       /* under lock: not all are in the list */
    uint64_t begun;      /* under lock: rounds */
    uint64_t ended;
    bool running;        /* under lock */
    struct error result; /* under lock: of the last round */
    bool stop;           /* under lock */
    bool started;
    pthread_t thread;
};

int durable_open(struct vault *vault, struct intake *in, struct durable **out, struct error *err)
{
    struct durable *d = calloc(1, sizeof *d);
    if (!d)
        return error_set(err, ENOMEM, "open the journal");
    d->vault = vault;
    d->intake = in;
    pthread_mutex_init(&d->lock, NULL);
    thread_cond_init(&d->turn);
    thread_cond_init(&d->end);
    *out = d;
    return 0;
}

/* ---- the list ---- */

/* Under lock. */
static bool list_add(struct list *list, const struct vault_touched *t)
{
    struct vault_touched *last = list->count ? &list->items[list->count - 1] : NULL;
    if (last && last->version == t->version) {
        last->whole |= t->whole;
        return true;
    }
    if (list->count == NOTED_MAX)
        return false;
    struct vault_touched *items = list_grown(list->items, list->count, &list->room, sizeof *items);
    if (!items)
        return false;
    list->items = items;
    list->items[list->count++] = *t;
    return true;
}

void durable_note(struct durable *d, uint64_t version, bool whole)
{
    const struct vault_touched t = {.version = version, .whole = whole};
    pthread_mutex_lock(&d->lock);
    if (!list_add(&d->noted, &t))
        d->too_many = true;
    pthread_mutex_unlock(&d->lock);
}

/* ---- a round ---- */

/* What a round brings to the disk. */
struct load {
    struct list list;
    bool everything;
    bool events;
};

static int bring(struct durable *d, struct load *load, struct error *err)
{
    char name[VAULT_NAME];
    if (load->everything && syncfs(vault_place(d->vault, 0, name)) < 0)
        return error_set(err, errno, "bring the vault to the disk");
    if (!load->everything)
        TRY(vault_sync(d->vault, load->list.items, load->list.count, err));
    return load->events ? intake_sync(d->intake, err) : 0;
}

/* Under lock: what failed is tried again in the next round. */
static void give_back(struct durable *d, const struct load *load)
{
    d->too_many |= load->everything;
    for (size_t i = 0; i < load->list.count; i++)
        if (!list_add(&d->noted, &load->list.items[i]))
            d->too_many = true;
}

/* Under lock, which it leaves meanwhile. */
static void run_round(struct durable *d, bool events)
{
    struct load load = {.list = d->noted, .everything = d->too_many, .events = events};
    struct error err = ERROR_NONE;
    d->noted = (struct list){0};
    d->too_many = false;
    d->running = true;
    d->begun++;
    pthread_mutex_unlock(&d->lock);
    int r = bring(d, &load, &err);
    pthread_mutex_lock(&d->lock);
    if (r < 0)
        give_back(d, &load);
    free(load.list.items);
    d->running = false;
    if (events) {
        d->ended = d->begun;
        d->result = err;
    } else if (r < 0) {
        log_error(&err);
    }
    pthread_cond_broadcast(&d->turn);
}

int durable_all(struct durable *d, struct error *err)
{
    pthread_mutex_lock(&d->lock);
    uint64_t mine = d->begun + 1; /* what runs already may have missed something of ours */
    while (d->ended < mine) {
        if (d->running)
            pthread_cond_wait(&d->turn, &d->lock);
        else
            run_round(d, true);
    }
    int r = -d->result.code;
    if (r < 0 && err)
        *err = d->result;
    pthread_mutex_unlock(&d->lock);
    return r;
}

/* ---- the thread ---- */

static struct timespec next_look(void)
{
    return clock_steady_in(EACH_MS * (NS_PER_S / 1000));
}

static void *durable_main(void *context)
{
    struct durable *d = context;
    struct timespec next = next_look();
    pthread_mutex_lock(&d->lock);
    while (!d->stop) {
        if (pthread_cond_timedwait(&d->end, &d->lock, &next) != ETIMEDOUT)
            continue;
        if ((d->noted.count > 0 || d->too_many) && !d->running)
            run_round(d, false);
        next = next_look();
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int durable_start(struct durable *d, struct error *err)
{
    int code = -thread_start(&d->thread, durable_main, d);
    d->started = code == 0;
    return code ? error_set(err, code, "start the thread that brings the vault to the disk") : 0;
}

void durable_close(struct durable **at)
{
    struct durable *d = *at;
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_signal(&d->end);
    pthread_mutex_unlock(&d->lock);
    if (d->started)
        pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->turn);
    pthread_cond_destroy(&d->end);
    free(d->noted.items);
    free(d);
    *at = NULL;
}
