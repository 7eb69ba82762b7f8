/* journal_cost.c - what the journal alone costs, without a mount in front of it, and a large one.
 *
 *     journal_cost WORKSPACE EVENTS SESSIONS
 *
 * Records EVENTS changes of a made-up history in WORKSPACE (its .ccfs is made) the way the mount
 * does: pending, then confirmed, through the intake and the writer.  Nobody touches the paths
 * themselves. Prints lines of "name value". */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/src/bench.h"
#include "journal/base/clock.h"
#include "journal/journal.h"

#define SAMPLES 20000 /* of the time that a caller spends on one record */
#define FILES_A_DIR 50
#define EVENTS_A_FILE 10 /* a history of files that are worked on, not of ever new ones */
#define OLD_NS (200 * INT64_C(1000000000))

static void must(int r, const struct error *err)
{
    if (r >= 0)
        return;
    fprintf(stderr, "journal_cost: %s\n", err->message);
    exit(1);
}

/* The n-th change: mostly writes, some files made, renamed, removed. */
static enum op op_of(uint64_t dice)
{
    static const enum op ops[] = {
        OP_CREATE, OP_CREATE, OP_WRITE,  OP_WRITE, OP_WRITE,  OP_WRITE,   OP_WRITE,   OP_TRUNCATE,
        OP_CHMOD,  OP_CHMOD,  OP_RENAME, OP_MKDIR, OP_UNLINK, OP_UTIMENS, OP_UTIMENS, OP_UNLINK,
    };
    return ops[dice % COUNT_OF(ops)];
}

static void path_of(uint64_t file, char *out, size_t room)
{
    uint64_t dir = file / FILES_A_DIR;
    snprintf(out, room, "Projects/project%03llu/src/module%04llu/file%07llu.c",
             (unsigned long long)(dir % 200), (unsigned long long)(dir / 200),
             (unsigned long long)file);
}

static struct attr attr_of(uint64_t file, uint64_t n)
{
    return (struct attr){
        .ino = 1000 + file,
        .born = NS_PER_S + (int64_t)file,
        .mode = S_IFREG | 0644,
        .uid = 1000,
        .gid = 1000,
        .nlink = 1,
        .size = 100 + n % 9000,
        .mtime = OLD_NS + (int64_t)n,
        .ctime = OLD_NS + (int64_t)n,
    };
}

struct history_of {
    struct journal *journal;
    struct actor_ref who;
    uint64_t files;
    uint64_t *left; /* by file: the event that came to it last, 0: none */
    uint64_t random;
};

static void record_one(struct history_of *h, uint64_t n)
{
    struct error err = ERROR_NONE;
    struct change change = CHANGE_NONE;
    char path[128];
    char path2[136];
    uint64_t dice = bench_random(&h->random);
    /* files are worked on in turn: a session stays in one part of the tree */
    uint64_t file = (n / 1000 * (1000 / EVENTS_A_FILE) + dice % 100) % h->files;
    enum op op = op_of(dice >> 20);
    path_of(file, path, sizeof path);
    snprintf(path2, sizeof path2, "%s.new", path);
    struct attr after = attr_of(file, n);
    struct attr before = attr_of(file, h->left[file] ? h->left[file] : n - 1);
    struct range range = {0, (int64_t)after.size};
    struct change_spec spec = {
        .op = op,
        .who = h->who,
        .tid = h->who.actor ? getpid() : 0,
        .path = path,
        .path2 = op == OP_RENAME ? path2 : NULL,
        .dir_mtime = OLD_NS,
        .ranges = op == OP_WRITE ? &range : NULL,
        .range_count = op == OP_WRITE ? 1 : 0,
    };
    if (op != OP_CREATE && op != OP_MKDIR)
        spec.before = before;
    h->left[file] = n;
    must(journal_begin(h->journal, &spec, &change, &err), &err);
    journal_confirm(&change, op == OP_UNLINK ? NULL : &after);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The writer drains meanwhile, as it does beside a mount. */
static void cost_of_a_record(struct history_of *h, uint64_t count)
{
    static double took[SAMPLES];
    if (count > SAMPLES)
        count = SAMPLES;
    for (uint64_t i = 0; i < count; i++) {
        double began = bench_now();
        record_one(h, i + 1);
        took[i] = bench_now() - began;
    }
    qsort(took, count, sizeof took[0], by_value);
    printf("record-median %.9f\n", took[count / 2]);
    printf("record-p99 %.9f\n", took[count * 99 / 100]);
}

static void begin_session(struct history_of *h, uint64_t n)
{
    struct error err = ERROR_NONE;
    char name[32];
    snprintf(name, sizeof name, "work%llu", (unsigned long long)n);
    must(journal_session_begin(h->journal, name, "sandbox", "make all", 0, &h->who.session, &err),
         &err);
}

static void drained(struct history_of *h)
{
    struct error err = ERROR_NONE;
    must(journal_drain(h->journal, &err), &err);
}

static void record_all(struct history_of *h, uint64_t events, uint64_t sessions)
{
    double began = bench_now();
    for (uint64_t s = 0, n = 1; s < sessions; s++) {
        begin_session(h, s);
        for (uint64_t last = events * (s + 1) / sessions; n <= last; n++)
            record_one(h, n);
        journal_session_end(h->journal, h->who.session, 0);
    }
    drained(h);
    double took = bench_now() - began;
    printf("seconds %.3f\n", took);
    printf("events-per-second %.0f\n", (double)events / took);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: journal_cost WORKSPACE EVENTS SESSIONS\n");
        return 2;
    }
    struct error err = ERROR_NONE;
    struct history_of h = {.random = 42};
    uint64_t events = (uint64_t)bench_number(argv[2]);
    uint64_t sessions = (uint64_t)bench_number(argv[3]);
    h.files = events / EVENTS_A_FILE + 100;
    h.left = calloc(h.files, sizeof *h.left);
    if (!h.left) {
        fprintf(stderr, "journal_cost: no memory\n");
        return 1;
    }
    int root = (int)MUST(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    must(journal_create(root, &err), &err);
    must(journal_open(root, &h.journal, &err), &err);
    h.who = journal_actor(h.journal, getpid(), getuid(), getgid());
    if (events) {
        begin_session(&h, 0);
        cost_of_a_record(&h, events);
        drained(&h);
        record_all(&h, events, sessions ? sessions : 1);
    }
    journal_close(&h.journal);
    free(h.left);
    MUST(close(root));
    return 0;
}
