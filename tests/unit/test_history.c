/* test_history.c - looking back finds what was asked for, and believes no row that makes no sense.
 */
#include "journal/db.h"
#include "journal/history.h"
#include "journal/journal.h"
#include "tests/support/test.h"

#define S INT64_C(1000000000)

struct world {
    char folder[64];
    int root;
    struct db *db;
    struct history *history;
};

static void run(struct world *w, const char *sql)
{
    struct error err = ERROR_NONE;
    if (db_exec(w->db, sql, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char path[128];
    w->root = test_folder_make(w->folder, sizeof w->folder);
    assert_int_equal(mkdirat(w->root, STATE_FOLDER, 0700), 0);
    snprintf(path, sizeof path, "%s/" STATE_FOLDER "/journal.db", w->folder);
    assert_int_equal(db_open(path, DB_CREATE, &w->db, NULL), 0);
    assert_int_equal(history_open(w->root, &w->history, NULL), 0);
    *state = w;
    return 0;
}

static int remove_world(void **state)
{
    struct world *w = *state;
    history_close(&w->history);
    db_close(&w->db);
    close(w->root);
    test_folder_remove(w->folder);
    free(w);
    return 0;
}

/* ---- given ---- */

struct row {
    int id;
    int64_t time;
    int session;
    enum op op;
    const char *path;
    const char *path2;
    int object;
    int replaced;
    enum outcome outcome;
    int flags;
    int count;
    bool given;
};
#define ROW(...) ((struct row){__VA_ARGS__, .given = true})

static void given_path(struct world *w, const char *path)
{
    CLEANUP(stmt_done)
    struct stmt s = db_query(w->db, "INSERT OR IGNORE INTO path(bytes) VALUES (?1)");
    stmt_bind_bytes(&s, 1, path, strlen(path));
    assert_int_equal(stmt_run(&s, NULL), 0);
}

static void bind_path(struct stmt *s, int at, const char *path)
{
    if (path)
        stmt_bind_bytes(s, at, path, strlen(path));
    else
        stmt_bind_null(s, at);
}

static void given_event(struct world *w, struct row row)
{
    if (row.path)
        given_path(w, row.path);
    if (row.path2)
        given_path(w, row.path2);
    CLEANUP(stmt_done)
    struct stmt s = db_query(
        w->db,
        "INSERT INTO event(id,time,session,op,path,path2,object,replaced,outcome,flags,count)"
        " VALUES (?1,?2,nullif(?3,0),?4,(SELECT id FROM path WHERE bytes=?5),"
        " (SELECT id FROM path WHERE bytes=?6),nullif(?7,0),nullif(?8,0),?9,?10,?11)");
    stmt_bind_int(&s, 1, row.id);
    stmt_bind_int(&s, 2, row.time);
    stmt_bind_int(&s, 3, row.session);
    stmt_bind_int(&s, 4, (int64_t)row.op);
    bind_path(&s, 5, row.path);
    bind_path(&s, 6, row.path2);
    stmt_bind_int(&s, 7, row.object);
    stmt_bind_int(&s, 8, row.replaced);
    stmt_bind_int(&s, 9, (int64_t)row.outcome);
    stmt_bind_int(&s, 10, row.flags);
    stmt_bind_int(&s, 11, row.count ? row.count : 1);
    struct error err = ERROR_NONE;
    if (stmt_run(&s, &err) < 0)
        fail_msg("%s", err.message);
}

/* A session writes, renames and is refused; then it is undone in part. */
static struct world *given_a_story(void **state)
{
    struct world *w = *state;
    run(w, "INSERT INTO session(id,name,backend,command,began) VALUES"
           " (1,'first','sandbox',CAST('bash' AS BLOB),5), (2,'work','sandbox',NULL,6),"
           " (3,'work','sandbox',NULL,7)");
    given_event(w, ROW(1, 10 * S, 1, OP_CREATE, "Projects/a", NULL, 1));
    given_event(w, ROW(2, 11 * S, 1, OP_WRITE, "Projects/a", NULL, 1));
    given_event(w, ROW(3, 20 * S, 1, OP_RENAME, "Projects/a", "Projects/sub/b", 1));
    given_event(w, ROW(4, 21 * S, 2, OP_WRITE, "imports/x", .outcome = OUTCOME_DENIED, .count = 5));
    given_event(w, ROW(5, 30 * S, 2, OP_UNLINK, "Projects-old/c", NULL, 9));
    given_event(w, ROW(6, 31 * S, 0, OP_CREATE, "Projects-old/c", NULL, 9, .flags = EVENT_BY_UNDO));
    run(w, "INSERT INTO undone(event,undo) VALUES (5,6)");
    return w;
}

/* ---- when ---- */

static int add_number(const struct event *event, void *context)
{
    char *out = context;
    sprintf(out + strlen(out), "%d ", (int)event->id);
    return 0;
}

static void finds(struct world *w, struct history_filter filter, const char *expected)
{
    char found[512] = "";
    struct error err = ERROR_NONE;
    int r = history_events(w->history, &filter, add_number, found, &err);
    if (r != 0)
        fail_msg("%d %s", r, err.message);
    assert_string_equal(found, expected);
}

#define FINDS(w, expected, ...)                                                                    \
    finds(w, (struct history_filter){.outcome = -1, __VA_ARGS__}, expected)

static void everything_comes_oldest_first(void **state)
{
    struct world *w = given_a_story(state);
    finds(w, HISTORY_ALL, "1 2 3 4 5 6 ");
}

static void a_path_means_it_and_what_is_below_by_either_name(void **state)
{
    struct world *w = given_a_story(state);
    FINDS(w, "1 2 3 ", .path = "Projects");
    FINDS(w, "1 2 3 ", .path = "Projects/a");
    FINDS(w, "3 ", .path = "Projects/sub");
    FINDS(w, "3 ", .path = "Projects/sub/b");
    FINDS(w, "", .path = "Projects/s");
    FINDS(w, "1 2 3 4 5 6 ", .path = "");
}

static void a_glob_crosses_folders_and_takes_what_is_below(void **state)
{
    struct world *w = given_a_story(state);
    FINDS(w, "3 ", .glob = "*/b");
    FINDS(w, "1 2 3 5 6 ", .glob = "Projects*");
    FINDS(w, "1 2 3 ", .glob = "Projects");
}

static void filters_narrow_each_other_down(void **state)
{
    struct world *w = given_a_story(state);
    FINDS(w, "4 5 ", .session = 2);
    finds(w, (struct history_filter){.session = 2, .outcome = OUTCOME_DENIED}, "4 ");
    FINDS(w, "2 3 ", .since = 11 * S, .until = 21 * S);
    FINDS(w, "2 4 ", .op = OP_WRITE);
    FINDS(w, "2 ", .op = OP_WRITE, .path = "Projects", .session = 1, .since = 1, .first_id = 2,
          .last_id = 4);
    FINDS(w, "1 2 3 5 ", .changes_only = true);
}

/* npm (10) runs sh (11), which becomes node (12) and starts rm (13); vi (20) is nobody's child. */
static struct world *given_a_family(void **state)
{
    struct world *w = given_a_story(state);
    run(w, "INSERT INTO proc(id,pid,started,parent,exe) VALUES"
           " (10,100,1,NULL,CAST('/usr/bin/npm' AS BLOB)),"
           " (11,101,2,10,CAST('/bin/sh' AS BLOB)),"
           " (12,101,2,NULL,CAST('/usr/bin/node' AS BLOB)),"
           " (13,102,3,12,CAST('/bin/rm' AS BLOB)),"
           " (20,200,4,NULL,CAST('/usr/bin/vi' AS BLOB)),"
           " (21,101,9,20,CAST('/bin/sh' AS BLOB));"
           "UPDATE event SET proc=10 WHERE id=1; UPDATE event SET proc=11 WHERE id=2;"
           "UPDATE event SET proc=13 WHERE id=3; UPDATE event SET proc=20 WHERE id=4;"
           "UPDATE event SET proc=21 WHERE id=5");
    return w;
}

static void an_actor_means_all_that_it_started(void **state)
{
    struct world *w = given_a_family(state);
    FINDS(w, "1 2 3 ", .actor = "npm");
    FINDS(w, "1 2 3 ", .actor = "n[po]*");
    FINDS(w, "1 2 3 ", .actor = "/usr/bin/npm");
    FINDS(w, "", .actor = "/bin/npm");
    FINDS(w, "3 ", .actor = "node");
    FINDS(w, "4 5 ", .actor = "vi");
    FINDS(w, "2 3 5 ", .actor = "sh");
    FINDS(w, "1 2 3 4 5 ", .actor = "*");
    FINDS(w, "", .actor = "");
    FINDS(w, "3 ", .actor = "102");
    FINDS(w, "2 3 5 ", .actor = "101"); /* the number was used twice */
    FINDS(w, "2 3 ", .actor = "101", .session = 1);
    FINDS(w, "3 ", .actor = "npm", .limit = 1);
    FINDS(w, "", .actor = "99999999999999999999");
}

static void who_is_his_own_ancestor_is_found_once(void **state)
{
    struct world *w = given_a_family(state);
    run(w, "UPDATE proc SET parent=13 WHERE id=10");
    FINDS(w, "1 2 3 ", .actor = "npm");
}

static bool ends_with_b(void *context, const char *path)
{
    ++*(int *)context;
    return path[strlen(path) - 1] == 'b';
}

static void whoever_asks_can_choose_by_path(void **state)
{
    struct world *w = given_a_story(state);
    int asked = 0;
    FINDS(w, "3 ", .fits = ends_with_b, .fits_context = &asked);
    FINDS(w, "3 ", .fits = ends_with_b, .fits_context = &asked, .limit = 1);
    FINDS(w, "", .fits = ends_with_b, .fits_context = &asked, .glob = "Projects/a");
    assert_true(asked > 0);
}

static void a_limit_keeps_the_newest(void **state)
{
    struct world *w = given_a_story(state);
    FINDS(w, "5 6 ", .limit = 2);
    FINDS(w, "2 3 ", .limit = 2, .path = "Projects");
    FINDS(w, "2 3 ", .limit = 2, .glob = "Projects/*");
    FINDS(w, "4 ", .limit = 1, .last_id = 4);
    FINDS(w, "", .limit = 2, .path = "nowhere");
    FINDS(w, "1 2 3 4 5 6 ", .limit = 1000);
    given_event(w, ROW(7, 40 * S, 0, OP_GAP));
    given_event(w, ROW(8, 41 * S, 0, OP_HISTORY));
    FINDS(w, "8 ", .limit = 1);
    FINDS(w, "6 ", .limit = 1, .limit_deeds = true);
}

static void many_paths_are_searched_as_well_as_few(void **state)
{
    struct world *w = given_a_story(state);
    run(w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000)"
           " INSERT INTO path(bytes) SELECT CAST('Projects/many/' || i AS BLOB) FROM n");
    FINDS(w, "1 2 3 ", .path = "Projects");
    FINDS(w, "3 ", .path = "Projects", .limit = 1);
}

static int stop_at_two(const struct event *event, void *context)
{
    (void)context;
    return event->id == 2 ? 42 : 0;
}

static void whoever_looks_can_stop(void **state)
{
    struct world *w = given_a_story(state);
    struct history_filter all = HISTORY_ALL;
    assert_int_equal(history_events(w->history, &all, stop_at_two, NULL, NULL), 42);
}

static int keep_event(const struct event *event, void *context)
{
    struct event *kept = context;
    *kept = *event;
    return 0;
}

static int check_whole_event(const struct event *e, void *context)
{
    (void)context;
    assert_int_equal(e->actor.id, 8);
    assert_int_equal(e->actor.pid, 4711);
    assert_string_equal(e->actor.exe, "/bin/rm");
    assert_null(e->actor.container);
    assert_int_equal(e->before.mode, S_IFREG | 0640);
    assert_int_equal(e->before.ino, UINT64_MAX);
    assert_int_equal(e->before.size, 77);
    assert_int_equal(e->after.mode, 0);
    assert_int_equal(e->version, 3);
    assert_int_equal(e->kept, KEPT_CLONE);
    assert_int_equal(e->range_count, 2);
    assert_int_equal(e->ranges[1].offset, 4096);
    assert_int_equal(e->ranges[1].length, 2);
    assert_int_equal(e->sha256_before[31], 0xff);
    assert_null(e->sha256_after);
    return 0;
}

static void an_event_comes_with_all_that_is_known_of_it(void **state)
{
    struct world *w = given_a_story(state);
    run(w, "INSERT INTO proc(id,pid,started,parent,uid,gid,exe,cmdline) VALUES"
           " (8,4711,1,7,1000,1000,CAST('/bin/rm' AS BLOB),CAST('rm a' AS BLOB)),"
           " (7,4000,1,NULL,1000,1000,CAST('/bin/sh' AS BLOB),NULL);"
           "INSERT INTO version VALUES (3,2,2,1,NULL);"
           "INSERT INTO hash(event, side, sha256) VALUES (2,0,X'00000000000000000000000000000000"
           "000000000000000000000000000000ff');"
           "UPDATE event SET proc=8, b_mode=33184, b_ino=-1, b_size=77, version=3,"
           " ranges=X'00000000000000000500000000000000"
           "00100000000000000200000000000000' WHERE id=2");
    assert_int_equal(history_event(w->history, 2, check_whole_event, NULL, NULL), 0);
    struct actor parent;
    assert_int_equal(history_actor(w->history, 7, &parent, NULL), 0);
    assert_string_equal(parent.exe, "/bin/sh");
    assert_null(parent.cmdline);
    assert_int_equal(history_actor(w->history, 99, &parent, NULL), -ENOENT);
}

static void what_took_an_event_back_is_told(void **state)
{
    struct world *w = given_a_story(state);
    struct event event;
    assert_int_equal(history_event(w->history, 5, keep_event, &event, NULL), 0);
    assert_int_equal(event.undone_by, 6);
    assert_int_equal(history_event(w->history, 99, keep_event, &event, NULL), -ENOENT);
}

/* ---- sessions, counts, bursts ---- */

static int add_session(const struct session *session, void *context)
{
    char *out = context;
    sprintf(out + strlen(out), "%d ", (int)session->id);
    return 0;
}

static void a_session_goes_by_number_or_by_its_newest_name(void **state)
{
    struct world *w = given_a_story(state);
    char found[64] = "";
    struct error err = ERROR_NONE;
    assert_int_equal(history_sessions(w->history, NULL, add_session, found, NULL), 0);
    assert_int_equal(history_sessions(w->history, "2", add_session, found, NULL), 0);
    assert_int_equal(history_sessions(w->history, "work", add_session, found, NULL), 0);
    assert_string_equal(found, "1 2 3 2 3 ");
    assert_int_equal(history_sessions(w->history, "play", add_session, found, &err), -ENOENT);
    assert_non_null(strstr(err.message, "\"play\""));
}

static void a_sessions_counts_are_what_a_person_would_say(void **state)
{
    struct world *w = *state;
    const struct row rows[] = {
        ROW(1, S, 4, OP_CREATE, "a", NULL, 1),          /* created… */
        ROW(2, S, 4, OP_WRITE, "a", NULL, 1),           /* …of which this is part */
        ROW(3, S, 4, OP_MKDIR, "d", NULL, 3),           /* created */
        ROW(4, S, 4, OP_CREATE, "tmp", NULL, 4),        /* a temporary file… */
        ROW(5, S, 4, OP_UNLINK, "tmp", NULL, 4),        /* …counts nothing */
        ROW(6, S, 4, OP_WRITE, "old", NULL, 100),       /* changed… */
        ROW(7, S, 4, OP_CHMOD, "old", NULL, 100),       /* …once */
        ROW(8, S, 4, OP_CREATE, "new~", NULL, 8),       /* saved as editors do… */
        ROW(9, S, 4, OP_RENAME, "new~", "doc", 8, 101), /* …: changed */
        ROW(10, S, 4, OP_UNLINK, "gone", NULL, 102),    /* deleted */
        ROW(11, S, 4, OP_RENAME, "x", "y", 103),        /* renamed */
        ROW(12, S, 4, OP_RENAME, "p", "q", 104, 105),   /* renamed, and q deleted */
        ROW(13, 9 * S, 4, OP_WRITE, "imports/i", .outcome = OUTCOME_DENIED, .count = 7),
        ROW(14, S, 4, OP_UNLINK, "failed", NULL, 106, .outcome = OUTCOME_FAILED),
        ROW(15, S, 5, OP_UNLINK, "other", NULL, 107),
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        given_event(w, rows[i]);
    struct history_counts counts;
    assert_int_equal(history_count(w->history, 4, &counts, NULL), 0);
    assert_int_equal(counts.events, 14);
    assert_int_equal(counts.created, 2);
    assert_int_equal(counts.changed, 2);
    assert_int_equal(counts.deleted, 2);
    assert_int_equal(counts.renamed, 2);
    assert_int_equal(counts.denied, 7);
    assert_int_equal(counts.first_time, S);
    assert_int_equal(counts.last_time, 9 * S);
    assert_int_equal(history_count(w->history, 0, &counts, NULL), 0);
    assert_int_equal(counts.events, 15);
    assert_int_equal(history_count(w->history, 77, &counts, NULL), 0);
    assert_int_equal(counts.events + counts.created + counts.denied, 0);
}

static void burst_is(struct world *w, uint64_t first, uint64_t last)
{
    uint64_t a = 99;
    uint64_t b = 99;
    assert_int_equal(history_last_burst(w->history, &a, &b, NULL), 0);
    assert_int_equal(a, first);
    assert_int_equal(b, last);
}

static void the_last_burst_ends_at_a_pause_and_skips_what_is_undone(void **state)
{
    struct world *w = *state;
    burst_is(w, 0, 0);
    given_event(w, ROW(1, 10 * S, 1, OP_UNLINK, "a"));
    given_event(w, ROW(2, 20 * S, 1, OP_UNLINK, "b"));
    given_event(w, ROW(3, 21 * S, 2, OP_UNLINK, "by another"));
    given_event(w, ROW(4, 22 * S, 1, OP_UNLINK, "c"));
    given_event(w, ROW(5, 22 * S, 1, OP_UNLINK, "d", .outcome = OUTCOME_DENIED));
    burst_is(w, 2, 4);
    run(w, "INSERT INTO undone VALUES (4,6),(2,6)");
    burst_is(w, 3, 3);
    run(w, "INSERT INTO undone VALUES (3,6)");
    burst_is(w, 1, 1);
    run(w, "INSERT INTO undone VALUES (1,6)");
    burst_is(w, 0, 0);
}

/* ---- bad input ---- */

static int ignore(const struct event *event, void *context)
{
    (void)event;
    (void)context;
    return 0;
}

static void rows_that_make_no_sense_are_refused_by_number(void **state)
{
    struct world *w = given_a_story(state);
    static const char *const damages[] = {
        "op=0",
        "op=25",
        "op=1000",
        "op=-1",
        "outcome=5",
        "outcome=-1",
        "count=-1",
        "count=4294967296",
        "b_mode=-1",
        "b_mode=4294967296",
        "a_size=-1",
        "r_uid=4294967296",
        "time=-1",
        "session=-1",
        "tid=-5",
        "ranges=X'00'",
        "ranges=X'ffffffffffffffff0000000000000000'",
        "ranges=X'0100000000000000ffffffffffffff7f'",
        "ranges=zeroblob(33554432)",
        "xattrs=zeroblob(33554432)",
        "path=(SELECT id FROM path WHERE length(bytes)>9999)",
    };
    run(w, "INSERT INTO path(bytes) SELECT CAST(hex(zeroblob(100000)) AS BLOB)");
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        char sql[256];
        struct error err = ERROR_NONE;
        struct history_filter all = HISTORY_ALL;
        run(w, "SAVEPOINT whole");
        snprintf(sql, sizeof sql, "UPDATE event SET %s WHERE id=3", damages[i]);
        run(w, sql);
        run(w, "RELEASE whole");
        int r = history_events(w->history, &all, ignore, NULL, &err);
        if (r != -EBADMSG || !strstr(err.message, "#3"))
            fail_msg("%s: %d %s", damages[i], r, err.message);
        run(w, "UPDATE event SET op=8,outcome=0,count=1,b_mode=NULL,a_size=NULL,r_uid=NULL,"
               "time=20000000000,session=1,tid=NULL,ranges=NULL,xattrs=NULL,"
               "path=(SELECT id FROM path WHERE bytes=CAST('Projects/a' AS BLOB)) WHERE id=3");
    }
    finds(w, HISTORY_ALL, "1 2 3 4 5 6 ");
}

static void values_of_strange_types_do_no_harm(void **state)
{
    struct world *w = given_a_story(state);
    run(w, "UPDATE event SET time='yesterday', reason=X'ff00ff', b_mtime=X'00', error=1.5,"
           " session=NULL WHERE id=3");
    run(w, "UPDATE session SET name=X'ff', command=12, status='x' WHERE id=3");
    run(w, "INSERT INTO hash(event, side, sha256) VALUES (2,1,X'00')");
    char found[64] = "";
    struct history_filter three = HISTORY_ALL;
    three.first_id = three.last_id = 3;
    assert_int_equal(history_events(w->history, &three, ignore, NULL, NULL), 0);
    assert_int_equal(history_event(w->history, 2, ignore, NULL, NULL), -EBADMSG);
    assert_int_equal(history_sessions(w->history, NULL, add_session, found, NULL), 0);
}

static void where_no_journal_is_the_way_to_one_is_told(void **state)
{
    (void)state;
    char folder[64];
    int root = test_folder_make(folder, sizeof folder);
    struct history *history = NULL;
    struct error err = ERROR_NONE;
    assert_int_equal(history_open(root, &history, &err), -ENOENT);
    assert_null(history);
    assert_non_null(strstr(err.message, "ccfs init"));
    close(root);
    test_folder_remove(folder);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, make_world, remove_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(everything_comes_oldest_first),
        STORY(a_path_means_it_and_what_is_below_by_either_name),
        STORY(a_glob_crosses_folders_and_takes_what_is_below),
        STORY(filters_narrow_each_other_down),
        STORY(an_actor_means_all_that_it_started),
        STORY(who_is_his_own_ancestor_is_found_once),
        STORY(whoever_asks_can_choose_by_path),
        STORY(a_limit_keeps_the_newest),
        STORY(many_paths_are_searched_as_well_as_few),
        STORY(whoever_looks_can_stop),
        STORY(an_event_comes_with_all_that_is_known_of_it),
        STORY(what_took_an_event_back_is_told),
        STORY(a_session_goes_by_number_or_by_its_newest_name),
        STORY(a_sessions_counts_are_what_a_person_would_say),
        STORY(the_last_burst_ends_at_a_pause_and_skips_what_is_undone),
        STORY(rows_that_make_no_sense_are_refused_by_number),
        STORY(values_of_strange_types_do_no_harm),
        cmocka_unit_test(where_no_journal_is_the_way_to_one_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
